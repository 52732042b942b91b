/* Warnings about results: guessing, length, classes, ranges. */
#include "reports/warnings.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <mlp/schema.h>

#include "message.h"
#include "options/model_argument.h"

#define STILL_FALLS 0.02
#define LARGEST_STANDARDIZED 1e4

enum { NUMBER_SIZE = 32, ROWS = 256 };

/* ---- guessing ------------------------------------------------------------------------------------------ */

/* Weights by which all classes count alike, count/(classes·samples), 0 for those without samples; NULL when
 * memory is short. */
static float *class_weights(const mlp_data *data)
{
    float *weights = calloc(mlp_data_class_count(data), sizeof *weights);
    if (weights != NULL && mlp_data_balanced_weights(data, weights) != MLP_OK) {
        free(weights);
        return NULL;
    }
    return weights;
}

static int warn_of_accuracy(const char *part, const mlp_network *network, const mlp_data *data,
                            const mlp_exchange *exchange, int threads)
{
    char number[NUMBER_SIZE];
    mlp_metrics metrics;
    size_t commonest = SIZE_MAX, present = 0;
    const mlp_status status = mlp_exchange_evaluate(exchange, network, data, 0, threads, 0, &metrics, NULL);
    if (status == MLP_ERROR_NONFINITE) {
        return EXIT_DONE; /* is told elsewhere */
    }
    TRY(work_code(status));
    float *weights = class_weights(data);
    FAIL_IF(weights == NULL, out_of_memory());
    for (size_t c = 0; c < mlp_data_class_count(data); c++) {
        if (weights[c] > 0.0f) {
            commonest = commonest == SIZE_MAX || weights[c] < weights[commonest] ? c : commonest;
            present++;
        }
    }
    const double share = 1.0 / ((double)present * (double)weights[commonest]);
    free(weights);
    if (metrics.accuracy < share * (1.0 - 1e-6)) {
        notice("%s: an accuracy of %.4f is below that of always saying '%s', %.4f", part, metrics.accuracy,
               network_class_text(network, commonest, number), share);
    }
    return EXIT_DONE;
}

static void compare_with_mean(const char *part, const char *name, const mlp_number_metrics *m)
{
    if (m->r2 < 0.0) {
        notice("%s: %s: an RMSE of %.5g is above that of always saying the mean, %.5g", part, name, m->rmse,
               m->baseline_rmse);
    }
}

static int warn_of_error(const char *part, const mlp_network *network, const mlp_data *data,
                         const mlp_exchange *exchange, int threads)
{
    const size_t outputs = mlp_network_outputs(network);
    mlp_number_metrics *numbers = calloc(outputs, sizeof *numbers);
    FAIL_IF(numbers == NULL, out_of_memory());
    const mlp_status status = mlp_exchange_evaluate_numbers(exchange, network, data, 0, threads, numbers);
    if (status == MLP_OK) {
        for (size_t i = 0; i < outputs; i++) {
            char number[NUMBER_SIZE];
            const char *name = mlp_schema_target_name(mlp_network_schema(network), i);
            snprintf(number, sizeof number, "output %zu", i);
            compare_with_mean(part, name != NULL ? name : number, &numbers[i]);
        }
    }
    free(numbers);
    return status == MLP_ERROR_NONFINITE ? EXIT_DONE : work_code(status);
}

int warn_of_baseline(const char *part, const mlp_network *network, const mlp_data *data,
                     const mlp_exchange *exchange, int threads)
{
    return mlp_data_class_count(data) > 0 ? warn_of_accuracy(part, network, data, exchange, threads)
                                          : warn_of_error(part, network, data, exchange, threads);
}

/* ---- training ------------------------------------------------------------------------------------------ */

/* Of an epoch; NaN where it was not validated. */
static double loss_of(const mlp_report *report, size_t index, bool validated)
{
    mlp_epoch epoch = { .loss = NAN };
    mlp_report_epoch(report, index, &epoch); /* the index is that of an epoch */
    return validated ? epoch.validation.loss : epoch.loss;
}

void warn_of_length(const mlp_report *report)
{
    const size_t epochs = mlp_report_epochs(report);
    if (epochs < 2 || mlp_report_stopped(report) || mlp_report_stopped_early(report)) {
        return;
    }
    const size_t last = epochs - 1, before = last - (epochs < 10 ? 1 : epochs / 5);
    const bool validated = !isnan(loss_of(report, last, true));
    const double fall = loss_of(report, before, validated) - loss_of(report, last, validated);
    if (mlp_report_best_epoch(report) > before && fall > STILL_FALLS * fabs(loss_of(report, 0, validated))) {
        notice("the loss still falls: more --epochs may help");
    }
}

/* Weights of 0 are classes without samples. */
static void compare_classes(const mlp_network *network, const float *in_training, size_t known,
                            const float *in_validation, size_t classes)
{
    char number[NUMBER_SIZE];
    size_t missing = 0, first = 0;
    for (size_t c = 0; c < classes; c++) {
        const bool is_missing = in_validation[c] > 0.0f && (c >= known || !(in_training[c] > 0.0f));
        first = is_missing && missing == 0 ? c : first;
        missing += is_missing;
    }
    if (missing > 0) {
        notice("%zu of the classes to validate on, first '%s', are not trained on", missing,
               network_class_text(network, first, number));
    }
}

int warn_of_classes(const mlp_network *network, const mlp_data *train, const mlp_data *validation)
{
    if (validation == NULL || mlp_data_class_count(train) == 0) {
        return EXIT_DONE;
    }
    float *in_training = class_weights(train), *in_validation = class_weights(validation);
    const bool made = in_training != NULL && in_validation != NULL;
    if (made) {
        compare_classes(network, in_training, mlp_data_class_count(train), in_validation,
                        mlp_data_class_count(validation));
    }
    free(in_training);
    free(in_validation);
    return made ? EXIT_DONE : out_of_memory();
}

/* ---- features ------------------------------------------------------------------------------------------ */

struct extreme {
    size_t input;
    double value; /* standardized */
};

static void find_in_rows(const float *x, size_t rows, size_t inputs, const float *mean, const float *scale,
                         struct extreme *found)
{
    for (size_t i = 0; i < rows * inputs; i++) {
        const size_t input = i % inputs;
        const double value = ((double)x[i] - (double)mean[input]) / (double)scale[input];
        *found = fabs(value) > fabs(found->value) ? (struct extreme){ input, value } : *found;
    }
}

static int find_extreme(const mlp_data *data, const float *mean, const float *scale, struct extreme *found)
{
    const size_t inputs = mlp_data_inputs(data), count = mlp_data_count(data);
    float *x = calloc(inputs, ROWS * sizeof *x);
    int code = x != NULL ? EXIT_DONE : out_of_memory();
    for (size_t first = 0; code == EXIT_DONE && first < count; first += ROWS) {
        const size_t rows = count - first < ROWS ? count - first : ROWS;
        code = work_code(mlp_data_read(data, first, rows, x, NULL, NULL));
        if (code == EXIT_DONE) {
            find_in_rows(x, rows, inputs, mean, scale, found);
        }
    }
    free(x);
    return code;
}

int warn_of_range(const char *spec, const mlp_network *network, const mlp_data *data)
{
    const float *mean, *scale;
    struct extreme extreme = { 0 };
    mlp_network_standardization(network, &mean, &scale);
    if (mean == NULL || mlp_network_schema(network) == NULL ||
        mlp_data_inputs(data) != mlp_network_inputs(network)) {
        return EXIT_DONE;
    }
    TRY(find_extreme(data, mean, scale, &extreme));
    if (fabs(extreme.value) > LARGEST_STANDARDIZED) {
        notice("%s: '%s' lies up to %.2g deviations from the mean of the training data: is it in the same "
               "units?",
               spec, mlp_schema_input_name(mlp_network_schema(network), extreme.input), fabs(extreme.value));
    }
    return EXIT_DONE;
}
