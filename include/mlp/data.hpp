/** @file
 * Data sets in C++. Include mlp/mlp.hpp. */
#ifndef MLP_DATA_HPP
#define MLP_DATA_HPP

#include <mlp/support.hpp>

namespace mlp
{

/** A data set (mlp/data.h). */
class data : public detail::owner<mlp_data, mlp_data_destroy>
{
  public:
    using owner::owner;
    /** From a file, in any format that is known. */
    static outcome<data> load(const std::string &path, const mlp_data_options *options = nullptr)
    {
        mlp_data *handle = nullptr;
        const mlp_status status = mlp_data_load(path.c_str(), options, &handle);
        return detail::finish(status, data(handle));
    }
    /** From arrays, which must live as long as the set and its parts. */
    static outcome<data> create(const mlp_data_arrays &arrays)
    {
        mlp_data *handle = nullptr;
        const mlp_status status = mlp_data_create(&arrays, &handle);
        return detail::finish(status, data(handle));
    }
    /** Two parts, the second of about `fraction` of the samples. */
    outcome<std::pair<data, data>> split(double fraction, std::uint64_t seed, bool stratified = false) const
    {
        mlp_data *first = nullptr, *second = nullptr;
        const mlp_status status = stratified
                                      ? mlp_data_split_stratified(get(), fraction, seed, &first, &second)
                                      : mlp_data_split(get(), fraction, seed, &first, &second);
        return detail::finish(status, std::pair<data, data>(data(first), data(second)));
    }
    /** Training and validation set of a fold. */
    outcome<std::pair<data, data>> fold(std::size_t folds, std::size_t fold, bool stratified,
                                        std::uint64_t seed) const
    {
        mlp_data *train = nullptr, *validation = nullptr;
        const mlp_status status = mlp_data_fold(get(), folds, fold, stratified, seed, &train, &validation);
        return detail::finish(status, std::pair<data, data>(data(train), data(validation)));
    }
    outcome<data> slice(std::size_t first, std::size_t count) const
    {
        mlp_data *part = nullptr;
        const mlp_status status = mlp_data_slice(get(), first, count, &part);
        return detail::finish(status, data(part));
    }
    std::size_t count() const noexcept
    {
        return mlp_data_count(get());
    }
    std::size_t inputs() const noexcept
    {
        return mlp_data_inputs(get());
    }
    std::size_t class_count() const noexcept
    {
        return mlp_data_class_count(get());
    }
    std::size_t outputs() const noexcept
    {
        return mlp_data_outputs(get());
    }
};

} // namespace mlp

#endif
