// What mlp/mlp.hpp promises, as a program that returns 0; compiled by every standard and compiler, with
// exceptions and, with MLP_NO_EXCEPTIONS, without.
#include <array>
#include <cstdio>
#include <stdexcept>
#include <type_traits>

#include <mlp/mlp.hpp>

namespace
{

int failures;

void expect(bool holds, const char *what)
{
    if (!holds) {
        std::printf("%s\n", what);
        failures++;
    }
}

#define EXPECT(condition) expect(condition, #condition)

constexpr std::array<float, 8> x = { 0, 0, 0, 1, 1, 0, 1, 1 };
constexpr std::int32_t classes[] = { 0, 1, 1, 0 };

// The value of an outcome, of either kind.
#ifdef MLP_NO_EXCEPTIONS
template <typename T> T take(mlp::result<T> result)
{
    expect(bool(result), result.text().c_str());
    return *std::move(result);
}
#else
template <typename T> T take(T value)
{
    return value;
}
#endif

// The status that a call fails with, and its text.
template <typename Call> mlp_status status_of(Call call, std::string &text)
{
#ifdef MLP_NO_EXCEPTIONS
    const auto result = call();
    text = result.text();
    return result.status();
#else
    try {
        (void)call();
        return MLP_OK;
    } catch (const mlp::error &error) {
        text = error.what();
        return error.status();
    }
#endif
}

mlp_data_arrays arrays()
{
    mlp_data_arrays made = MLP_DATA_ARRAYS_INIT;
    made.count = 4;
    made.inputs = 2;
    made.features = x.data();
    made.classes = classes;
    return made;
}

void owners()
{
    using mlp::network;
    static_assert(std::is_nothrow_move_constructible_v<network> &&
                  std::is_nothrow_move_assignable_v<network>);
    static_assert(!std::is_copy_constructible_v<network> && !std::is_copy_assignable_v<network>);
    static_assert(sizeof(mlp::workspace) <= 2 * sizeof(void *) && sizeof(mlp::data) <= 3 * sizeof(void *));
    network a = take(mlp::network_builder(2).layer(3, MLP_ACTIVATION_TANH).layer(1).build());
    const mlp_network *handle = a.get();
    network b = std::move(a);
    EXPECT(b.get() == handle && b);
    EXPECT(a.get() == nullptr && !a); // NOLINT: a moved-from owner is empty
    b = take(b.copy());
    EXPECT(b.get() != handle && b.parameter_count() == 13);
}

void names()
{
    EXPECT(mlp::name(MLP_ACTIVATION_LEAKY_RELU) == "leaky-relu");
    EXPECT(mlp::name(static_cast<mlp_activation>(31)).empty());
    EXPECT(take(mlp::from_name<mlp_optimizer_rule>("adam")) == MLP_OPTIMIZER_ADAM);
    EXPECT(take(mlp::from_name<mlp_init>(std::string_view("he-normal!").substr(0, 9))) == MLP_INIT_HE_NORMAL);
    std::string text;
    EXPECT(status_of([] { return mlp::from_name<mlp_loss>(std::string_view("huber\0x", 7)); }, text) ==
           MLP_ERROR_ARGUMENT);
    EXPECT(text.find("cross-entropy") != std::string::npos);
}

void errors()
{
    std::string text;
    EXPECT(status_of([] { return mlp::network_builder(2).layer(0).build(); }, text) == MLP_ERROR_RANGE);
    EXPECT(text.find("layer 0") != std::string::npos);
    EXPECT(status_of([] { return mlp::data::load("/nowhere.csv"); }, text) == MLP_ERROR_IO);
    auto network = take(mlp::network_builder(2).layer(1, MLP_ACTIVATION_SIGMOID).build());
    auto workspace = take(mlp::workspace::create(network, 4));
    std::array<float, 3> y{};
    EXPECT(status_of([&] { return network.predict(workspace, x, y); }, text) == MLP_ERROR_SHAPE);
    EXPECT(text == "y has 3 entries, expected 4");
    EXPECT(status_of([&] { return network.forward(workspace, mlp::span<const float>(x.data(), 7)); }, text) ==
           MLP_ERROR_SHAPE);
    auto optimizer = take(mlp::optimizer::create(network, MLP_OPTIMIZER_ADAM));
    const std::vector<std::int32_t> few = { 0, 1 };
    EXPECT(status_of([&] { return mlp::train_step(network, optimizer, workspace, x, few); }, text) ==
           MLP_ERROR_SHAPE);
    EXPECT(text == "targets.classes has 2 entries, expected 4");
}

// A model in memory; a function of the caller's own is found by its name.
void in_memory()
{
    const auto three = [](auto z, auto a) {
        for (std::size_t i = 0; i < z.size(); i++) {
            a[i] = 3.0f * z[i];
        }
    };
    auto network = take(mlp::network_builder(2)
                            .layer(1, three, [](auto, auto d) { std::fill(d.begin(), d.end(), 3.0f); })
                            .activation_name("three")
                            .build());
    const auto bytes = take(network.save());
    mlp_load_options options = MLP_LOAD_OPTIONS_INIT;
    mlp_layer layer{};
    EXPECT(mlp_network_layer(network.get(), 0, &layer) == MLP_OK);
    options.context = &layer.custom_activation;
    options.find_activation = [](const char *, mlp_activation_callbacks *callbacks, void *context) {
        *callbacks = *static_cast<const mlp_activation_callbacks *>(context);
    };
    auto loaded = take(mlp::network::load(bytes.get(), bytes.size(), &options));
    auto workspace = take(mlp::workspace::create(network, 4));
    std::array<float, 4> y{}, again{};
    (void)network.predict_strided(workspace, x, 2, y);
    (void)loaded.predict(workspace, x, again);
    EXPECT(y == again);
    std::string text;
    EXPECT(status_of([&] { return mlp::network::load(bytes.get(), bytes.size()); }, text) ==
           MLP_ERROR_UNSUPPORTED);
    EXPECT(text.find("'three'") != std::string::npos);
}

// A loop by hand goes on from its checkpoint.
void checkpoints()
{
    const char *path = "loop.safetensors";
    auto network = take(mlp::network_builder(2).layer(1, MLP_ACTIVATION_SIGMOID).build());
    auto optimizer = take(mlp::optimizer::create(network, MLP_OPTIMIZER_ADAM));
    auto workspace = take(mlp::workspace::create(network, 4));
    std::array<float, 4> y{}, again{};
    long step = 1, found = 0;
    (void)mlp::train_step(network, optimizer, workspace, x, mlp::targets(classes));
    (void)mlp::save_checkpoint(path, network, optimizer, step);
    for (auto *outputs : { &y, &again }) {
        (void)mlp::train_step(network, optimizer, workspace, x, mlp::targets(classes));
        (void)network.predict(workspace, x, *outputs);
        (void)mlp::load_checkpoint(path, network, optimizer, found);
    }
    EXPECT(found == 1 && y == again);
    std::remove(path);
}

// Data from a lambda, whose parts keep it.
void sources()
{
    mlp_data_source like = MLP_DATA_SOURCE_INIT;
    like.count = 4;
    like.inputs = 2;
    like.class_count = 2;
    auto part = [&] {
        auto all = take(mlp::data::from_source(like, [](const mlp_data_block &block) {
            for (std::size_t i = 0; i < block.count; i++) {
                std::copy_n(x.data() + 2 * (block.first + i), 2, block.x + 2 * i);
                block.classes[i] = classes[block.first + i];
            }
            return MLP_OK;
        }));
        return take(all.slice(1, 3));
    }();
    std::array<float, 6> read{};
    std::array<std::int32_t, 3> of{};
    EXPECT(mlp_data_read(part.get(), 0, 3, read.data(), of.data(), nullptr) == MLP_OK);
    EXPECT(std::equal(read.begin(), read.end(), x.begin() + 2) && of[2] == 0);
}

// Lambdas in the place of every callback compute what the library's own functions do, to the bit where the
// sums are the same.
void lambdas()
{
    const auto data = take(mlp::data::create(arrays()));
    std::size_t calls = 0;
    auto network = take(mlp::network_builder(2)
                            .layer(
                                4, [](auto z, auto a) { std::copy(z.begin(), z.end(), a.begin()); },
                                [](auto, auto d) { std::fill(d.begin(), d.end(), 1.0f); })
                            .init([&](auto w, std::size_t, std::size_t, std::uint64_t, std::size_t) {
                                std::fill(w.begin(), w.end(), 0.5f);
                                calls++;
                            })
                            .layer(1)
                            .loss([&](const mlp::loss_batch &batch) {
                                calls++;
                                double sum = 0.0;
                                for (std::size_t i = 0; i < batch.count; i++) {
                                    const float y = batch.outputs[i * batch.leading_dimension];
                                    sum += 0.25 * y * y;
                                    if (batch.gradient != nullptr) {
                                        batch.gradient[i * batch.leading_dimension] = 0.5f * y;
                                    }
                                }
                                return sum;
                            })
                            .build());
    EXPECT(calls == 1);
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.learning_rate = 0.125;
    auto optimizer = take(mlp::optimizer::create(network, options, [&](auto norms, auto, auto scale) {
        EXPECT(norms.size() == 4);
        std::fill(scale.begin(), scale.end(), 0.5f);
    }));
    std::size_t steps = 0;
    auto report = take(mlp::fit()
                           .epochs(10)
                           .batch(4)
                           .schedule([](std::size_t, std::size_t) { return 0.5; })
                           .progress([&](const mlp_progress &now) {
                               EXPECT(now.learning_rate == 0.0625);
                               steps += now.epoch_ended == 0;
                               return steps == 3;
                           })
                           .run(network, optimizer, data));
    EXPECT(report.stopped() && steps == 3 && calls >= 4);
    EXPECT(optimizer.updates() == 3 && take(report.epoch(0)).steps == 1);
}

// Three layers in five lines.
void learns()
{
    auto network = take(mlp::network_builder(2)
                            .layer(8, MLP_ACTIVATION_TANH)
                            .layer(8, MLP_ACTIVATION_RELU, MLP_INIT_HE_NORMAL)
                            .layer(1, MLP_ACTIVATION_SIGMOID)
                            .build());
    auto workspace = take(mlp::workspace::create(network, 4));
    auto optimizer = take(mlp::optimizer::create(network, MLP_OPTIMIZER_ADAM, 0.05));
    for (int step = 0; step < 200; step++) {
        (void)take(mlp::train_step(network, optimizer, workspace, x, classes));
    }
    std::array<std::int32_t, 4> predicted{};
    (void)network.predict_classes(workspace, x, predicted);
    EXPECT(std::equal(predicted.begin(), predicted.end(), classes));
    const auto diagnosis = take(mlp::diagnosis::of(network, x, classes));
    EXPECT(take(diagnosis.layer(0)).gradient_ratio >= 0.0 && !diagnosis.text().empty());
}

#ifndef MLP_NO_EXCEPTIONS
struct thrown {
    int value;
};

// The value that a call throws, 0 for none.
template <typename Call> int thrown_by(Call call)
{
    try {
        call();
    } catch (const thrown &what) {
        return what.value;
    }
    return 0;
}

// A lambda that throws, at every callback: the exception comes out of the call, and the object is as usable
// as before.
void throwing()
{
    const auto data = take(mlp::data::create(arrays()));
    bool armed = false;
    const auto explode = [&](int value) {
        if (armed) {
            throw thrown{ value };
        }
    };
    EXPECT(thrown_by([] {
               (void)mlp::network_builder(2)
                   .layer(1)
                   .init(
                       [](auto, std::size_t, std::size_t, std::uint64_t, std::size_t) { throw thrown{ 1 }; })
                   .build();
           }) == 1);
    auto network = mlp::network_builder(2)
                       .layer(
                           4, [&](auto z, auto a) { explode(2), std::copy(z.begin(), z.end(), a.begin()); },
                           [](auto, auto d) { std::fill(d.begin(), d.end(), 1.0f); })
                       .layer(1, MLP_ACTIVATION_SIGMOID)
                       .build();
    auto workspace = mlp::workspace::create(network, 4);
    auto optimizer = mlp::optimizer::create(network, MLP_OPTIMIZER_SGD);
    const auto step = [&] { (void)mlp::train_step(network, optimizer, workspace, x, classes); };
    std::array<float, 4> y{};
    armed = true;
    EXPECT(thrown_by(step) == 2);
    EXPECT(thrown_by([&] { network.predict(workspace, x, y); }) == 2);
    armed = false;
    EXPECT(thrown_by(step) == 0 && optimizer.updates() == 1);
    EXPECT(thrown_by([&] {
               (void)mlp::fit()
                   .progress([](const mlp_progress &) { throw thrown{ 3 }; })
                   .run(network, optimizer, data);
           }) == 3);
    EXPECT(optimizer.updates() == 2);
    EXPECT(thrown_by([&] {
               (void)mlp::fit()
                   .schedule([](std::size_t, std::size_t) -> double { throw thrown{ 4 }; })
                   .run(network, optimizer, data);
           }) == 4);
    const mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    auto clipping = mlp::optimizer::create(network, options, [](auto, auto, auto) { throw thrown{ 5 }; });
    EXPECT(thrown_by([&] { (void)mlp::train_step(network, clipping, workspace, x, classes); }) == 5);
    EXPECT(clipping.updates() == 0);
    auto lossy = mlp::network_builder(2)
                     .layer(1)
                     .loss([](const mlp::loss_batch &) -> double { throw thrown{ 6 }; })
                     .build();
    auto plain = mlp::optimizer::create(lossy, MLP_OPTIMIZER_SGD);
    EXPECT(thrown_by([&] { (void)mlp::fit().run(lossy, plain, data); }) == 6);
    EXPECT(thrown_by([&] { (void)mlp::evaluate(lossy, data); }) == 6);
}
#endif

} // namespace

int main()
{
    owners();
    names();
    errors();
    in_memory();
    checkpoints();
    sources();
    lambdas();
    learns();
#ifndef MLP_NO_EXCEPTIONS
    throwing();
#endif
    return failures > 0;
}
