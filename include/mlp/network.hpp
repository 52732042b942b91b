/** @file
 * Networks and workspaces in C++. Include mlp/mlp.hpp. */
#ifndef MLP_NETWORK_HPP
#define MLP_NETWORK_HPP

#include <mlp/data.hpp>

namespace mlp
{

/** Bytes that the library made, such as a model in memory. */
class model_bytes : public detail::owner<void, mlp_memory_free>
{
  public:
    model_bytes() noexcept = default;
    model_bytes(void *bytes, std::size_t size) noexcept : owner(bytes), size_(size)
    {
    }
    std::size_t size() const noexcept
    {
        return size_;
    }

  private:
    std::size_t size_ = 0;
};

/** What a batch should have come out as: classes or values, which convert to it, and weights; all borrowed
 * for a call. */
struct targets {
    span<const std::int32_t> classes;
    span<const float> values;
    span<const float> weights;

    targets(span<const std::int32_t> of_classes, span<const float> of_weights = {})
        : classes(of_classes), weights(of_weights)
    {
    }
    targets(span<const float> of_values, span<const float> of_weights = {})
        : values(of_values), weights(of_weights)
    {
    }
    template <std::size_t N> targets(const std::int32_t (&array)[N]) : classes(array, N)
    {
    }
    template <std::size_t N> targets(const float (&array)[N]) : values(array, N)
    {
    }
    targets(const std::vector<std::int32_t> &of_classes) : classes(of_classes.data(), of_classes.size())
    {
    }
    targets(const std::vector<float> &of_values) : values(of_values.data(), of_values.size())
    {
    }
    /** As the C interface takes it. */
    mlp_targets get() const noexcept
    {
        return { detail::data_or_null(classes), detail::data_or_null(values), detail::data_or_null(weights) };
    }
};

/** A batch that a loss of the caller's own is asked for: see mlp_loss_callback. `gradient` may be nullptr. */
struct loss_batch {
    const float *outputs;
    const mlp_targets &targets;
    std::size_t units, count, leading_dimension;
    float *gradient;
};

class workspace;

/** A network (mlp/network.h). A const network serves any number of threads, each with a workspace of its own.
 * */
class network : public detail::owner<mlp_network, mlp_network_destroy>
{
  public:
    network() noexcept = default;
    /** Takes a handle of the C interface over. */
    explicit network(mlp_network *handle, detail::shared_lambdas lambdas = nullptr) noexcept
        : owner(handle), lambdas_(std::move(lambdas))
    {
    }
    /** From a file; `options` find a network's own functions by their names. */
    static outcome<network> load(const std::string &path, const mlp_load_options *options = nullptr)
    {
        mlp_network *handle = nullptr;
        const mlp_status status = mlp_model_load_with(path.c_str(), options, &handle);
        return detail::finish(status, network(handle));
    }
    /** From `size` bytes that hold what a file would. */
    static outcome<network> load(const void *bytes, std::size_t size,
                                 const mlp_load_options *options = nullptr)
    {
        mlp_network *handle = nullptr;
        const mlp_status status = mlp_model_load_memory(bytes, size, options, &handle);
        return detail::finish(status, network(handle));
    }
    outcome<void> save(const std::string &path) const
    {
        return finish(mlp_model_save(get(), path.c_str()));
    }
    /** What save() would write. */
    outcome<model_bytes> save() const
    {
        void *bytes = nullptr;
        std::size_t size = 0;
        const mlp_status status = mlp_model_save_memory(get(), &bytes, &size);
        return detail::finish(status, model_bytes(bytes, size));
    }
    outcome<network> copy() const
    {
        mlp_network *handle = nullptr;
        const mlp_status status = mlp_network_copy(get(), &handle);
        return detail::finish(status, network(handle, lambdas_));
    }
    outcome<void> initialize(std::uint64_t seed)
    {
        return finish(mlp_network_initialize(get(), seed));
    }
    /** Shifts and scales inputs by the means and deviations of a data set from now on. */
    outcome<void> standardize(const data &by)
    {
        return finish(mlp_data_standardize(by.get(), get()));
    }
    std::size_t inputs() const noexcept
    {
        return mlp_network_inputs(get());
    }
    std::size_t outputs() const noexcept
    {
        return mlp_network_outputs(get());
    }
    std::size_t layer_count() const noexcept
    {
        return mlp_network_layer_count(get());
    }
    std::size_t parameter_count() const noexcept
    {
        return mlp_network_parameter_count(get());
    }
    /** W of a layer, borrowed: a view with a leading dimension. */
    outcome<mlp_const_matrix> weights(std::size_t layer) const
    {
        mlp_const_matrix view{};
        const mlp_status status = mlp_network_weights(get(), layer, &view);
        return detail::finish(status, view);
    }
    outcome<mlp_const_matrix> bias(std::size_t layer) const
    {
        mlp_const_matrix view{};
        const mlp_status status = mlp_network_bias(get(), layer, &view);
        return detail::finish(status, view);
    }
    /** `y` receives count × outputs values. No allocation. */
    outcome<void> predict(workspace &in, span<const float> x, span<float> y) const;
    /** Of `count` samples that lie `stride` floats apart in `x`. */
    outcome<void> predict_strided(workspace &in, span<const float> x, std::size_t stride,
                                  span<float> y) const;
    /** `classes` receives count indices. No allocation. */
    outcome<void> predict_classes(workspace &in, span<const float> x, span<std::int32_t> classes) const;
    outcome<void> forward(workspace &in, span<const float> x) const;
    /** The loss of the batch that went forward; dZ, dW and db stay in the workspace. */
    outcome<double> loss_backward(workspace &in, const targets &targets) const;

    /** MLP_OK, or why `x` is no batch of this network; then mlp::error is what `text` says. */
    mlp_status check_batch(std::size_t values, std::string &text) const
    {
        if (values == 0 || values % inputs() != 0) {
            text = "x has " + std::to_string(values) + " values, expected a multiple of " +
                   std::to_string(inputs());
            return MLP_ERROR_SHAPE;
        }
        return MLP_OK;
    }
    /** MLP_OK, or why `with` does not suit `count` samples. */
    mlp_status check_targets(const targets &with, std::size_t count, std::string &text) const
    {
        const std::size_t values = count * outputs();
        if (!with.classes.empty() && with.classes.size() != count) {
            text = detail::size_text("targets.classes", with.classes.size(), count);
        } else if (!with.values.empty() && with.values.size() != values) {
            text = detail::size_text("targets.values", with.values.size(), values);
        } else if (!with.weights.empty() && with.weights.size() != count) {
            text = detail::size_text("targets.weights", with.weights.size(), count);
        } else {
            return MLP_OK;
        }
        return MLP_ERROR_SHAPE;
    }
    const detail::shared_lambdas &lambdas() const noexcept
    {
        return lambdas_;
    }

  private:
    outcome<void> finish(mlp_status status) const
    {
        detail::rethrow(lambdas_);
        return detail::finish(status);
    }
    detail::shared_lambdas lambdas_;
};

/** Buffers for passes of a network and a largest batch (mlp/workspace.h). */
class workspace : public detail::owner<mlp_workspace, mlp_workspace_destroy>
{
  public:
    using owner::owner;
    static outcome<workspace> create(const network &of, std::size_t batch,
                                     const mlp_workspace_options *options = nullptr)
    {
        mlp_workspace *handle = nullptr;
        const mlp_status status = mlp_workspace_create(of.get(), batch, options, &handle);
        return detail::finish(status, workspace(handle));
    }
    /** One that serves predictions alone, in a fraction of the memory. */
    static outcome<workspace> for_inference(const network &of, std::size_t batch, int threads = 0)
    {
        mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
        options.purpose = MLP_WORKSPACE_INFERENCE;
        options.threads = threads;
        return create(of, batch, &options);
    }
    std::size_t batch() const noexcept
    {
        return mlp_workspace_batch(get());
    }
    /** An intermediate of a layer, borrowed until the next pass. */
    outcome<mlp_matrix> view(mlp_tensor tensor, std::size_t layer)
    {
        mlp_matrix matrix{};
        const mlp_status status = mlp_workspace_view(get(), tensor, layer, &matrix);
        return detail::finish(status, matrix);
    }
    /** Of the last forward pass. */
    std::size_t count() const noexcept
    {
        return count_;
    }

  private:
    friend class network;
    std::size_t count_ = 0;
};

inline outcome<void> network::predict(workspace &in, span<const float> x, span<float> y) const
{
    std::string text;
    if (check_batch(x.size(), text) != MLP_OK) {
        return detail::failed<void>(MLP_ERROR_SHAPE, text);
    }
    const std::size_t count = x.size() / inputs();
    if (y.size() != count * outputs()) {
        return detail::failed<void>(MLP_ERROR_SHAPE, detail::size_text("y", y.size(), count * outputs()));
    }
    return finish(mlp_predict(get(), in.get(), x.data(), count, y.data()));
}

inline outcome<void> network::predict_strided(workspace &in, span<const float> x, std::size_t stride,
                                              span<float> y) const
{
    const std::size_t count = y.size() / outputs(), least = count > 0 ? (count - 1) * stride + inputs() : 0;
    if (count == 0 || y.size() != count * outputs() || x.size() < least) {
        return detail::failed<void>(MLP_ERROR_SHAPE, detail::size_text("x", x.size(), least));
    }
    return finish(mlp_predict_strided(get(), in.get(), x.data(), stride, count, y.data()));
}

inline outcome<void> network::predict_classes(workspace &in, span<const float> x,
                                              span<std::int32_t> classes) const
{
    std::string text;
    if (check_batch(x.size(), text) != MLP_OK) {
        return detail::failed<void>(MLP_ERROR_SHAPE, text);
    }
    const std::size_t count = x.size() / inputs();
    if (classes.size() != count) {
        return detail::failed<void>(MLP_ERROR_SHAPE, detail::size_text("classes", classes.size(), count));
    }
    return finish(mlp_predict_classes(get(), in.get(), x.data(), count, classes.data()));
}

inline outcome<void> network::forward(workspace &in, span<const float> x) const
{
    std::string text;
    if (check_batch(x.size(), text) != MLP_OK) {
        return detail::failed<void>(MLP_ERROR_SHAPE, text);
    }
    in.count_ = x.size() / inputs();
    return finish(mlp_forward(get(), in.get(), x.data(), in.count_));
}

inline outcome<double> network::loss_backward(workspace &in, const targets &with) const
{
    std::string text;
    if (check_targets(with, in.count(), text) != MLP_OK) {
        return detail::failed<double>(MLP_ERROR_SHAPE, text);
    }
    double loss = 0.0;
    const mlp_targets given = with.get();
    const mlp_status status = mlp_loss_backward(get(), in.get(), &given, &loss);
    detail::rethrow(lambdas_);
    return detail::finish(status, loss);
}

} // namespace mlp

#endif
