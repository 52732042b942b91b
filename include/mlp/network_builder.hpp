/** @file
 * Networks described and created in C++. Include mlp/mlp.hpp. */
#ifndef MLP_NETWORK_BUILDER_HPP
#define MLP_NETWORK_BUILDER_HPP

#include <mlp/network.hpp>

namespace mlp
{

/** Describes a network layer by layer, and creates it:
 *     auto network = mlp::network_builder(784)
 *                        .layer(256, MLP_ACTIVATION_RELU)
 *                        .layer(128, MLP_ACTIVATION_TANH, MLP_INIT_XAVIER_NORMAL)
 *                        .layer(10, MLP_ACTIVATION_SOFTMAX)
 *                        .build(); */
class network_builder
{
  public:
    explicit network_builder(std::size_t inputs) : inputs_(inputs)
    {
    }
    network_builder &layer(std::size_t units, mlp_activation activation = MLP_ACTIVATION_IDENTITY,
                           mlp_init init = MLP_INIT_AUTOMATIC)
    {
        mlp_layer made{};
        made.units = units;
        made.activation = activation;
        made.init = init;
        layers_.push_back(made);
        return *this;
    }
    /** A layer with an activation of the caller's own, entry by entry: void value(span<const float> z,
     * span<float> a), void derivative(span<const float> z, span<float> d), both from several threads at
     * once. */
    template <typename Value, typename Derivative>
    network_builder &layer(std::size_t units, Value value, Derivative derivative)
    {
        using pair = std::pair<Value, Derivative>;
        layer(units, MLP_ACTIVATION_CUSTOM);
        mlp_activation_callbacks &custom = last().custom_activation;
        custom.context = keep(pair(std::move(value), std::move(derivative)));
        custom.value = [](const float *z, float *a, std::size_t count, void *context) {
            entries<pair>(context, z, a, count, [](pair &both) -> Value & { return both.first; });
        };
        custom.derivative = [](const float *z, float *d, std::size_t count, void *context) {
            entries<pair>(context, z, d, count, [](pair &both) -> Derivative & { return both.second; });
        };
        return *this;
    }
    /** What files call the last layer's own activation, or the loss of the caller's own, so that a loader
     * finds it; borrowed until build(). */
    network_builder &activation_name(const char *name)
    {
        activation_names_.resize(layers_.size());
        activation_names_.back() = name;
        return *this;
    }
    network_builder &loss_name(const char *name)
    {
        options_.custom_loss_name = name;
        return *this;
    }
    /** Draws the last layer's weights: void draw(span<float> values, size_t rows, size_t columns, uint64_t
     * seed, size_t layer). */
    template <typename Draw> network_builder &init(Draw draw)
    {
        last().init = MLP_INIT_CUSTOM;
        last().init_parameters.context = keep(std::move(draw));
        last().init_parameters.custom = [](float *values, std::size_t rows, std::size_t columns,
                                           std::uint64_t seed, std::size_t layer, void *context) {
            auto &held = detail::held<Draw>(context);
            return held.owner->run(MLP_ERROR_STATE, [&] {
                held.function(span<float>(values, rows * columns), rows, columns, seed, layer);
                return MLP_OK;
            });
        };
        return *this;
    }
    network_builder &loss(mlp_loss loss)
    {
        options_.loss = loss;
        return *this;
    }
    /** A loss of the caller's own: double loss(const mlp::loss_batch &batch). */
    template <typename Loss, typename = std::enable_if_t<std::is_invocable_v<Loss, const loss_batch &>>>
    network_builder &loss(Loss loss)
    {
        options_.loss = MLP_LOSS_CUSTOM;
        options_.custom_loss_context = keep(std::move(loss));
        options_.custom_loss = [](const float *outputs, const mlp_targets *targets, std::size_t units,
                                  std::size_t count, std::size_t leading_dimension, float *gradient,
                                  double *value, void *context) {
            auto &held = detail::held<Loss>(context);
            return held.owner->run(MLP_ERROR_STATE, [&] {
                *value =
                    held.function(loss_batch{ outputs, *targets, units, count, leading_dimension, gradient });
                return MLP_OK;
            });
        };
        return *this;
    }
    network_builder &seed(std::uint64_t seed)
    {
        options_.seed = seed;
        return *this;
    }
    /** Everything else of the network, and of the layer described last; there must be one. */
    mlp_network_options &options() noexcept
    {
        return options_;
    }
    mlp_layer &last() noexcept
    {
        return layers_.back();
    }
    /** Creates the network; lambdas live as long as it and its copies. */
    outcome<network> build() const
    {
        mlp_network *handle = nullptr;
        mlp_network_options options = options_;
        std::vector<const char *> names = activation_names_;
        names.resize(layers_.size());
        options.custom_activation_names = activation_names_.empty() ? nullptr : names.data();
        const mlp_status status =
            mlp_network_create(inputs_, layers_.data(), layers_.size(), &options, &handle);
        network made(handle, lambdas_);
        detail::rethrow(lambdas_);
        return detail::finish(status, std::move(made));
    }

  private:
    template <typename F> void *keep(F function)
    {
        return detail::made(lambdas_)->keep(std::move(function));
    }
    /** An activation cannot fail: where a lambda throws its results are NaN, which no step applies. */
    template <typename F, typename Choose>
    static void entries(void *context, const float *z, float *out, std::size_t count, Choose choose) noexcept
    {
        auto &held = detail::held<F>(context);
        const bool done = held.owner->run(false, [&] {
            choose(held.function)(span<const float>(z, count), span<float>(out, count));
            return true;
        });
        if (!done) {
            std::fill(out, out + count, std::numeric_limits<float>::quiet_NaN());
        }
    }

    std::size_t inputs_;
    std::vector<mlp_layer> layers_;
    std::vector<const char *> activation_names_;
    mlp_network_options options_ = MLP_NETWORK_OPTIONS_INIT;
    detail::shared_lambdas lambdas_;
};

} // namespace mlp

#endif
