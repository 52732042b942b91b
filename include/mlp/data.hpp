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
    data() noexcept = default;
    /** Takes a handle of the C interface over. */
    explicit data(mlp_data *handle, detail::shared_lambdas lambdas = nullptr) noexcept
        : owner(handle), lambdas_(std::move(lambdas))
    {
    }
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
    /** From a function that makes samples when they are wanted: mlp_status read(const mlp_data_block &block).
     * `source` says what they are like, but for `read` and `context`. The function lives as long as the set
     * and its parts. */
    template <typename Read> static outcome<data> from_source(mlp_data_source source, Read read)
    {
        detail::shared_lambdas lambdas;
        source.context = detail::made(lambdas)->keep(std::move(read));
        source.read = [](const mlp_data_block *block, void *context) {
            auto &held = detail::held<Read>(context);
            return held.owner->run(MLP_ERROR_STATE, [&] { return mlp_status(held.function(*block)); });
        };
        mlp_data *handle = nullptr;
        const mlp_status status = mlp_data_create_from_source(&source, &handle);
        return detail::finish(status, data(handle, std::move(lambdas)));
    }
    /** Two parts, the second of about `fraction` of the samples. */
    outcome<std::pair<data, data>> split(double fraction, std::uint64_t seed, bool stratified = false) const
    {
        mlp_data *first = nullptr, *second = nullptr;
        const mlp_status status = stratified
                                      ? mlp_data_split_stratified(get(), fraction, seed, &first, &second)
                                      : mlp_data_split(get(), fraction, seed, &first, &second);
        return detail::finish(status, std::pair<data, data>(data(first, lambdas_), data(second, lambdas_)));
    }
    /** Training and validation set of a fold. */
    outcome<std::pair<data, data>> fold(std::size_t folds, std::size_t fold, bool stratified,
                                        std::uint64_t seed) const
    {
        mlp_data *train = nullptr, *validation = nullptr;
        const mlp_status status = mlp_data_fold(get(), folds, fold, stratified, seed, &train, &validation);
        return detail::finish(status,
                              std::pair<data, data>(data(train, lambdas_), data(validation, lambdas_)));
    }
    outcome<data> slice(std::size_t first, std::size_t count) const
    {
        mlp_data *part = nullptr;
        const mlp_status status = mlp_data_slice(get(), first, count, &part);
        return detail::finish(status, data(part, lambdas_));
    }
    const detail::shared_lambdas &lambdas() const noexcept
    {
        return lambdas_;
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

  private:
    detail::shared_lambdas lambdas_;
};

} // namespace mlp

#endif
