/* Steps of one sample, whose gradient is not written: as those by hand, which write it, and as dZ·Aᵀ. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/sample_gradient.h"

enum { LAYERS = 3, WIDEST = 2100 };

/* Widths below, at and above a vector; columns longer than a block of an update; work for two threads. */
static const size_t shapes[][LAYERS + 1] = {
    { 1, 1, 1, 2 },      { 5, 16, 17, 3 },     { 33, 50, 129, 4 },
    { 700, 3, 2048, 2 }, { 2, WIDEST, 5, 10 }, { 290, 310, 37, 10 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

struct fixture {
    const size_t *shape;
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[WIDEST], given[WIDEST];
    int32_t class;
    mlp_targets targets;
    mlp_step_report report;
};

static mlp_optimizer_options options_of(mlp_optimizer_rule rule, mlp_clip clip, double threshold)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = rule;
    options.clip = clip;
    options.clip_threshold = threshold;
    return options;
}

static void make(struct fixture *f, const size_t *shape, const mlp_optimizer_options *options, int threads)
{
    mlp_layer layers[LAYERS] = { { .activation = MLP_ACTIVATION_TANH },
                                 { .activation = MLP_ACTIVATION_RELU },
                                 { .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_workspace_options workspace = MLP_WORKSPACE_OPTIONS_INIT;
    uint64_t state = 11;
    for (size_t l = 0; l < LAYERS; l++) {
        layers[l].units = shape[l + 1];
    }
    *f = (struct fixture){ .shape = shape, .class = 1 };
    f->targets = (mlp_targets){ .classes = &f->class };
    workspace.threads = threads;
    assert_ok(mlp_network_create(shape[0], layers, LAYERS, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, 3, &workspace, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, options, &f->optimizer));
    test_fill(&state, -1.0, 1.0, f->x, shape[0]);
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

static void train(struct fixture *f)
{
    assert_ok(mlp_train_step(f->network, f->optimizer, f->workspace, f->x, &f->targets, 1, &f->report));
}

/* Afterwards the sample is gone. */
static void backward(struct fixture *f)
{
    double loss;
    memcpy(f->given, f->x, sizeof f->given);
    assert_ok(mlp_forward(f->network, f->workspace, f->given, 1));
    assert_ok(mlp_loss_backward(f->network, f->workspace, &f->targets, &loss));
    memset(f->given, 0, sizeof f->given);
}

static void update(struct fixture *f)
{
    assert_ok(mlp_optimizer_step(f->optimizer, f->network, f->workspace, &f->report));
}

static mlp_matrix view(struct fixture *f, mlp_tensor tensor, size_t layer)
{
    mlp_matrix matrix;
    assert_ok(mlp_workspace_view(f->workspace, tensor, layer, &matrix));
    return matrix;
}

static void assert_same_parameters(const struct fixture *a, const struct fixture *b)
{
    assert_memory_equal(a->network->parameters, b->network->parameters,
                        a->network->arena_size * sizeof(float));
}

/* Steps on one and on two threads, and by hand, where the gradient is looked at, or is not. */
static void check_steps(const size_t *shape, const mlp_optimizer_options *options)
{
    struct fixture one, two, by_hand;
    make(&one, shape, options, 1);
    make(&two, shape, options, 2);
    make(&by_hand, shape, options, 1);
    for (int step = 0; step < 3; step++) {
        train(&one);
        train(&two);
        backward(&by_hand);
        if (step > 0) {
            view(&by_hand, MLP_TENSOR_WEIGHT_GRADIENT, 1);
        }
        update(&by_hand);
        assert_same_parameters(&one, &two);
        assert_same_parameters(&one, &by_hand);
        assert_memory_equal(&one.report.clip, &by_hand.report.clip, sizeof one.report.clip);
    }
    update(&one); /* by the same gradient once more */
    update(&by_hand);
    assert_same_parameters(&one, &by_hand);
    drop(&one);
    drop(&two);
    drop(&by_hand);
}

static void steps_are_those_by_hand(void **unused)
{
    (void)unused;
    for (size_t s = 0; s < SHAPES; s++) {
        for (size_t rule = 0; rule < mlp_optimizer_count(); rule++) {
            if (rule != MLP_OPTIMIZER_LBFGS && (s < 3 || rule == MLP_OPTIMIZER_ADAM)) {
                const mlp_optimizer_options options =
                    options_of((mlp_optimizer_rule)rule, MLP_CLIP_GLOBAL_NORM, 0.1);
                check_steps(shapes[s], &options);
            }
        }
    }
}

/* What reads whole gradients, changes them, or bounds them. */
static void clipped_steps_are_those_by_hand(void **unused)
{
    (void)unused;
    for (int clip = 0; clip < MLP_CLIP_CUSTOM; clip++) {
        for (int variant = 0; variant < 4; variant++) {
            const bool needs = clip != MLP_CLIP_NONE && !(mlp_clip_default_threshold((mlp_clip)clip) > 0.0);
            mlp_optimizer_options options =
                options_of(variant == 2 ? MLP_OPTIMIZER_ADAM : MLP_OPTIMIZER_MOMENTUM, (mlp_clip)clip,
                           needs ? 0.01 : 0.0);
            const bool has_norm = clip >= MLP_CLIP_TENSOR_NORM && clip <= MLP_CLIP_GLOBAL_NORM;
            options.clip_norm = has_norm ? (mlp_clip_norm)(variant % 3) : MLP_CLIP_NORM_2;
            options.centralize = variant == 3;
            options.l1 = variant == 2 ? 0.01 : 0.0;
            options.epsilon = variant == 2 ? 1e-36 : 0.0; /* updates are tried before they are made */
            check_steps(shapes[2], &options);
        }
    }
}

/* dW = dZ·Aᵀ and db = dZ to the last bit, also when the sample is gone; the norm is that of the entries. */
static void gradient_is_the_outer_product(void **unused)
{
    const mlp_optimizer_options options = options_of(MLP_OPTIMIZER_SGD, MLP_CLIP_GLOBAL_NORM, 1e9);
    (void)unused;
    for (size_t s = 0; s < SHAPES; s++) {
        struct fixture f;
        float sample[WIDEST];
        double squares = 0.0;
        make(&f, shapes[s], &options, 1);
        memcpy(sample, f.x, sizeof sample);
        train(&f);
        memset(f.x, 0, sizeof f.x);
        for (size_t l = 0; l < LAYERS; l++) {
            const mlp_matrix dz = view(&f, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, l);
            const mlp_matrix dw = view(&f, MLP_TENSOR_WEIGHT_GRADIENT, l),
                             db = view(&f, MLP_TENSOR_BIAS_GRADIENT, l);
            const float *a = l > 0 ? view(&f, MLP_TENSOR_ACTIVATION, l - 1).data : sample;
            for (size_t k = 0; k < dw.rows * dw.columns; k++) {
                const size_t i = k % dw.rows, j = k / dw.rows;
                const double entry = (double)dw.data[i + j * dw.leading_dimension];
                assert_true((float)entry == dz.data[i] * a[j]);
                squares += entry * entry;
            }
            for (size_t i = 0; i < db.rows; i++) {
                assert_true(db.data[i] == dz.data[i]);
                squares += (double)db.data[i] * (double)db.data[i];
            }
        }
        /* each entry is rounded by 2⁻²⁴ */
        assert_close(f.report.clip.norm / sqrt(squares), 1.0, 1e-7);
        drop(&f);
    }
}

/* A piece may begin anywhere in a column, as a thread's share does. */
static void pieces_begin_anywhere(void **unused)
{
    const mlp_optimizer_options options = options_of(MLP_OPTIMIZER_SGD, MLP_CLIP_NONE, 0.0);
    (void)unused;
    for (size_t s = 0; s < SHAPES; s++) {
        struct fixture f;
        make(&f, shapes[s], &options, 1);
        backward(&f);
        const size_t size = f.network->arena_size;
        for (size_t first = 0; first < size; first += STRIDE_MULTIPLE) {
            const size_t end = size - first < 3000 ? size : first + 3000;
            const struct outer_product piece = sample_gradient_piece(f.workspace, first, end);
            assert_in_range(piece.rows * piece.columns, 1, end - first);
            for (size_t k = 0; k < piece.rows * piece.columns; k++) {
                assert_true(f.workspace->gradients[first + k] ==
                            piece.x[k % piece.rows] * piece.y[k / piece.rows]);
            }
        }
        drop(&f);
    }
}

/* What a caller has put in its place counts, in the norm and in the update. */
static void a_changed_gradient_counts(void **unused)
{
    const mlp_optimizer_options options = options_of(MLP_OPTIMIZER_SGD, MLP_CLIP_GLOBAL_NORM, 1e9);
    struct fixture f;
    (void)unused;
    make(&f, shapes[1], &options, 1);
    train(&f); /* after a step, too */
    for (int round = 0; round < 2; round++) {
        const mlp_matrix dw = view(&f, MLP_TENSOR_WEIGHT_GRADIENT, 1);
        dw.data[3 + 2 * dw.leading_dimension] = 100.0f;
        const float before =
            f.network->parameters[f.network->layers[1].weights + 3 + 2 * f.network->layers[1].stride];
        update(&f);
        const float after =
            f.network->parameters[f.network->layers[1].weights + 3 + 2 * f.network->layers[1].stride];
        assert_close(f.report.clip.norm / 100.0, 1.0, 0.01);
        assert_close(before - after, 0.01 * 100.0, 1e-5); /* sgd's rate */
        backward(&f);
    }
    drop(&f);
}

/* A product beyond float's range though its factors are within: refused, or taken for 0. */
static void a_product_that_overflows(void **unused)
{
    (void)unused;
    for (int policy = MLP_NONFINITE_ERROR; policy <= MLP_NONFINITE_ZERO; policy++) {
        const mlp_layer layer = { .units = 2, .activation = MLP_ACTIVATION_IDENTITY, .init = MLP_INIT_ZEROS };
        const float x[3] = { 1e30f, 1.0f, 0.0f }, values[2] = { 1e10f, 1.0f };
        const mlp_targets targets = { .values = values };
        mlp_optimizer_options options = options_of(MLP_OPTIMIZER_SGD, MLP_CLIP_GLOBAL_NORM, 1.0);
        struct fixture f;
        options.nonfinite = (mlp_nonfinite)policy;
        assert_ok(mlp_network_create(3, &layer, 1, NULL, &f.network));
        assert_ok(mlp_workspace_create(f.network, 1, NULL, &f.workspace));
        assert_ok(mlp_optimizer_create(f.network, &options, &f.optimizer));
        const mlp_status status =
            mlp_train_step(f.network, f.optimizer, f.workspace, x, &targets, 1, &f.report);
        assert_int_equal(status, policy == MLP_NONFINITE_ERROR ? MLP_ERROR_NONFINITE : MLP_OK);
        assert_int_equal(f.report.skipped, policy == MLP_NONFINITE_SKIP);
        assert_int_equal(f.report.zeroed, policy == MLP_NONFINITE_ZERO ? 1 : 0);
        for (size_t i = 0; i < f.network->arena_size; i++) {
            assert_true(isfinite(f.network->parameters[i]));
            assert_true(policy == MLP_NONFINITE_ZERO || f.network->parameters[i] == 0.0f);
        }
        assert_true(f.network->parameters[0] == 0.0f); /* the entry itself */
        drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_by_hand),       cmocka_unit_test(clipped_steps_are_those_by_hand),
        cmocka_unit_test(gradient_is_the_outer_product), cmocka_unit_test(pieces_begin_anywhere),
        cmocka_unit_test(a_changed_gradient_counts),     cmocka_unit_test(a_product_that_overflows)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
