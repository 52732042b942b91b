/* Losses: names, settings, targets. */
#include "strategy/loss.h"

#include <math.h>

#include "base/status.h"
#include "strategy/loss_rows.h"

static const struct name reduction_names[] = {
    [MLP_REDUCTION_MEAN] = { "mean",
                             "weighted mean over samples, and over units where a loss has one for each" },
    [MLP_REDUCTION_SUM] = { "sum", "sum over samples and units" },
    [MLP_REDUCTION_SAMPLE_MEAN] = { "sample-mean", "weighted mean over samples, sum over units" },
};

static const struct name_table *names(void)
{
    return LEVEL_SELECT(loss_table);
}

STRATEGY_FUNCTIONS(mlp_loss, mlp_loss, names());

static const struct name_table reductions = NAME_ROWS("reduction", reduction_names);

NAME_FUNCTIONS(mlp_reduction, mlp_reduction, &reductions);

const struct loss_row *loss_row(mlp_loss loss)
{
    return &loss_entry_at(names(), (size_t)loss)->row;
}

static const struct name class_targets_names[] = {
    [MLP_CLASS_TARGETS_BINARY] = { "binary", "0 and 1" },
    [MLP_CLASS_TARGETS_BIPOLAR] = { "bipolar", "-1 and 1" },
};

static const struct name_table class_targets = NAME_ROWS("class targets", class_targets_names);

NAME_FUNCTIONS(mlp_class_targets, mlp_class_targets, &class_targets);

static mlp_loss automatic_loss(mlp_activation output)
{
    switch (output) {
    case MLP_ACTIVATION_SOFTMAX: return MLP_LOSS_CROSS_ENTROPY;
    case MLP_ACTIVATION_SIGMOID: return MLP_LOSS_BINARY_CROSS_ENTROPY;
    default: return MLP_LOSS_SQUARED_ERROR;
    }
}

static mlp_status check_class_weights(const float *weights, size_t units)
{
    double sum = 0.0;
    for (size_t i = 0; i < units; i++) {
        FAIL_IF(!(weights[i] >= 0.0f) || !isfinite(weights[i]), MLP_ERROR_RANGE,
                "class_weights[%zu] is %g, expected a finite number of at least 0", i, (double)weights[i]);
        sum += (double)weights[i];
    }
    FAIL_IF(sum == 0.0, MLP_ERROR_RANGE, "class_weights are all 0, expected at least one above");
    return MLP_OK;
}

/* Options that only one loss takes. */
static mlp_status check_options(const struct loss_settings *settings, size_t units)
{
    const char *name = loss_row(settings->loss)->name.name;
    FAIL_IF(settings->loss != MLP_LOSS_CROSS_ENTROPY &&
                (settings->label_smoothing != 0.0 || settings->class_weights),
            MLP_ERROR_ARGUMENT, "%s goes with cross-entropy alone, the loss is %s",
            settings->class_weights != NULL ? "class_weights" : "label_smoothing", name);
    FAIL_IF(!(settings->label_smoothing >= 0.0 && settings->label_smoothing < 1.0), MLP_ERROR_RANGE,
            "label_smoothing is %g, expected 0 up to, not including, 1", settings->label_smoothing);
    FAIL_IF(settings->loss != MLP_LOSS_HUBER && settings->huber_delta != 0.0, MLP_ERROR_ARGUMENT,
            "huber_delta goes with huber alone, the loss is %s", name);
    FAIL_IF(settings->loss == MLP_LOSS_HUBER &&
                !(settings->huber_delta >= 0.0 && isfinite(settings->huber_delta)),
            MLP_ERROR_RANGE, "huber_delta is %g, expected a finite number above 0", settings->huber_delta);
    FAIL_IF(settings->class_targets != MLP_CLASS_TARGETS_BINARY &&
                (loss_row(settings->loss)->from_logits || settings->loss == MLP_LOSS_CUSTOM),
            MLP_ERROR_ARGUMENT,
            "class_targets: bipolar goes with squared-error, absolute-error and huber, the loss is %s", name);
    FAIL_IF(settings->loss == MLP_LOSS_CUSTOM && settings->custom == NULL, MLP_ERROR_ARGUMENT,
            "custom_loss is NULL, expected a function for the loss custom");
    return settings->class_weights != NULL ? check_class_weights(settings->class_weights, units) : MLP_OK;
}

mlp_status loss_resolve(struct loss_settings *settings, mlp_activation output, size_t units)
{
    TRY(name_check(names(), (int)settings->loss));
    TRY(name_check(&reductions, (int)settings->reduction));
    TRY(name_check(&class_targets, (int)settings->class_targets));
    const mlp_loss loss = settings->loss != MLP_LOSS_AUTOMATIC ? settings->loss : automatic_loss(output);
    const struct loss_entry *entry = loss_entry_at(names(), (size_t)loss);
    FAIL_IF(!entry->accepts(output), MLP_ERROR_ARGUMENT, "%s does not go with a %s output: it needs %s",
            entry->row.name.name, mlp_activation_name(output), entry->advice);
    FAIL_IF(loss == MLP_LOSS_CROSS_ENTROPY && units == 1, MLP_ERROR_ARGUMENT,
            "cross-entropy needs 2 output units or more, got 1: for a single yes/no "
            "unit use a sigmoid output with binary-cross-entropy");
    settings->loss = loss;
    TRY(check_options(settings, units));
    if (loss == MLP_LOSS_HUBER && settings->huber_delta == 0.0) {
        settings->huber_delta = 1.0;
    }
    return MLP_OK;
}

mlp_status loss_missing(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                        size_t leading_dimension, float *gradient, double *loss, void *context)
{
    (void)outputs, (void)targets, (void)units, (void)count, (void)leading_dimension, (void)gradient;
    *loss = NAN;
    return fail(MLP_ERROR_STATE,
                "the network's custom loss '%s' was not given when it was loaded "
                "(mlp_load_options.find_loss)",
                context != NULL ? (const char *)context : "");
}

static mlp_status check_classes(const mlp_targets *targets, size_t units, size_t count)
{
    const size_t classes = units > 1 ? units : 2;
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(targets->classes[i] < 0 || (size_t)targets->classes[i] >= classes, MLP_ERROR_RANGE,
                "sample %zu: class is %d, expected 0 to %zu", i, (int)targets->classes[i], classes - 1);
    }
    return MLP_OK;
}

static mlp_status check_weights(const float *weights, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(!(weights[i] >= 0.0f) || !isfinite(weights[i]), MLP_ERROR_RANGE,
                "sample %zu: weight is %g, expected a finite number of at least 0", i, (double)weights[i]);
    }
    return MLP_OK;
}

mlp_status loss_check_targets(const struct loss_settings *settings, const mlp_targets *targets, size_t units,
                              size_t count)
{
    if (settings->loss == MLP_LOSS_CUSTOM) {
        return MLP_OK; /* the caller's own function knows what it needs */
    }
    FAIL_IF((targets->classes == NULL) == (targets->values == NULL), MLP_ERROR_ARGUMENT,
            "targets: %s of classes and values given, expected one of them",
            targets->classes == NULL ? "neither" : "both");
    if (targets->classes != NULL) {
        TRY(check_classes(targets, units, count));
    }
    return targets->weights != NULL ? check_weights(targets->weights, count) : MLP_OK;
}

double loss_sample_mass(const struct loss_settings *settings, const mlp_targets *targets, size_t sample)
{
    const double weight = targets->weights != NULL ? (double)targets->weights[sample] : 1.0;
    const bool by_class = settings->reduction == MLP_REDUCTION_MEAN && settings->class_weights != NULL &&
                          targets->classes != NULL;
    return by_class ? weight * (double)settings->class_weights[targets->classes[sample]] : weight;
}

double loss_mass(const struct loss_settings *settings, const mlp_targets *targets, size_t count)
{
    double mass = 0.0;
    for (size_t i = 0; i < count; i++) {
        mass += loss_sample_mass(settings, targets, i);
    }
    return mass;
}

size_t loss_units(const struct loss_settings *settings, size_t units)
{
    const bool averages = settings->reduction == MLP_REDUCTION_MEAN && loss_row(settings->loss)->per_unit;
    return averages ? units : 1;
}

double loss_scale(const struct loss_settings *settings, size_t units, double mass)
{
    if (settings->reduction == MLP_REDUCTION_SUM) {
        return 1.0;
    }
    return mass > 0.0 ? 1.0 / (mass * (double)loss_units(settings, units)) : 0.0;
}

double loss_reduce(const struct loss_settings *settings, const struct loss_sum *sum)
{
    return settings->reduction == MLP_REDUCTION_SUM ? sum->sum : sum->sum / sum->mass;
}
