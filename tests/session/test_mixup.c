/* Mixup: the batch against its formula, λ against the moments of the Beta distribution, fits with noise. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "session/mixup.h"

enum { COUNT = 7, INPUTS = 5, CLASSES = 3 };

struct fixture {
    float x[COUNT * INPUTS], weights[COUNT];
    int32_t y[COUNT];
    mlp_data *data;
    mlp_network *network;
    struct batch batch;
};

static void make(struct fixture *f, size_t inputs, size_t outputs, size_t count, mlp_class_targets targets)
{
    const mlp_layer layers[] = { { .units = 4, .activation = MLP_ACTIVATION_TANH },
                                 { .units = outputs, .activation = MLP_ACTIVATION_TANH } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    uint64_t state = 3;
    test_fill(&state, -1.0, 1.0, f->x, COUNT * INPUTS);
    test_fill(&state, 0.5, 2.0, f->weights, COUNT);
    for (int i = 0; i < COUNT; i++) {
        f->y[i] = i % (outputs > 1 ? CLASSES : 2);
    }
    f->x[0] = inputs == 1 ? 1.0f : f->x[0];
    f->x[1] = inputs == 1 ? 0.0f : f->x[1];
    arrays.count = count;
    arrays.inputs = inputs;
    arrays.features = f->x;
    arrays.classes = f->y;
    arrays.weights = f->weights;
    assert_ok(mlp_data_create(&arrays, &f->data));
    options.class_targets = targets;
    assert_ok(mlp_network_create(inputs, layers, 2, &options, &f->network));
    assert_ok(batch_make(&f->batch, f->data, count));
    assert_ok(mixup_prepare(&f->batch, f->network));
}

static void drop(struct fixture *f)
{
    batch_free(&f->batch);
    mlp_network_destroy(&f->network);
    mlp_data_destroy(&f->data);
}

/* What a class stands for: 1 of its own unit; a single unit is that of class 1. */
static double target_of(int32_t class, size_t unit, size_t outputs, mlp_class_targets targets)
{
    const double binary = outputs == 1 ? class : (size_t) class == unit;
    return targets == MLP_CLASS_TARGETS_BIPOLAR ? 2.0 * binary - 1.0 : binary;
}

static void a_batch_is_mixed_with_its_mirror(void **unused)
{
    (void)unused;
    for (size_t choice = 0; choice < 4; choice++) {
        const size_t outputs = choice % 2 == 0 ? 1 : CLASSES;
        const mlp_class_targets targets = choice < 2 ? MLP_CLASS_TARGETS_BINARY : MLP_CLASS_TARGETS_BIPOLAR;
        struct fixture f;
        make(&f, INPUTS, outputs, COUNT, targets);
        batch_gather(&f.batch, NULL, 0, COUNT, 1);
        mixup_apply(&f.batch, f.network, 1.0, 12, 5, 2);
        const double share =
            (f.batch.x[0] - f.x[(COUNT - 1) * INPUTS]) / (double)(f.x[0] - f.x[(COUNT - 1) * INPUTS]);
        assert_true(share >= 0.5 && share < 1.0 && f.batch.targets.classes == NULL);
        for (size_t a = 0; a < COUNT; a++) {
            const size_t b = COUNT - 1 - a;
            for (size_t i = 0; i < INPUTS; i++) {
                assert_close(f.batch.x[a * INPUTS + i],
                             share * f.x[a * INPUTS + i] + (1.0 - share) * f.x[b * INPUTS + i], 1e-5);
            }
            for (size_t i = 0; i < outputs; i++) {
                const double own = target_of(f.y[a], i, outputs, targets);
                const double other = target_of(f.y[b], i, outputs, targets);
                assert_close(f.batch.targets.values[a * outputs + i], share * own + (1.0 - share) * other,
                             1e-5);
            }
            assert_close(f.batch.weights[a], share * f.weights[a] + (1.0 - share) * f.weights[b], 1e-5);
            assert_int_equal(f.batch.classes[a], f.y[a]);
        }
        drop(&f);
    }
}

/* ∫₀ˣ u^(α−1)·(1−u)^(α−1) du, up to a factor, for x ≤ ½, by Simpson's rule: with u = t^(1/α) where α < 1
 * nothing is singular. */
static double beta_mass(double x, double alpha)
{
    enum { PIECES = 400 };
    const double power = fmin(alpha, 1.0), width = pow(x, power) / PIECES;
    double sum = 0.0;
    for (int i = 0; i <= PIECES; i++) {
        const double weight = i == 0 || i == PIECES ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
        const double u = pow(width * i, 1.0 / power);
        sum += weight * pow(u, alpha - power) * pow(1.0 - u, alpha - 1.0);
    }
    return sum * width / 3.0;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the largest distance between the distribution of the shares and that of max(λ, 1 −
 * λ), λ ~ Beta(α, α). */
static void the_share_is_a_beta_deviates(void **unused)
{
    static const double alphas[] = { 0.2, 0.5, 1.0, 2.0, 8.0 };
    enum { STEPS = 20000 };
    static double rests[STEPS];
    struct fixture f;
    (void)unused;
    make(&f, 1, CLASSES, 2, MLP_CLASS_TARGETS_BINARY); /* x is 1 and 0: λ and 1 − λ come out */
    for (size_t k = 0; k < sizeof alphas / sizeof alphas[0]; k += (size_t)test_step()) {
        double distance = 0.0;
        for (size_t step = 0; step < STEPS; step++) {
            batch_gather(&f.batch, NULL, 0, 2, 1);
            mixup_apply(&f.batch, f.network, alphas[k], 7, step, 1);
            assert_true(f.batch.x[0] >= 0.5f && f.batch.x[0] <= 1.0f);
            rests[step] = f.batch.x[1];
        }
        qsort(rests, STEPS, sizeof *rests, ascending);
        for (size_t i = 0; i < STEPS; i++) {
            const double share = beta_mass(rests[i], alphas[k]) / beta_mass(0.5, alphas[k]);
            distance = fmax(distance, fmax(fabs(share - (double)i / STEPS), fabs(share - (i + 1.0) / STEPS)));
        }
        if (distance * sqrt(STEPS) > 1.95) { /* by chance once in 1000 */
            fail_msg("alpha %g: the distance is %.2f/sqrt(n)", alphas[k], distance * sqrt(STEPS));
        }
    }
    for (double alpha = 1e-6; alpha > 0.0; alpha *= 1e-10) { /* next to no mixing, and no NaN */
        batch_gather(&f.batch, NULL, 0, 2, 1);
        mixup_apply(&f.batch, f.network, alpha, 7, 0, 1);
        assert_close(f.batch.x[0], 1.0, 1e-6);
    }
    drop(&f);
}

/* One epoch of a fit with all noises, by hand: the same bits; and the draws depend on the seed. */
static void a_fit_takes_its_noise(void **unused)
{
    struct fixture f, g;
    mlp_regularization noise = MLP_REGULARIZATION_INIT, passes;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_workspace *workspace;
    mlp_optimizer *first, *second;
    (void)unused;
    make(&f, INPUTS, CLASSES, COUNT, MLP_CLASS_TARGETS_BINARY);
    make(&g, INPUTS, CLASSES, COUNT, MLP_CLASS_TARGETS_BINARY);
    noise.hidden_dropout = 0.4;
    noise.input_noise = 0.2;
    noise.mixup = 0.5;
    noise.seed = 99;
    options.batch = COUNT;
    options.epochs = 3;
    options.keep_order = 1;
    options.regularization = &noise;
    assert_ok(mlp_optimizer_create(f.network, NULL, &first));
    assert_ok(mlp_optimizer_create(g.network, NULL, &second));
    assert_ok(mlp_fit(f.network, first, f.data, &options, NULL));
    assert_ok(mlp_workspace_create(g.network, COUNT, NULL, &workspace));
    passes = noise;
    passes.mixup = 0.0;
    assert_ok(mlp_workspace_set_regularization(workspace, &passes));
    for (size_t step = 0; step < 3; step++) {
        batch_gather(&g.batch, NULL, 0, COUNT, 1);
        mixup_apply(&g.batch, g.network, 0.5, 99, step, 1);
        assert_ok(mlp_train_step(g.network, second, workspace, g.batch.x, &g.batch.targets, COUNT, NULL));
    }
    const size_t bytes = f.network->arena_size * sizeof(float);
    assert_memory_equal(f.network->parameters, g.network->parameters, bytes);
    noise.seed = 100;
    assert_ok(mlp_fit(f.network, first, f.data, &options, NULL));
    noise.seed = 99;
    assert_ok(mlp_fit(g.network, second, g.data, &options, NULL));
    assert_memory_not_equal(f.network->parameters, g.network->parameters, bytes);
    mlp_optimizer_destroy(&first);
    mlp_optimizer_destroy(&second);
    mlp_workspace_destroy(&workspace);
    drop(&f);
    drop(&g);
}

static mlp_status no_loss(const float *a, const mlp_targets *targets, size_t units, size_t count, size_t ld,
                          float *gradient, double *loss, void *context)
{
    (void)a, (void)targets, (void)units, (void)count, (void)ld, (void)gradient, (void)context;
    *loss = 0.0;
    return MLP_OK;
}

static void bad_noise_is_named(void **unused)
{
    struct fixture f;
    const mlp_layer layer = { .units = CLASSES };
    mlp_network_options own = MLP_NETWORK_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_network *network;
    mlp_optimizer *optimizer;
    (void)unused;
    make(&f, INPUTS, CLASSES, COUNT, MLP_CLASS_TARGETS_BINARY);
    options.regularization = &noise;
    own.loss = MLP_LOSS_CUSTOM;
    own.custom_loss = no_loss;
    assert_ok(mlp_network_create(INPUTS, &layer, 1, &own, &network));
    assert_ok(mlp_optimizer_create(network, NULL, &optimizer));
    noise.mixup = 0.5;
    assert_refused(mlp_fit(network, optimizer, f.data, &options, NULL), MLP_ERROR_ARGUMENT, "mixup",
                   "custom loss", NULL);
    noise.mixup = -1.0;
    assert_refused(mlp_fit(network, optimizer, f.data, &options, NULL), MLP_ERROR_RANGE, "mixup", "-1", NULL);
    noise.mixup = 0.0;
    noise.hidden_dropout = 2.0;
    assert_refused(mlp_fit(network, optimizer, f.data, &options, NULL), MLP_ERROR_RANGE, "hidden_dropout",
                   "2", NULL);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_mixed_with_its_mirror),
        cmocka_unit_test(the_share_is_a_beta_deviates),
        cmocka_unit_test(a_fit_takes_its_noise),
        cmocka_unit_test(bad_noise_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
