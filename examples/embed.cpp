// A network inside a C++17 program: handles in unique_ptr, errors as exceptions, also those of a callback.
//
// Learns exclusive or.
#include <cstdio>
#include <exception>
#include <memory>
#include <random>
#include <stdexcept>

#include <mlp/mlp.h>

namespace
{

void check(mlp_status status)
{
    if (status != MLP_OK) {
        throw std::runtime_error(mlp_last_error());
    }
}

struct Destroy {
    void operator()(mlp_network *network) const
    {
        mlp_network_destroy(&network);
    }
    void operator()(mlp_workspace *workspace) const
    {
        mlp_workspace_destroy(&workspace);
    }
    void operator()(mlp_optimizer *optimizer) const
    {
        mlp_optimizer_destroy(&optimizer);
    }
};

template <typename Handle> using Owned = std::unique_ptr<Handle, Destroy>;

// Draws weights by a generator of the standard library. No exception may leave a callback, whose caller is C:
// it is kept here, the callback fails, and so does the function of the library that called it.
struct Draw {
    std::mt19937 generator{ 3 };
    std::exception_ptr thrown;

    static mlp_status fill(float *values, size_t rows, size_t columns, uint64_t, size_t,
                           void *context) noexcept
    {
        Draw *draw = static_cast<Draw *>(context);
        try {
            std::normal_distribution<float> normal;
            for (size_t i = 0; i < rows * columns; i++) {
                values[i] = normal(draw->generator);
            }
            return MLP_OK;
        } catch (...) {
            draw->thrown = std::current_exception();
            return MLP_ERROR_STATE;
        }
    }
};

Owned<mlp_network> make_network(Draw &draw)
{
    mlp_layer layers[2] = {};
    layers[0].units = 8;
    layers[0].activation = MLP_ACTIVATION_TANH;
    layers[0].init = MLP_INIT_CUSTOM;
    layers[0].init_parameters.custom = Draw::fill;
    layers[0].init_parameters.context = &draw; // for the life of the network
    layers[1].units = 1;
    layers[1].activation = MLP_ACTIVATION_SIGMOID; // the loss is binary cross-entropy
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    options.seed = 3;
    mlp_network *network = nullptr;
    const mlp_status status = mlp_network_create(2, layers, 2, &options, &network);
    if (draw.thrown) {
        std::rethrow_exception(draw.thrown);
    }
    check(status);
    return Owned<mlp_network>(network);
}

int run()
{
    const float x[4][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };
    const int32_t classes[4] = { 0, 1, 1, 0 };
    const mlp_targets targets = { classes, nullptr, nullptr };
    Draw draw;
    const auto network = make_network(draw);
    mlp_workspace *workspace = nullptr;
    check(mlp_workspace_create(network.get(), 4, nullptr, &workspace));
    const Owned<mlp_workspace> owned_workspace(workspace);
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = MLP_OPTIMIZER_ADAM;
    options.learning_rate = 0.05;
    mlp_optimizer *optimizer = nullptr;
    check(mlp_optimizer_create(network.get(), &options, &optimizer));
    const Owned<mlp_optimizer> owned_optimizer(optimizer);
    for (int step = 0; step < 500; step++) {
        check(mlp_train_step(network.get(), optimizer, workspace, &x[0][0], &targets, 4, nullptr));
    }
    int32_t predicted[4];
    check(mlp_predict_classes(network.get(), workspace, &x[0][0], 4, predicted));
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        std::printf("%g xor %g = %d\n", x[i][0], x[i][1], predicted[i]);
        wrong += predicted[i] != classes[i];
    }
    return wrong;
}

} // namespace

int main()
{
    try {
        return run();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "embed: %s\n", error.what());
        return 1;
    }
}
