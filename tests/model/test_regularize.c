/* Noise in the passes, against a network in double whose masks are drawn by the scalar generator. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/random.h"
#include "base/random_blocks.h"
#include "model/network.h"
#include "strategy/dropout.h"
#include "support/reference.h"

enum { INPUTS = 29, FIRST = 37, SECOND = 21, OUTPUTS = 5, BATCH = 45, SEED = 4242 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_regularization noise;
    float x[INPUTS * BATCH];
    int32_t classes[BATCH];
    mlp_targets targets;
};

static void make(struct fixture *f, mlp_activation activation, int threads)
{
    const mlp_layer layers[] = { { .units = FIRST,
                                   .activation = activation,
                                   .bias_init = MLP_INIT_NORMAL,
                                   .bias_parameters = { .a = 0.3 } },
                                 { .units = SECOND, .activation = activation },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    const mlp_regularization none = MLP_REGULARIZATION_INIT;
    uint64_t state = 8;
    options.threads = threads;
    assert_ok(mlp_network_create(INPUTS, layers, 3, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, BATCH, &options, &f->workspace));
    f->noise = none;
    f->noise.seed = SEED;
    test_fill(&state, -1.0, 1.0, f->x, INPUTS * BATCH);
    for (int i = 0; i < BATCH; i++) {
        f->classes[i] = i % OUTPUTS;
    }
    f->targets = (mlp_targets){ f->classes, NULL, NULL };
}

static void drop(struct fixture *f)
{
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

/* Whether unit i of sample j is dropped in `layer` (0: the inputs) and step: 16 units to a group, a group has
 * two blocks, a block eight halves of words, the lower first. */
static bool is_dropped(size_t layer, size_t step, size_t units, size_t i, size_t j, double p)
{
    const struct random_stream stream = random_stream(SEED, RANDOM_DROPOUT, layer, step);
    const size_t half = 16 * ((units + 15) / 16) * j + i, block = half / 8;
    const uint32_t counter[4] = { (uint32_t)block, 0, stream.name[0], stream.name[1] };
    uint32_t words[4];
    philox4x32_10(counter, stream.key, words);
    const uint32_t value = words[half % 8 / 2] >> (half % 2 * 16) & 0xFFFFu;
    return value < (uint32_t)lrint(p * 65536.0);
}

/* The formulas of Srivastava 2014 and Klambauer 2017. */
static void draw_masks(size_t layer, size_t step, size_t units, double p, bool alpha, double *factor,
                       double *offset)
{
    const double rounded = nearbyint(p * 65536.0) / 65536.0, q = 1.0 - rounded, end = -1.7580993408473766;
    const double s = alpha ? pow(q + end * end * q * rounded, -0.5) : 1.0 / q,
                 t = alpha ? -s * rounded * end : 0.0;
    for (size_t j = 0; j < BATCH; j++) {
        for (size_t i = 0; i < units; i++) {
            const bool dropped = is_dropped(layer, step, units, i, j, p);
            factor[i + j * units] = dropped ? 0.0 : s;
            offset[i + j * units] = dropped && alpha ? s * end + t : t;
        }
    }
}

static void assert_matrix(const mlp_matrix *view, const double *expected, double tolerance)
{
    for (size_t j = 0; j < view->columns; j++) {
        for (size_t i = 0; i < view->rows; i++) {
            assert_close(view->data[i + j * view->leading_dimension], expected[i + j * view->rows],
                         tolerance);
        }
    }
}

/* All intermediates and gradients of step `step` against the reference; dx too. */
static void compare(struct fixture *f, size_t step, bool alpha)
{
    static double factors[2][FIRST * BATCH], offsets[2][FIRST * BATCH], inputs[INPUTS * BATCH],
        unused[INPUTS * BATCH];
    static float x[INPUTS * BATCH], dx[INPUTS * BATCH];
    const struct reference_loss how = { .loss = MLP_LOSS_CROSS_ENTROPY, .reduction = MLP_REDUCTION_MEAN };
    struct reference r;
    double loss;
    reference_make(&r, f->network, BATCH);
    draw_masks(0, step, INPUTS, f->noise.input_dropout, false, inputs, unused);
    const double same[2] = { f->noise.hidden_dropout, f->noise.hidden_dropout };
    const double *p = f->noise.layer_dropout != NULL ? f->noise.layer_dropout : same;
    draw_masks(1, step, FIRST, p[0], alpha, factors[0], offsets[0]);
    draw_masks(2, step, SECOND, p[1], alpha, factors[1], offsets[1]);
    for (size_t i = 0; i < INPUTS * BATCH; i++) {
        x[i] = (float)(f->x[i] * inputs[i]);
    }
    for (size_t l = 0; l < 2; l++) {
        r.factor[l] = factors[l];
        r.offset[l] = offsets[l];
    }
    reference_forward(&r, x);
    reference_backward(&r, x, &how, &f->targets, NULL);
    assert_ok(mlp_forward(f->network, f->workspace, f->x, BATCH));
    assert_ok(mlp_loss_backward(f->network, f->workspace, &f->targets, &loss));
    assert_close(loss, reference_evaluate(&r, &how, &f->targets), 1e-5);
    for (size_t l = 0; l < 3; l++) {
        mlp_matrix a, dz, dw, db;
        assert_ok(mlp_workspace_view(f->workspace, MLP_TENSOR_ACTIVATION, l, &a));
        assert_ok(mlp_workspace_view(f->workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, l, &dz));
        assert_ok(mlp_workspace_view(f->workspace, MLP_TENSOR_WEIGHT_GRADIENT, l, &dw));
        assert_ok(mlp_workspace_view(f->workspace, MLP_TENSOR_BIAS_GRADIENT, l, &db));
        assert_matrix(&a, r.a[l], 1e-5);
        assert_matrix(&dz, r.dz[l], 2e-6);
        assert_matrix(&dw, r.dw[l], 2e-6);
        assert_matrix(&db, r.db[l], 2e-6);
    }
    assert_ok(mlp_input_gradient(f->network, f->workspace, dx));
    for (size_t i = 0; i < INPUTS * BATCH; i++) {
        assert_close(dx[i], r.dx[i] * inputs[i], 2e-6);
    }
    reference_free(&r);
}

static void masks_are_those_of_the_formulas(void **unused)
{
    static const mlp_activation activations[] = { MLP_ACTIVATION_TANH, MLP_ACTIVATION_GELU,
                                                  MLP_ACTIVATION_SELU };
    (void)unused;
    for (size_t k = 0; k < 3; k++) {
        for (int threads = 1; threads <= 3; threads += 2) {
            struct fixture f;
            make(&f, activations[k], threads);
            f.noise.hidden_dropout = 0.4;
            f.noise.input_dropout = 0.15;
            assert_ok(mlp_workspace_set_regularization(f.workspace, &f.noise));
            for (size_t step = 0; step < 3; step++) {
                compare(&f, step, activations[k] == MLP_ACTIVATION_SELU);
            }
            mlp_workspace_set_regularization_step(f.workspace, 70000);
            compare(&f, 70000, activations[k] == MLP_ACTIVATION_SELU);
            drop(&f);
        }
    }
}

static void the_kind_can_be_chosen(void **unused)
{
    struct fixture f;
    (void)unused;
    make(&f, MLP_ACTIVATION_TANH, 1);
    f.noise.hidden_dropout = 0.3;
    f.noise.dropout = MLP_DROPOUT_ALPHA;
    assert_ok(mlp_workspace_set_regularization(f.workspace, &f.noise));
    compare(&f, 0, true);
    drop(&f);
    make(&f, MLP_ACTIVATION_SELU, 1);
    f.noise.hidden_dropout = 0.3;
    f.noise.dropout = MLP_DROPOUT_INVERTED;
    assert_ok(mlp_workspace_set_regularization(f.workspace, &f.noise));
    compare(&f, 0, false);
    assert_ok(mlp_workspace_set_regularization(f.workspace, NULL));
    f.noise.hidden_dropout = 0.0;
    compare(&f, 0, false);
    drop(&f);
}

/* Also where a layer has none; a layer's numbers come before the one for all. */
static void layers_have_probabilities_of_their_own(void **unused)
{
    static const double pairs[][2] = { { 0.2, 0.6 }, { 0.0, 0.5 }, { 0.5, 0.0 }, { 0.0, 0.0 }, { 0.3, 0.3 } };
    (void)unused;
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        for (int alpha = 0; alpha <= 1; alpha++) {
            for (int threads = 1; threads <= 2; threads++) {
                struct fixture f;
                make(&f, alpha ? MLP_ACTIVATION_SELU : MLP_ACTIVATION_TANH, threads);
                double given[2] = { pairs[k][0], pairs[k][1] };
                f.noise.hidden_dropout = 0.9;
                f.noise.layer_dropout = given;
                f.noise.layer_dropout_count = 2;
                assert_ok(mlp_workspace_set_regularization(f.workspace, &f.noise));
                given[0] = given[1] = 0.99; /* they were copied */
                f.noise.layer_dropout = pairs[k];
                for (size_t step = 0; step < 2; step++) {
                    compare(&f, step, alpha != 0);
                }
                drop(&f);
            }
        }
    }
}

/* Shares of what is dropped, within five standard deviations; alpha dropout keeps N(0, 1)'s mean and
 * variance. */
static void shares_and_moments(void **unused)
{
    enum { COUNT = 200000 };
    static const double ps[] = { 0.001, 0.1, 0.5, 0.9 };
    static unsigned char mask[COUNT / 8];
    static float in[COUNT], out[COUNT];
    const struct random_stream stream = random_stream(1, RANDOM_DROPOUT, 1, 1),
                               values = random_stream(2, RANDOM_NOISE, 0, 0);
    (void)unused;
    random_normal(&values, 0, COUNT, in);
    for (size_t k = 0; k < 4; k++) {
        for (int alpha = 0; alpha <= 1; alpha++) {
            double dropped = 0.0, sum = 0.0, squares = 0.0;
            /* clang-format off */
            const struct dropout_tile tile = {
                .stream = stream, .draw = dropout_draw(alpha ? MLP_DROPOUT_ALPHA : MLP_DROPOUT_INVERTED,
                ps[k]), .units = COUNT,
                .rows = COUNT, .columns = 1, .mask = mask, .in = in, .out = out, .in_ld = COUNT,
                .out_ld = COUNT,
            };
            /* clang-format on */
            dropout()->forward(&tile);
            for (size_t i = 0; i < COUNT; i++) {
                dropped += out[i] == tile.draw.dropped;
                sum += out[i];
                squares += out[i] * out[i];
            }
            assert_true(fabs(dropped / COUNT - ps[k]) < 5.0 * sqrt(ps[k] * (1.0 - ps[k]) / COUNT) + 1e-5);
            assert_true(fabs(sum / COUNT) < 5.0 * sqrt(squares / COUNT / COUNT));
            assert_true(!alpha || fabs(squares / COUNT - 1.0) < 0.04);
        }
    }
}

/* A tile of a mask is what the whole mask has there; bits of other tiles stay. */
static void tiles_of_a_mask_are_drawn_alone(void **unused)
{
    enum { WIDE = 83, SAMPLES = 6, BYTES = 2 * ((WIDE + 15) / 16) };
    static unsigned char whole[SAMPLES * BYTES], mask[SAMPLES * BYTES];
    static float values[SAMPLES * WIDE];
    (void)unused;
    struct dropout_tile tile = { .stream = random_stream(1, RANDOM_DROPOUT, 1, 1),
                                 .draw = dropout_draw(MLP_DROPOUT_INVERTED, 0.5),
                                 .units = WIDE,
                                 .rows = WIDE,
                                 .columns = SAMPLES,
                                 .mask = whole,
                                 .in = values,
                                 .in_ld = WIDE,
                                 .out = values,
                                 .out_ld = WIDE };
    dropout()->forward(&tile);
    tile.mask = mask;
    for (tile.row = 0; tile.row < WIDE; tile.row += 16) {
        for (tile.column = 0; tile.column < SAMPLES; tile.column++) {
            tile.rows = WIDE - tile.row < 32 ? WIDE - tile.row : 32;
            tile.columns = SAMPLES - tile.column < 3 ? SAMPLES - tile.column : 3;
            for (size_t i = 0; i < sizeof mask; i++) {
                mask[i] = (unsigned char)~whole[i];
            }
            dropout()->forward(&tile);
            for (size_t i = 0; i < sizeof mask; i++) {
                const size_t column = i / BYTES - tile.column, group = i % BYTES / 2 - tile.row / 16;
                const bool drawn = column < tile.columns && group < dropout_groups(tile.rows);
                assert_int_equal(mask[i], drawn ? whole[i] : (unsigned char)~whole[i]);
            }
        }
    }
}

/* Every level has the bits of the scalar generator. */
static void masks_on_every_level(void **unused)
{
    const struct random_stream stream = random_stream(77, RANDOM_DROPOUT, 3, 5);
    (void)unused;
    for (int level = 0; level <= (int)cpu_level_best(); level++) {
        for (size_t count = 0; count < 40; count++) {
            unsigned char bytes[41] = { 0 };
            bytes[count] = 0xA5;
            LEVEL_PICK(random_kernels, level)->below(&stream, 3, count, 20000, bytes);
            assert_int_equal(bytes[count], 0xA5);
            for (size_t b = 0; b < count; b++) {
                const uint32_t counter[4] = { (uint32_t)(3 + b), 0, stream.name[0], stream.name[1] };
                uint32_t words[4];
                philox4x32_10(counter, stream.key, words);
                for (size_t i = 0; i < 8; i++) {
                    const uint32_t half = words[i / 2] >> (i % 2 * 16) & 0xFFFFu;
                    assert_int_equal(bytes[b] >> i & 1, half < 20000);
                }
            }
        }
    }
}

static void input_noise_has_its_deviation(void **unused)
{
    enum { WIDE = 300, COUNT = 500 };
    const mlp_layer layer = { .units = WIDE, .init = MLP_INIT_IDENTITY };
    static float x[WIDE * COUNT];
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_matrix a;
    double sum = 0.0, squares = 0.0;
    (void)unused;
    assert_ok(mlp_network_create(WIDE, &layer, 1, NULL, &network));
    assert_ok(mlp_workspace_create(network, COUNT, NULL, &workspace));
    noise.input_noise = 0.25;
    assert_ok(mlp_workspace_set_regularization(workspace, &noise));
    for (size_t i = 0; i < WIDE * COUNT; i++) {
        x[i] = 3.0f;
    }
    assert_ok(mlp_forward(network, workspace, x, COUNT));
    assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, 0, &a));
    for (size_t j = 0; j < COUNT; j++) {
        for (size_t i = 0; i < WIDE; i++) {
            const double difference = a.data[i + j * a.leading_dimension] - 3.0;
            sum += difference;
            squares += difference * difference;
        }
    }
    assert_close(sum / (WIDE * COUNT), 0.0, 5.0 * 0.25 / sqrt(WIDE * COUNT));
    assert_close(sqrt(squares / (WIDE * COUNT)), 0.25, 0.003);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

/* Predictions and evaluations never have noise, and do not count as steps; a step is its three calls. */
static void only_training_has_noise(void **unused)
{
    struct fixture noisy, quiet;
    float a[OUTPUTS * BATCH], b[OUTPUTS * BATCH];
    mlp_optimizer *first, *second;
    mlp_step_report report;
    double loss;
    (void)unused;
    make(&noisy, MLP_ACTIVATION_RELU, 2);
    make(&quiet, MLP_ACTIVATION_RELU, 1);
    noisy.noise.hidden_dropout = 0.5;
    noisy.noise.input_dropout = 0.2;
    noisy.noise.input_noise = 0.1;
    assert_ok(mlp_workspace_set_regularization(noisy.workspace, &noisy.noise));
    assert_ok(mlp_predict(noisy.network, noisy.workspace, noisy.x, BATCH, a));
    assert_ok(mlp_predict(quiet.network, quiet.workspace, quiet.x, BATCH, b));
    assert_memory_equal(a, b, sizeof a);
    assert_ok(mlp_optimizer_create(noisy.network, NULL, &first));
    assert_ok(mlp_optimizer_create(quiet.network, NULL, &second));
    assert_ok(mlp_workspace_set_regularization(quiet.workspace, &noisy.noise));
    for (int step = 0; step < 3; step++) {
        assert_ok(
            mlp_train_step(noisy.network, first, noisy.workspace, noisy.x, &noisy.targets, BATCH, &report));
        assert_ok(mlp_predict(noisy.network, noisy.workspace, noisy.x, BATCH, a));
        assert_ok(mlp_forward(quiet.network, quiet.workspace, quiet.x, BATCH));
        assert_ok(mlp_loss_backward(quiet.network, quiet.workspace, &quiet.targets, &loss));
        assert_ok(mlp_optimizer_step(second, quiet.network, quiet.workspace, NULL));
        assert_true(report.loss == loss);
    }
    assert_memory_equal(noisy.network->parameters, quiet.network->parameters,
                        quiet.network->arena_size * sizeof(float));
    mlp_optimizer_destroy(&first);
    mlp_optimizer_destroy(&second);
    drop(&noisy);
    drop(&quiet);
}

static void bad_options_are_named(void **unused)
{
    struct fixture f;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *inference;
    (void)unused;
    make(&f, MLP_ACTIVATION_RELU, 1);
    const mlp_regularization sound = f.noise;
    f.noise.hidden_dropout = 1.0;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_RANGE, "hidden_dropout",
                   "1", NULL);
    f.noise = sound;
    f.noise.input_dropout = -0.1;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_RANGE, "input_dropout",
                   "-0.1", NULL);
    f.noise = sound;
    f.noise.input_noise = NAN;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_RANGE, "input_noise",
                   "nan", NULL);
    f.noise = sound;
    f.noise.dropout = (mlp_dropout)3;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_ARGUMENT, "dropout",
                   "3", NULL);
    f.noise = sound;
    f.noise.mixup = 0.2;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_ARGUMENT, "mixup",
                   "mlp_fit", NULL);
    f.noise = sound;
    f.noise.struct_size = 3;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_ARGUMENT, "struct_size",
                   NULL);
    assert_refused(mlp_workspace_set_regularization(NULL, &sound), MLP_ERROR_ARGUMENT, "workspace", NULL);
    options.purpose = MLP_WORKSPACE_INFERENCE;
    assert_ok(mlp_workspace_create(f.network, 2, &options, &inference));
    assert_refused(mlp_workspace_set_regularization(inference, &sound), MLP_ERROR_ARGUMENT, "inference",
                   NULL);
    mlp_workspace_destroy(&inference);
    mlp_workspace_set_regularization_step(NULL, 3);
    static const double three[3] = { 0.1, 1.0, 0.1 };
    f.noise = sound;
    f.noise.layer_dropout_count = 2;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_ARGUMENT,
                   "layer_dropout is NULL", NULL);
    f.noise.layer_dropout = three;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_RANGE,
                   "layer_dropout[1] is 1", NULL);
    f.noise.layer_dropout_count = 1;
    assert_refused(mlp_workspace_set_regularization(f.workspace, &f.noise), MLP_ERROR_SHAPE, "1 number",
                   "each of the 2 hidden layers", NULL);
    drop(&f);
}

static void kinds_have_names(void **unused)
{
    mlp_dropout kind;
    (void)unused;
    for (size_t i = 0; i < mlp_dropout_count(); i++) {
        assert_ok(mlp_dropout_from_name(mlp_dropout_name((mlp_dropout)i), &kind));
        assert_int_equal(kind, i);
        assert_non_null(mlp_dropout_description(kind));
    }
    assert_refused(mlp_dropout_from_name("out", &kind), MLP_ERROR_ARGUMENT, "out", "inverted, alpha", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_those_of_the_formulas),
        cmocka_unit_test(the_kind_can_be_chosen),
        cmocka_unit_test(layers_have_probabilities_of_their_own),
        cmocka_unit_test(shares_and_moments),
        cmocka_unit_test(tiles_of_a_mask_are_drawn_alone),
        cmocka_unit_test(masks_on_every_level),
        cmocka_unit_test(input_noise_has_its_deviation),
        cmocka_unit_test(only_training_has_noise),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(kinds_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
