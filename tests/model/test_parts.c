/* A batch in parts: the sum of its parts' gradients by the tree, bit for bit, and near the sum in double. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "model/parts.h"

enum { INPUTS = 50, OUTPUTS = 4, COUNT = 131, MOST = 4100 };

struct fixture {
    mlp_network *network;
    mlp_optimizer *optimizer;
    float *x;
    int32_t *classes;
    float *weights;
    mlp_targets targets;
};

static void make(struct fixture *f, mlp_optimizer_rule rule, mlp_reduction reduction)
{
    const mlp_layer layers[] = { { .units = 37, .activation = MLP_ACTIVATION_RELU },
                                 { .units = 18, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options network = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    uint64_t state = 11;
    network.reduction = reduction;
    options.rule = rule;
    options.learning_rate = 1e-6;
    assert_ok(mlp_network_create(INPUTS, layers, 3, &network, &f->network));
    assert_ok(mlp_optimizer_create(f->network, &options, &f->optimizer));
    f->x = calloc((size_t)2 * MOST * INPUTS, sizeof *f->x); /* leaf() takes twice as many as it looks at */
    f->classes = calloc((size_t)2 * MOST, sizeof *f->classes);
    f->weights = calloc(MOST, sizeof *f->weights);
    test_fill(&state, -1.0, 1.0, f->x, (size_t)MOST * INPUTS);
    test_fill(&state, 0.5, 2.0, f->weights, MOST);
    for (int i = 0; i < MOST; i++) {
        f->classes[i] = i * 7 % OUTPUTS;
    }
    f->targets = (mlp_targets){ f->classes, NULL, f->weights };
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_network_destroy(&f->network);
    free(f->x);
    free(f->classes);
    free(f->weights);
}

static mlp_workspace *workspace_for(const struct fixture *f, size_t batch, size_t parts, int threads)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    options.threads = threads;
    assert_ok(mlp_workspace_create(f->network, batch, &options, &workspace));
    assert_ok(mlp_workspace_set_parts(workspace, parts));
    return workspace;
}

/* Parts by the definition: sizes differ by at most one, the longer first. */
static size_t first_of(size_t count, size_t parts, size_t part)
{
    const size_t longer = count % parts;
    return part * (count / parts) + (part < longer ? part : longer);
}

/* The gradient of `count` samples from `first` on, as that of the first of two parts, of which the other
 * weighs nothing: near that of the same samples by themselves, whose products may be made in other calls. */
static void leaf(const struct fixture *f, mlp_workspace *workspace, size_t first, size_t count,
                 float *gradient)
{
    const size_t size = f->network->arena_size;
    const float *x = f->x + first * INPUTS;
    float *weights = calloc(2 * count, sizeof *weights), *before = malloc(size * sizeof *before);
    const mlp_targets targets = { f->classes + first, NULL, weights };
    double squares = 0.0, differences = 0.0;
    memcpy(before, f->network->parameters, size * sizeof *before);
    memcpy(weights, f->weights + first, count * sizeof *weights);
    assert_ok(mlp_train_step(f->network, f->optimizer, workspace, x, &targets, 2 * count, NULL));
    memcpy(gradient, workspace->gradients, size * sizeof *gradient);
    memcpy(network_write(f->network), before, size * sizeof *before);
    assert_ok(mlp_forward(f->network, workspace, x, count));
    assert_ok(mlp_loss_backward(f->network, workspace, &targets, NULL));
    for (size_t i = 0; i < size; i++) {
        const double g = (double)workspace->gradients[i], difference = (double)gradient[i] - g;
        squares += g * g;
        differences += difference * difference;
    }
    assert_true(squares > 0.0 && differences <= 1e-12 * squares);
    free(weights);
    free(before);
}

/* The gradient of every part alone: each an arena. */
static float *leaves(const struct fixture *f, size_t count, size_t parts)
{
    const size_t size = f->network->arena_size;
    float *all = calloc(parts * size, sizeof *all);
    mlp_workspace *workspace = workspace_for(f, (count - 1) / parts + 1, 2, 1);
    for (size_t p = 0; p < parts; p++) {
        const size_t first = first_of(count, parts, p), end = first_of(count, parts, p + 1);
        leaf(f, workspace, first, end - first, all + p * size);
    }
    mlp_workspace_destroy(&workspace);
    return all;
}

/* Entry i of the parts first … end − 1: the largest power of two below their number goes to the left. */
static float tree(const float *all, size_t size, size_t i, size_t first, size_t end)
{
    size_t half = 1;
    if (end - first == 1) {
        return all[first * size + i];
    }
    while (2 * half < end - first) {
        half *= 2;
    }
    return tree(all, size, i, first, first + half) + tree(all, size, i, first + half, end);
}

/* γ(n)·Σ|gᵢ|. */
static double error_bound(size_t parts, double magnitudes)
{
    const double n = ceil(log2((double)parts)) * ldexp(1.0, -24);
    return n / (1.0 - n) * magnitudes;
}

static void check_sum(const struct fixture *f, const float *sum, size_t count, size_t parts)
{
    const size_t size = f->network->arena_size;
    float *all = leaves(f, count, parts);
    for (size_t i = 0; i < size; i++) {
        double exact = 0.0, magnitudes = 0.0;
        for (size_t p = 0; p < parts; p++) {
            exact += (double)all[p * size + i];
            magnitudes += fabs((double)all[p * size + i]);
        }
        assert_true(sum[i] == tree(all, size, i, 0, parts));
        assert_true(fabs((double)sum[i] - exact) <= error_bound(parts, magnitudes) * (1.0 + 1e-9));
    }
    free(all);
}

/* A step of `count` samples leaves the tree's sum of the gradients, whether one part goes through the passes
 * or several. */
static void check_step(const struct fixture *f, size_t count, size_t parts, int threads)
{
    const size_t real = parts < count ? parts : count, size = f->network->arena_size;
    mlp_workspace *workspace = workspace_for(f, (size_t)threads * ((count - 1) / parts + 1), parts, threads);
    float *before = calloc(size, sizeof *before);
    memcpy(before, f->network->parameters, size * sizeof *before);
    assert_ok(mlp_train_step(f->network, f->optimizer, workspace, f->x, &f->targets, count, NULL));
    memcpy(network_write(f->network), before, size * sizeof *before);
    check_sum(f, workspace->gradients, count, real);
    free(before);
    mlp_workspace_destroy(&workspace);
}

static void gradients_are_added_by_the_tree(void **unused)
{
    static const size_t parts[] = { 2, 3, 4, 5, 6, 7, 8, 13, 16, 33, 64, 131, 200, 4096 };
    struct fixture f;
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD, MLP_REDUCTION_SUM); /* a part's gradient is then the same alone */
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
        for (int threads = 1; threads <= 3; threads++) {
            check_step(&f, COUNT, parts[k], threads);
        }
    }
    drop(&f);
}

/* Parts whose products are computed in several runs of samples: their tiles are made apart. */
static void long_parts_are_added_by_the_tree(void **unused)
{
    struct fixture f;
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD, MLP_REDUCTION_SUM);
    for (size_t parts = 2; parts <= 4; parts++) {
        check_step(&f, MOST, parts, (int)parts - 1);
    }
    drop(&f);
}

/* As many parts as there can be, of one sample or two. */
static void four_thousand_parts(void **unused)
{
    struct fixture f;
    mlp_step_report report;
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD, MLP_REDUCTION_SUM);
    mlp_workspace *workspace = workspace_for(&f, 2, 4096, 2);
    mlp_network *copy;
    assert_ok(mlp_network_copy(f.network, &copy));
    assert_ok(mlp_train_step(f.network, f.optimizer, workspace, f.x, &f.targets, MOST, &report));
    mlp_network_destroy(&f.network);
    f.network = copy;
    check_sum(&f, workspace->gradients, MOST, 4096);
    mlp_workspace_destroy(&workspace);
    drop(&f);
}

/* Noise goes by a sample's place in the batch: in parts the batch has the gradient that it has whole, but for
 * rounding; so has a mean over weights, and the loss. */
static void noise_and_masses_are_the_whole_batch_s(void **unused)
{
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    struct fixture f;
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD, MLP_REDUCTION_MEAN);
    noise.hidden_dropout = 0.4;
    noise.input_dropout = 0.2;
    noise.input_noise = 0.5;
    mlp_workspace *whole = workspace_for(&f, COUNT, 1, 1);
    assert_ok(mlp_workspace_set_regularization(whole, &noise));
    for (size_t parts = 2; parts <= 9; parts++) {
        mlp_workspace *cut = workspace_for(&f, COUNT, parts, 2);
        mlp_step_report one, many;
        double squares = 0.0, differences = 0.0;
        assert_ok(mlp_workspace_set_regularization(cut, &noise));
        mlp_workspace_set_regularization_step(whole, parts);
        mlp_workspace_set_regularization_step(cut, parts);
        assert_ok(mlp_train_step(f.network, f.optimizer, whole, f.x, &f.targets, COUNT, &one));
        assert_ok(mlp_train_step(f.network, f.optimizer, cut, f.x, &f.targets, COUNT, &many));
        for (size_t i = 0; i < f.network->arena_size; i++) {
            const double difference = (double)whole->gradients[i] - (double)cut->gradients[i];
            squares += (double)whole->gradients[i] * (double)whole->gradients[i];
            differences += difference * difference;
        }
        assert_true(squares > 0.0 && sqrt(differences / squares) < 1e-5);
        assert_close(many.loss, one.loss, 1e-5); /* the parameters have moved by a step of 10⁻⁶ */
        assert_close(many.clip.norm, one.clip.norm, 1e-5);
        mlp_workspace_destroy(&cut);
    }
    mlp_workspace_destroy(&whole);
    drop(&f);
}

/* A rule that makes several passes, and one that makes one; a second step as well; any number of threads. */
static void bits_hang_on_the_parts_alone(void **unused)
{
    (void)unused;
    for (size_t rule = 0; rule < mlp_optimizer_count(); rule++) {
        float *first = NULL;
        for (int threads = 1; threads <= 4; threads++) {
            struct fixture f;
            make(&f, (mlp_optimizer_rule)rule, MLP_REDUCTION_MEAN);
            mlp_workspace *workspace = workspace_for(&f, threads % 2 == 0 ? COUNT : 27, 5, threads);
            const size_t size = f.network->arena_size, allocations = memory_allocation_count();
            for (int step = 0; step < 3; step++) {
                const size_t count = step == 1 ? 3 : COUNT; /* fewer samples than parts, too */
                assert_ok(mlp_train_step(f.network, f.optimizer, workspace, f.x, &f.targets, count, NULL));
            }
            assert_true(memory_allocation_count() == allocations);
            if (first == NULL) {
                first = calloc(size, sizeof *first);
                memcpy(first, f.network->parameters, size * sizeof *first);
            }
            assert_memory_equal(first, f.network->parameters, size * sizeof *first);
            mlp_workspace_destroy(&workspace);
            drop(&f);
        }
        free(first);
    }
}

/* ---- any room ------------------------------------------------------------------------------------------ */

enum { LAYERS = 3, LARGEST = 96 };

/* On both sides of what products are cut by: long and short inner lengths, weights few and many. */
struct shape {
    size_t inputs, units[LAYERS];
};

/* The parameters, losses and norms of some steps with noise, the second of a shorter batch. */
static size_t train(const struct shape *shape, size_t count, size_t parts, size_t room, int threads,
                    float **result)
{
    mlp_layer layers[LAYERS] = { { .activation = MLP_ACTIVATION_GELU },
                                 { .activation = MLP_ACTIVATION_TANH },
                                 { .activation = MLP_ACTIVATION_SIGMOID } };
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    static float x[LARGEST * 1000], y[LARGEST * 16];
    struct fixture f = { .targets = { NULL, y, NULL } };
    uint64_t state = 5;
    for (size_t l = 0; l < LAYERS; l++) {
        layers[l].units = shape->units[l];
        layers[l].init = MLP_INIT_XAVIER_UNIFORM; /* quicker to draw than normal */
    }
    noise.hidden_dropout = noise.input_noise = 0.2;
    test_fill(&state, -1.0, 1.0, x, count * shape->inputs);
    test_fill(&state, 0.0, 1.0, y, count * shape->units[LAYERS - 1]);
    assert_ok(mlp_network_create(shape->inputs, layers, LAYERS, NULL, &f.network));
    assert_ok(mlp_optimizer_create(f.network, NULL, &f.optimizer));
    mlp_workspace *workspace = workspace_for(&f, room, parts, threads);
    assert_ok(mlp_workspace_set_regularization(workspace, &noise));
    const size_t size = f.network->arena_size + 6;
    *result = calloc(size, sizeof **result);
    for (size_t step = 0; step < 3; step++) {
        mlp_step_report report;
        assert_ok(mlp_train_step(f.network, f.optimizer, workspace, x, &f.targets,
                                 step == 1 ? count - count / 3 : count, &report));
        (*result)[size - 1 - step] = (float)report.loss;
        (*result)[size - 4 - step] = (float)report.clip.norm;
    }
    memcpy(*result, f.network->parameters, f.network->arena_size * sizeof **result);
    mlp_workspace_destroy(&workspace);
    drop(&f);
    return size;
}

/* From one part to the whole batch, however the parts lie in loss blocks. */
static void bits_do_not_hang_on_the_room(void **unused)
{
    static const struct shape shapes[] = { { 30, { 40, 20, 10 } },
                                           { 784, { 24, 48, 3 } },
                                           { 20, { 990, 17, 16 } } };
    static const size_t cuts[][2] = { { 96, 3 }, { 90, 4 }, { 45, 5 }, { 33, 7 }, { 13, 13 } };
    (void)unused;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
            const size_t count = cuts[k][0], parts = cuts[k][1], longest = (count - 1) / parts + 1;
            const int threads = plan_class() == gemm_class() ? 1 + (int)k % 2 : 1; /* other plans vary */
            const size_t rooms[] = { 2 * longest, 3 * longest + 1, count - 1, count };
            float *one, *many;
            const size_t size = train(&shapes[i], count, parts, longest, 1, &one);
            for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++) {
                train(&shapes[i], count, parts, rooms[r], threads, &many);
                assert_memory_equal(one, many, size * sizeof *one);
                free(many);
            }
            free(one);
        }
    }
}

/* All parts of a rank up to 1024 samples, otherwise as many as come to that, but one at least. */
static void a_fit_has_room_for_parts(void **unused)
{
    const bool together = plan_class() != BLAS_PACKED && vector_kernels()->small_product != NULL;
    mlp_exchange exchange = MLP_EXCHANGE_INIT;
    (void)unused;
    assert_int_equal(parts_room(500, 1, &exchange), 500);
    assert_int_equal(parts_room(128, 4, &exchange), together ? 128 : 32);
    assert_int_equal(parts_room(4096, 16, &exchange), together ? 1024 : 256);
    assert_int_equal(parts_room(4096, 12, &exchange), together ? 684 : 342); /* 2 parts */
    assert_int_equal(parts_room(8192, 4, &exchange), 2048);
    assert_int_equal(parts_room(3, 7, &exchange), together ? 3 : 1);
    exchange.size = 3;
    assert_int_equal(parts_room(128, 4, &exchange), together ? 64 : 32); /* rank 0's 2 parts */
}

/* What is not finite in a part that is not the last. */
static void nothing_is_applied_that_is_not_finite(void **unused)
{
    struct fixture f;
    (void)unused;
    make(&f, MLP_OPTIMIZER_ADAM, MLP_REDUCTION_MEAN);
    mlp_workspace *workspace = workspace_for(&f, 30, 6, 2);
    mlp_network *before;
    assert_ok(mlp_network_copy(f.network, &before));
    f.x[0] = NAN;
    assert_refused(mlp_train_step(f.network, f.optimizer, workspace, f.x, &f.targets, COUNT, NULL),
                   MLP_ERROR_NONFINITE, "loss", NULL);
    assert_memory_equal(before->parameters, f.network->parameters, f.network->arena_size * sizeof(float));
    mlp_network_destroy(&before);
    mlp_workspace_destroy(&workspace);
    drop(&f);
}

static mlp_status no_loss(const float *outputs, const mlp_targets *targets, size_t units, size_t samples,
                          size_t leading_dimension, float *gradient, double *loss, void *context)
{
    (void)outputs, (void)targets, (void)units, (void)samples, (void)leading_dimension, (void)gradient,
        (void)context;
    *loss = 0.0;
    return MLP_OK;
}

static void what_is_refused(void **unused)
{
    const mlp_layer layers[] = { { .units = 2, .activation = MLP_ACTIVATION_IDENTITY } };
    mlp_workspace_options inference = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *custom;
    mlp_optimizer *optimizer;
    mlp_workspace *workspace;
    struct fixture f;
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD, MLP_REDUCTION_MEAN);
    workspace = workspace_for(&f, 4, 3, 1);
    assert_int_equal(mlp_workspace_parts(workspace), 3);
    assert_ok(mlp_train_step(f.network, f.optimizer, workspace, f.x, &f.targets, 12, NULL));
    assert_refused(mlp_train_step(f.network, f.optimizer, workspace, f.x, &f.targets, 13, NULL),
                   MLP_ERROR_RANGE, "13", "4", "3 parts", NULL);
    assert_refused(mlp_train_step(f.network, f.optimizer, workspace, f.x, &f.targets, 0, NULL),
                   MLP_ERROR_RANGE, "count is 0", NULL);
    assert_refused(mlp_forward(f.network, workspace, f.x, 5), MLP_ERROR_RANGE, "5", "4", NULL);
    assert_refused(mlp_workspace_set_parts(workspace, 0), MLP_ERROR_RANGE, "0", "4096", NULL);
    assert_refused(mlp_workspace_set_parts(workspace, 4097), MLP_ERROR_RANGE, "4097", NULL);
    assert_refused(mlp_workspace_set_parts(NULL, 2), MLP_ERROR_ARGUMENT, "workspace", NULL);
    memory_fail_after(2);
    assert_refused(mlp_workspace_set_parts(workspace, 4000), MLP_ERROR_MEMORY, NULL);
    memory_fail_after(SIZE_MAX);
    assert_int_equal(mlp_workspace_parts(workspace), 3);
    mlp_workspace_destroy(&workspace);
    inference.purpose = MLP_WORKSPACE_INFERENCE;
    assert_ok(mlp_workspace_create(f.network, 4, &inference, &workspace));
    assert_refused(mlp_workspace_set_parts(workspace, 2), MLP_ERROR_ARGUMENT, "inference", NULL);
    mlp_workspace_destroy(&workspace);
    options.loss = MLP_LOSS_CUSTOM;
    options.custom_loss = no_loss;
    assert_ok(mlp_network_create(INPUTS, layers, 1, &options, &custom));
    assert_ok(mlp_optimizer_create(custom, NULL, &optimizer));
    assert_ok(mlp_workspace_create(custom, 4, NULL, &workspace));
    assert_ok(mlp_workspace_set_parts(workspace, 2));
    assert_refused(mlp_train_step(custom, optimizer, workspace, f.x, &f.targets, 8, NULL),
                   MLP_ERROR_UNSUPPORTED, "custom loss", NULL);
    mlp_workspace_destroy(&workspace);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&custom);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_added_by_the_tree),
        cmocka_unit_test(long_parts_are_added_by_the_tree),
        cmocka_unit_test(four_thousand_parts),
        cmocka_unit_test(noise_and_masses_are_the_whole_batch_s),
        cmocka_unit_test(bits_hang_on_the_parts_alone),
        cmocka_unit_test(bits_do_not_hang_on_the_room),
        cmocka_unit_test(a_fit_has_room_for_parts),
        cmocka_unit_test(nothing_is_applied_that_is_not_finite),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
