// A network inside a C++17 program, with weights drawn by the standard library: learns exclusive or.
#include <cstdio>
#include <random>

#include <mlp/mlp.hpp>

int main()
try {
    const float x[] = { 0, 0, 0, 1, 1, 0, 1, 1 };
    const std::int32_t classes[] = { 0, 1, 1, 0 };
    std::mt19937 generator{ 3 };
    std::normal_distribution<float> normal;
    const auto draw = [&](mlp::span<float> weights, std::size_t, std::size_t, std::uint64_t, std::size_t) {
        for (float &weight : weights) {
            weight = normal(generator); // what it throws comes out of build()
        }
    };
    auto network = mlp::network_builder(2)
                       .layer(8, MLP_ACTIVATION_TANH)
                       .init(draw)
                       .layer(1, MLP_ACTIVATION_SIGMOID) // the loss is binary cross-entropy
                       .build();
    auto workspace = mlp::workspace::create(network, 4);
    auto optimizer = mlp::optimizer::create(network, MLP_OPTIMIZER_ADAM, 0.05);
    for (int step = 0; step < 500; step++) {
        mlp::train_step(network, optimizer, workspace, x, classes);
    }
    std::int32_t predicted[4];
    network.predict_classes(workspace, x, predicted);
    for (int i = 0; i < 4; i++) {
        std::printf("%g xor %g = %d\n", x[2 * i], x[2 * i + 1], predicted[i]);
    }
    return !std::equal(predicted, predicted + 4, classes);
} catch (const std::exception &error) {
    std::fprintf(stderr, "embed: %s\n", error.what());
    return 1;
}
