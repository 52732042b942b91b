/* Gradients against central differences of the loss: no formula for a derivative stands on the other side.
 *
 * The loss is computed in double by the naive network, once with a parameter raised by h and once lowered.
 * Its error is about h² of the third derivative and 2⁻⁵²/h of the loss: 1e-10. A float gradient through three
 * layers of fewer than 10 units each is good to a few 1e-6 of its tensor's largest entry. Entries are
 * compared on that scale, and a tensor whose largest entry is itself near 0 fails: nothing with nothing would
 * pass for any formula. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

#include "support/reference.h"

enum { INPUTS = 6, OUTPUTS = 4, BATCH = 7, LAYERS = 3 };

static const size_t units[LAYERS] = { 9, 5, OUTPUTS };
static const double step = 1e-5, tolerance = 1e-5, least_gradient = 1e-4;

/* Inputs are moved by a step that keeps them exact floats, and is larger: h² is 1e-6. */
static const double input_step = 0x1p-10, input_tolerance = 3e-5;

/* Farther than any perturbation moves a pre-activation or output. */
static const double margin = 4e-3;

/* Everything that decides one comparison. */
struct problem {
    mlp_activation hidden;
    mlp_activation output;
    struct reference_loss loss;
    bool dense;
    bool weighted;
    float x[BATCH * INPUTS];
    float values[BATCH * OUTPUTS];
    float weights[BATCH];
    int32_t classes[BATCH];
    mlp_targets targets;
    mlp_network *network;
    mlp_workspace *workspace;
    struct reference reference;
};

static void draw(struct problem *p, uint64_t seed)
{
    uint64_t state = seed;
    for (size_t i = 0; i < BATCH * INPUTS; i++) {
        p->x[i] = (float)(floor(test_uniform(&state, -1.5, 1.5) * 0x1p12) * 0x1p-12);
    }
    test_fill(&state, 0.05, 0.95, p->values, BATCH * OUTPUTS);
    test_fill(&state, 0.2, 2.0, p->weights, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        p->classes[i] = (int32_t)test_uniform(&state, 0.0, OUTPUTS);
    }
    p->targets = (mlp_targets){ p->dense ? NULL : p->classes, p->dense ? p->values : NULL,
                                p->weighted ? p->weights : NULL };
}

static void create(struct problem *p, uint64_t seed)
{
    mlp_layer layers[LAYERS] = { { .units = 0 } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    for (int l = 0; l < LAYERS; l++) {
        layers[l].units = units[l];
        layers[l].activation = l + 1 < LAYERS ? p->hidden : p->output;
        layers[l].init = MLP_INIT_VARIANCE_SCALING; /* larger than most: no gradient is to vanish */
        layers[l].init_parameters.gain = 1.5;
        layers[l].bias_init = MLP_INIT_UNIFORM;
    }
    options.seed = seed;
    options.loss = p->loss.loss;
    options.reduction = p->loss.reduction;
    options.label_smoothing = p->loss.smoothing;
    options.huber_delta = p->loss.loss == MLP_LOSS_HUBER ? p->loss.delta : 0.0;
    options.class_weights = p->loss.class_weights;
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, &options, &p->network));
    assert_ok(mlp_workspace_create(p->network, BATCH, NULL, &p->workspace));
    reference_make(&p->reference, p->network, BATCH);
    reference_forward(&p->reference, p->x);
}

static void drop(struct problem *p)
{
    reference_free(&p->reference);
    mlp_workspace_destroy(&p->workspace);
    mlp_network_destroy(&p->network);
}

/* Where an activation's slope jumps: two places at most, the second the first's mirror image. */
static bool at_kink(mlp_activation activation, double z)
{
    switch (activation) {
    case MLP_ACTIVATION_RELU:
    case MLP_ACTIVATION_LEAKY_RELU:
    case MLP_ACTIVATION_SELU:
    case MLP_ACTIVATION_ELU:
    case MLP_ACTIVATION_SOFTSIGN: return fabs(z) < margin;
    case MLP_ACTIVATION_HARD_TANH: return fabs(fabs(z) - 1.0) < margin;
    case MLP_ACTIVATION_HARD_SIGMOID: return fabs(fabs(z) - 3.0) < margin;
    default: return false;
    }
}

/* And the loss's: |r| at 0; Huber's slope does not jump, but its curvature does. */
static bool at_loss_kink(const struct reference_loss *loss, double residual)
{
    return loss->loss == MLP_LOSS_ABSOLUTE_ERROR ? fabs(residual) < margin
           : loss->loss == MLP_LOSS_HUBER        ? fabs(fabs(residual) - loss->delta) < margin
                                                 : false;
}

static bool has_kink(const struct problem *p)
{
    const struct reference *r = &p->reference;
    for (size_t l = 0; l < LAYERS; l++) {
        for (size_t i = 0; i < units[l] * BATCH; i++) {
            if (at_kink(r->activation[l], r->z[l][i])) {
                return true;
            }
        }
    }
    for (size_t i = 0; i < OUTPUTS * BATCH; i++) {
        const double y = p->dense ? p->values[i] : p->classes[i / OUTPUTS] == (int32_t)(i % OUTPUTS);
        if (at_loss_kink(&p->loss, r->a[LAYERS - 1][i] - y)) {
            return true;
        }
    }
    return false;
}

static double loss_of(struct problem *p)
{
    reference_forward(&p->reference, p->x);
    return reference_evaluate(&p->reference, &p->loss, &p->targets);
}

/* dL/d(*parameter) */
static double slope_of(struct problem *p, double *parameter)
{
    const double kept = *parameter;
    *parameter = kept + step;
    const double above = loss_of(p);
    *parameter = kept - step;
    const double below = loss_of(p);
    *parameter = kept;
    return (above - below) / (2.0 * step);
}

static void assert_same(const struct problem *p, const char *tensor, size_t layer, const double *expected,
                        const float *got, size_t rows, size_t columns, size_t ld, double allowed)
{
    double largest = 0.0, worst = 0.0;
    for (size_t i = 0; i < rows * columns; i++) {
        const double difference = fabs((double)got[i % rows + i / rows * ld] - expected[i]);
        largest = fmax(largest, fabs(expected[i]));
        worst = difference <= worst ? worst : difference; /* NaN stays */
    }
    if (!(worst <= allowed * largest) || !(largest >= least_gradient)) {
        print_error("%s and %s, %s: %s of layer %zu: largest %g, off by %g\n", mlp_activation_name(p->hidden),
                    mlp_activation_name(p->output), mlp_loss_name(p->loss.loss), tensor, layer, largest,
                    worst);
        fail();
    }
}

static void compare_layer(struct problem *p, size_t l)
{
    const size_t inputs = l > 0 ? units[l - 1] : INPUTS;
    double slopes[9 * 9];
    mlp_matrix view;
    for (size_t i = 0; i < units[l] * inputs; i++) {
        slopes[i] = slope_of(p, &p->reference.w[l][i]);
    }
    assert_ok(mlp_workspace_view(p->workspace, MLP_TENSOR_WEIGHT_GRADIENT, l, &view));
    assert_same(p, "dW", l, slopes, view.data, units[l], inputs, view.leading_dimension, tolerance);
    for (size_t i = 0; i < units[l]; i++) {
        slopes[i] = slope_of(p, &p->reference.b[l][i]);
    }
    assert_ok(mlp_workspace_view(p->workspace, MLP_TENSOR_BIAS_GRADIENT, l, &view));
    if (l + 1 < LAYERS || p->output != MLP_ACTIVATION_SOFTMAX || p->loss.loss != MLP_LOSS_CROSS_ENTROPY) {
        assert_same(p, "db", l, slopes, view.data, units[l], 1, view.leading_dimension, tolerance);
        return;
    }
    for (size_t i = 0; i < units[l]; i++) {
        assert_close(view.data[i], slopes[i],
                     tolerance); /* may be small: every unit's share of the classes fits */
    }
}

static void compare_inputs(struct problem *p)
{
    double slopes[BATCH * INPUTS];
    float dx[BATCH * INPUTS];
    for (size_t i = 0; i < BATCH * INPUTS; i++) {
        const float kept = p->x[i];
        p->x[i] = kept + (float)input_step;
        const double above = loss_of(p);
        p->x[i] = kept - (float)input_step;
        const double below = loss_of(p);
        p->x[i] = kept;
        slopes[i] = (above - below) / (2.0 * input_step);
    }
    assert_ok(mlp_input_gradient(p->network, p->workspace, dx));
    assert_same(p, "dx", 0, slopes, dx, INPUTS, BATCH, INPUTS, input_tolerance);
}

static void check(struct problem p, uint64_t seed)
{
    double loss;
    draw(&p, seed);
    create(&p, seed);
    for (int draws = 0; has_kink(&p); draws++) {
        assert_true(draws < 500);
        drop(&p);
        seed += 100003;
        draw(&p, seed);
        create(&p, seed);
    }
    assert_ok(mlp_forward(p.network, p.workspace, p.x, BATCH));
    assert_ok(mlp_loss_backward(p.network, p.workspace, &p.targets, &loss));
    assert_close(loss, loss_of(&p), 1e-5);
    for (size_t l = 0; l < LAYERS; l++) {
        compare_layer(&p, l);
    }
    compare_inputs(&p);
    drop(&p);
}

static bool combine(mlp_loss loss, mlp_activation output)
{
    switch (loss) {
    case MLP_LOSS_CROSS_ENTROPY: return output == MLP_ACTIVATION_SOFTMAX || output == MLP_ACTIVATION_IDENTITY;
    case MLP_LOSS_BINARY_CROSS_ENTROPY:
        return output == MLP_ACTIVATION_SIGMOID || output == MLP_ACTIVATION_IDENTITY;
    case MLP_LOSS_SQUARED_ERROR: return true;
    default: return output != MLP_ACTIVATION_SOFTMAX;
    }
}

/* What the tests combine is all that the library accepts, and no less. */
static void the_library_agrees_on_what_combines(void **unused)
{
    (void)unused;
    for (int output = 0; output < (int)mlp_activation_count(); output++) {
        if (output == MLP_ACTIVATION_CUSTOM) {
            continue;
        }
        for (int loss = MLP_LOSS_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
            if (loss == MLP_LOSS_CUSTOM) {
                continue;
            }
            const mlp_layer layer = { .units = OUTPUTS, .activation = (mlp_activation)output };
            mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
            mlp_network *network;
            options.loss = (mlp_loss)loss;
            const mlp_status status = mlp_network_create(INPUTS, &layer, 1, &options, &network);
            assert_int_equal(status == MLP_OK, combine((mlp_loss)loss, (mlp_activation)output));
            mlp_network_destroy(&network);
        }
    }
}

static void every_output_with_every_loss(void **unused)
{
    (void)unused;
    for (int output = 0; output < (int)mlp_activation_count(); output++) {
        if (output == MLP_ACTIVATION_CUSTOM) {
            continue;
        }
        for (int loss = MLP_LOSS_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
            if (loss == MLP_LOSS_CUSTOM) {
                continue;
            }
            for (int dense = 0; dense < 2 && combine((mlp_loss)loss, (mlp_activation)output); dense++) {
                const struct problem p = {
                    .hidden = MLP_ACTIVATION_TANH,
                    .output = (mlp_activation)output,
                    .loss = { (mlp_loss)loss, MLP_REDUCTION_MEAN, 0.0, 0.4, NULL },
                    .dense = dense,
                };
                check(p, 1000 + 100 * (uint64_t)output + 10 * (uint64_t)loss + (uint64_t)dense);
            }
        }
    }
}

static void every_hidden_activation(void **unused)
{
    (void)unused;
    for (int hidden = 0; hidden < MLP_ACTIVATION_SOFTMAX; hidden++) {
        const struct problem classes = { .hidden = (mlp_activation)hidden,
                                         .output = MLP_ACTIVATION_SOFTMAX,
                                         .loss = { MLP_LOSS_CROSS_ENTROPY, MLP_REDUCTION_MEAN, 0.0, 0.0,
                                                   NULL } };
        const struct problem values = { .hidden = (mlp_activation)hidden,
                                        .output = MLP_ACTIVATION_IDENTITY,
                                        .loss = { MLP_LOSS_SQUARED_ERROR, MLP_REDUCTION_SUM, 0.0, 0.0, NULL },
                                        .dense = true };
        check(classes, 5000 + (uint64_t)hidden);
        check(values, 6000 + (uint64_t)hidden);
    }
}

static void every_reduction_with_weights(void **unused)
{
    static const float class_weights[OUTPUTS] = { 0.5f, 2.0f, 0.25f, 1.5f };
    (void)unused;
    for (int reduction = MLP_REDUCTION_MEAN; reduction <= MLP_REDUCTION_SAMPLE_MEAN; reduction++) {
        for (int dense = 0; dense < 2; dense++) {
            const struct problem softmax = {
                .hidden = MLP_ACTIVATION_SILU,
                .output = MLP_ACTIVATION_SOFTMAX,
                .loss = { MLP_LOSS_CROSS_ENTROPY, (mlp_reduction)reduction, 0.2, 0.0, class_weights },
                .dense = dense,
                .weighted = true,
            };
            check(softmax, 7000 + 10 * (uint64_t)reduction + (uint64_t)dense);
            for (int loss = MLP_LOSS_BINARY_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
                if (loss == MLP_LOSS_CUSTOM) {
                    continue;
                }
                const struct problem per_unit = {
                    .hidden = MLP_ACTIVATION_SILU,
                    .output = MLP_ACTIVATION_SIGMOID,
                    .loss = { (mlp_loss)loss, (mlp_reduction)reduction, 0.0, 0.3, NULL },
                    .dense = dense,
                    .weighted = true,
                };
                check(per_unit, 8000 + 100 * (uint64_t)loss + 10 * (uint64_t)reduction + (uint64_t)dense);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_agrees_on_what_combines),
        cmocka_unit_test(every_output_with_every_loss),
        cmocka_unit_test(every_hidden_activation),
        cmocka_unit_test(every_reduction_with_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
