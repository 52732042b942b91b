/* Properties of passes and steps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/network.h"
#include "optim/optimizer.h"
#include "properties/problem.h"
#include "support/support.h"

/* ---- against the reference ---------------------------------------------------------------------- */

/* Float passes through four layers of at most 150 inputs each: of the tensor's largest entry. */
static const double pass_tolerance = 5e-5, gradient_tolerance = 1e-3;

/* Farther than rounding moves a pre-activation. */
static const double margin = 1e-3;

/* The features as the first layer sees them. */
static float *seen_features(const struct subject *s)
{
    const float *mean, *scale;
    float *x = malloc(s->count * s->inputs * sizeof *x);
    mlp_network_standardization(s->network, &mean, &scale);
    for (size_t i = 0; i < s->count * s->inputs; i++) {
        const size_t j = i % s->inputs;
        x[i] = mean != NULL ? (float)(((double)s->x[i] - (double)mean[j]) / (double)scale[j]) : s->x[i];
    }
    return x;
}

static const char *compare(const char *what, size_t layer, const double *expected, const float *got,
                           size_t rows, size_t columns, size_t ld, double tolerance)
{
    double largest = 1e-6, worst = 0.0;
    for (size_t i = 0; i < rows * columns; i++) {
        const double difference = fabs((double)got[i % rows + i / rows * ld] - expected[i]);
        largest = fmax(largest, fabs(expected[i]));
        worst = difference <= worst ? worst : difference; /* NaN stays */
    }
    return worst <= tolerance * largest ? NULL
                                        : complain("%s of layer %zu is off by %g, its largest entry is %g",
                                                   what, layer, worst, largest);
}

/* The loss's settings as the reference takes them. */
static struct reference_loss loss_of(const struct subject *s)
{
    const struct loss_settings *settings = &s->network->loss;
    return (struct reference_loss){ settings->loss, settings->reduction, settings->label_smoothing,
                                    settings->huber_delta, settings->class_weights };
}

/* Whether a slope or a loss jumps within reach of rounding: the gradients then need not agree. */
static bool near_a_kink(const struct reference *r, const struct reference_loss *loss, const mlp_targets *t)
{
    for (size_t l = 0; l < r->layers; l++) {
        for (size_t i = 0; i < r->units[l] * r->count; i++) {
            const double z = fabs(r->z[l][i]);
            if (z < margin || fabs(z - 1.0) < margin || fabs(z - 3.0) < margin) {
                return true;
            }
        }
    }
    const size_t last = r->layers - 1, units = r->units[last];
    if (loss->loss != MLP_LOSS_ABSOLUTE_ERROR && loss->loss != MLP_LOSS_HUBER) {
        return false;
    }
    for (size_t i = 0; i < units * r->count; i++) {
        const double y = t->values != NULL ? (double)t->values[i]
                         : units == 1      ? (double)t->classes[i]
                                           : (double)((size_t)t->classes[i / units] == i % units);
        const double residual = fabs(r->a[last][i] - y);
        if (residual < margin || fabs(residual - loss->delta) < margin) {
            return true;
        }
    }
    return false;
}

static const char *compare_gradients(const struct subject *s, mlp_workspace *workspace,
                                     const struct reference *r)
{
    const char *wrong = NULL;
    mlp_matrix view;
    for (size_t l = 0; l < r->layers && wrong == NULL; l++) {
        const size_t inputs = l > 0 ? r->units[l - 1] : r->inputs;
        mlp_workspace_view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, l, &view);
        wrong = compare("dW", l, r->dw[l], view.data, r->units[l], inputs, view.leading_dimension,
                        gradient_tolerance);
    }
    float *dx = malloc(s->count * s->inputs * sizeof *dx);
    if (wrong == NULL && s->problem->choice[STANDARDIZE] == 0) {
        wrong = mlp_input_gradient(s->network, workspace, dx) != MLP_OK
                    ? "no input gradient"
                    : compare("dx", 0, r->dx, dx, s->inputs, s->count, s->inputs, gradient_tolerance);
    }
    free(dx);
    return wrong;
}

static const char *compare_passes(const struct subject *s, mlp_workspace *workspace, struct reference *r,
                                  const float *x)
{
    const struct reference_loss loss = loss_of(s);
    const size_t last = r->layers - 1;
    mlp_matrix view;
    double value;
    reference_forward(r, x);
    if (mlp_forward(s->network, workspace, s->x, s->count) != MLP_OK ||
        mlp_loss_backward(s->network, workspace, &s->targets, &value) != MLP_OK) {
        return complain("a pass failed: %s", mlp_last_error());
    }
    mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, last, &view);
    const char *wrong = compare("A", last, r->a[last], view.data, s->outputs, s->count,
                                view.leading_dimension, pass_tolerance);
    const double expected = reference_evaluate(r, &loss, &s->targets);
    if (wrong == NULL && !(fabs(value - expected) <= 1e-4 * (1.0 + fabs(expected)))) {
        wrong = complain("the loss is %.9g, expected %.9g", value, expected);
    }
    if (wrong == NULL && !near_a_kink(r, &loss, &s->targets)) {
        reference_backward(r, x, &loss, &s->targets, NULL);
        wrong = compare_gradients(s, workspace, r);
    }
    return wrong;
}

const char *passes_agree_with_the_reference(const struct subject *s)
{
    mlp_workspace *workspace;
    struct reference reference;
    if (!problem_is_ordinary(s->problem)) {
        return NULL;
    }
    float *x = seen_features(s);
    if (mlp_workspace_create(s->network, s->count, NULL, &workspace) != MLP_OK) {
        abort();
    }
    reference_make(&reference, s->network, s->count);
    const char *wrong = compare_passes(s, workspace, &reference, x);
    reference_free(&reference);
    mlp_workspace_destroy(&workspace);
    free(x);
    return wrong;
}

/* ---- steps -------------------------------------------------------------------------------------- */

/* A network in training. */
struct training {
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_workspace *workspace;
};

/* False where the optimizer's settings are refused. */
static bool begin(const struct subject *s, int threads, struct training *t)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_regularization noise = s->noise;
    noise.mixup = 0.0;
    options.threads = threads;
    t->network = subject_network(s);
    if (mlp_workspace_create(t->network, s->count, &options, &t->workspace) != MLP_OK ||
        mlp_workspace_set_regularization(t->workspace, &noise) != MLP_OK) {
        abort();
    }
    return mlp_optimizer_create(t->network, &s->rule, &t->optimizer) == MLP_OK;
}

static void end(struct training *t)
{
    mlp_optimizer_destroy(&t->optimizer);
    mlp_workspace_destroy(&t->workspace);
    mlp_network_destroy(&t->network);
}

static bool same_bits(const struct training *a, const struct training *b)
{
    const size_t bytes = a->network->arena_size * sizeof(float);
    bool same = memcmp(a->network->parameters, b->network->parameters, bytes) == 0 &&
                a->optimizer->updates == b->optimizer->updates;
    for (size_t i = 0; i < a->optimizer->rule->states; i++) {
        same = same && memcmp(a->optimizer->state[i], b->optimizer->state[i], bytes) == 0;
    }
    return same;
}

const char *steps_have_the_same_bits_on_any_team(const struct subject *s)
{
    struct training alone, team;
    const char *wrong = NULL;
    for (int threads = 2; threads <= 3 && wrong == NULL; threads++) {
        const bool begun = begin(s, 1, &alone) && begin(s, threads, &team);
        if (begun) {
            for (size_t step = 0; step < 3 && wrong == NULL; step++) {
                const size_t count = step == 2 && s->count > 1 ? s->count - 1 : s->count;
                mlp_step_report a = { .loss = 0.0 }, b = { .loss = 0.0 };
                const mlp_status first = mlp_train_step(alone.network, alone.optimizer, alone.workspace, s->x,
                                                        &s->targets, count, &a);
                const mlp_status second = mlp_train_step(team.network, team.optimizer, team.workspace, s->x,
                                                         &s->targets, count, &b);
                if (first != second || memcmp(&a.loss, &b.loss, sizeof a.loss) != 0 ||
                    !same_bits(&alone, &team)) {
                    wrong = complain("step %zu on %d threads: status %d and %d, losses %.9g and %.9g", step,
                                     threads, (int)first, (int)second, a.loss, b.loss);
                }
            }
        }
        if (begun) {
            end(&team);
        }
        end(&alone);
        if (!begun) {
            return NULL;
        }
    }
    return wrong;
}

static mlp_status step_by_parts(const struct subject *s, struct training *t)
{
    mlp_status status = mlp_forward(t->network, t->workspace, s->x, s->count);
    status = status == MLP_OK ? mlp_loss_backward(t->network, t->workspace, &s->targets, NULL) : status;
    return status == MLP_OK ? mlp_optimizer_step(t->optimizer, t->network, t->workspace, NULL) : status;
}

const char *a_step_is_its_parts(const struct subject *s)
{
    struct training whole, parts;
    const char *wrong = NULL;
    if (s->rule.rule == MLP_OPTIMIZER_LBFGS || s->rule.nonfinite != MLP_NONFINITE_ERROR ||
        s->noise.hidden_dropout + s->noise.input_noise > 0.0) {
        return NULL; /* parts have no line search, no report of a loss, and no noise */
    }
    const bool begun = begin(s, 1, &whole);
    if (begun && begin(s, 1, &parts)) {
        for (size_t step = 0; step < 3 && wrong == NULL; step++) {
            const mlp_status first = mlp_train_step(whole.network, whole.optimizer, whole.workspace, s->x,
                                                    &s->targets, s->count, NULL);
            const mlp_status second = step_by_parts(s, &parts);
            if (first != second || !same_bits(&whole, &parts)) {
                wrong = complain("step %zu: status %d, and %d of its parts", step, (int)first, (int)second);
            }
        }
        end(&parts);
    }
    end(&whole);
    return wrong;
}

static bool is_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static const char *unsound_after_ok(const struct training *t)
{
    if (!is_finite(t->network->parameters, t->network->arena_size)) {
        return "a parameter is not finite after MLP_OK";
    }
    for (size_t i = 0; i < t->optimizer->rule->states; i++) {
        if (!is_finite(t->optimizer->state[i], t->network->arena_size)) {
            return complain("a value of the optimizer's state %zu is not finite after MLP_OK", i);
        }
    }
    for (size_t l = 0; l < t->network->layer_count; l++) {
        const struct layer *layer = &t->network->layers[l];
        for (size_t j = 0; j <= layer->inputs; j++) { /* b follows W */
            const float *column = t->network->parameters + layer->weights + j * layer->stride;
            for (size_t i = layer->units; i < layer->stride; i++) {
                if (column[i] != 0.0f) {
                    return complain("the padding of layer %zu is not 0", l);
                }
            }
        }
    }
    return NULL;
}

/* After MLP_OK all is finite and the padding 0; after an error all bits are those before. */
const char *what_is_not_finite_changes_nothing(const struct subject *s)
{
    struct training t, before;
    const char *wrong = NULL;
    if (!begin(s, 1, &t)) {
        end(&t);
        return NULL;
    }
    for (size_t step = 0; step < 4 && wrong == NULL; step++) {
        before = t;
        float *kept = malloc(t.network->arena_size * sizeof(float) * (t.optimizer->rule->states + 1));
        const size_t bytes = t.network->arena_size * sizeof(float);
        memcpy(kept, t.network->parameters, bytes);
        for (size_t i = 0; i < t.optimizer->rule->states; i++) {
            memcpy(kept + (i + 1) * t.network->arena_size, t.optimizer->state[i], bytes);
        }
        const uint64_t updates = before.optimizer->updates;
        const mlp_status status =
            mlp_train_step(t.network, t.optimizer, t.workspace, s->x, &s->targets, s->count, NULL);
        if (status == MLP_OK) {
            wrong = unsound_after_ok(&t);
        } else {
            bool same = memcmp(kept, t.network->parameters, bytes) == 0 && t.optimizer->updates == updates;
            for (size_t i = 0; i < t.optimizer->rule->states; i++) {
                same =
                    same && memcmp(kept + (i + 1) * t.network->arena_size, t.optimizer->state[i], bytes) == 0;
            }
            wrong =
                same ? NULL : complain("step %zu came back with %d and changed something", step, (int)status);
        }
        free(kept);
    }
    end(&t);
    return wrong;
}

/* ---- prediction --------------------------------------------------------------------------------- */

static const char *predict_and_compare(const struct subject *s, mlp_workspace *workspace, const float *a,
                                       size_t ld, bool bits)
{
    float *outputs = malloc(s->count * s->outputs * sizeof *outputs);
    const char *wrong = NULL;
    if (mlp_predict(s->network, workspace, s->x, s->count, outputs) != MLP_OK) {
        wrong = complain("prediction failed: %s", mlp_last_error());
    }
    for (size_t i = 0; i < s->count * s->outputs && wrong == NULL; i++) {
        const float expected = a[i % s->outputs + i / s->outputs * ld], got = outputs[i];
        const double scale = fmax(1.0, fabs((double)expected));
        const bool close = fabs((double)got - (double)expected) <= 1e-4 * scale;
        if (memcmp(&got, &expected, sizeof got) != 0 && (bits || !close)) {
            wrong = complain("output %zu is %.9g, forward's %.9g", i, (double)got, (double)expected);
        }
    }
    free(outputs);
    return wrong;
}

const char *predictions_are_those_of_forward(const struct subject *s)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *training, *inference;
    mlp_matrix view;
    options.threads = 2;
    if (mlp_workspace_create(s->network, s->count, NULL, &training) != MLP_OK) {
        abort();
    }
    if (mlp_forward(s->network, training, s->x, s->count) != MLP_OK) {
        abort();
    }
    mlp_workspace_view(training, MLP_TENSOR_ACTIVATION, mlp_network_layer_count(s->network) - 1, &view);
    const char *wrong = NULL;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    for (int pieces = 0; pieces < 2 && wrong == NULL; pieces++) {
        const bool ordinary = problem_is_ordinary(s->problem);
        if (pieces == 1 && !ordinary) {
            break; /* pieces are other sums: an overflow may come earlier */
        }
        if (mlp_workspace_create(s->network, pieces ? s->batch : s->count, &options, &inference) != MLP_OK) {
            abort();
        }
        wrong = predict_and_compare(s, inference, view.data, view.leading_dimension, pieces == 0);
        mlp_workspace_destroy(&inference);
    }
    mlp_workspace_destroy(&training);
    return wrong;
}
