/* Figures of a model's predictions beyond loss and accuracy. */
#include "reports/evaluation.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options/model_argument.h"
#include "reports/json_output.h"
#include "reports/prediction.h"

enum { NAME_SIZE = 24, TEXT_SIZE = 128, THRESHOLDS = 9 };

/* Of "yes, it is class 1" from a probability on. */
struct threshold_figures {
    double threshold, precision, recall, f1, accuracy;
};

static void keep_outputs(struct evaluation *e, const struct prediction *prediction)
{
    const size_t outputs = mlp_network_outputs(e->network);
    for (size_t i = 0; i < prediction->count; i++) {
        const float *values = prediction_outputs(prediction, i);
        const size_t sample = prediction->first + i;
        for (size_t c = 0; c < outputs; c++) {
            e->scores[(e->columns - outputs + c) * e->count + sample] = values[c];
        }
        if (e->columns > outputs) { /* one output for two classes */
            e->scores[sample] = 1.0f - values[0];
        }
    }
}

static int keep_truth(struct evaluation *e, const struct prediction *prediction, float *rows)
{
    const size_t first = prediction->first, count = prediction->count;
    if (e->classes != NULL) {
        return work_code(mlp_data_read(prediction->data, first, count, NULL, e->classes + first, NULL));
    }
    TRY(work_code(mlp_data_read(prediction->data, first, count, NULL, NULL, rows)));
    for (size_t i = 0; i < count * e->columns; i++) {
        e->values[i % e->columns * e->count + first + i / e->columns] = rows[i];
    }
    return EXIT_DONE;
}

static int collect(struct evaluation *e, struct prediction *prediction)
{
    float *rows = calloc(prediction->batch, e->columns * sizeof *rows);
    int code = rows != NULL ? prediction_next(prediction) : out_of_memory();
    while (code == EXIT_DONE && prediction->count > 0) {
        keep_outputs(e, prediction);
        code = keep_truth(e, prediction, rows);
        code = code == EXIT_DONE ? prediction_next(prediction) : code;
    }
    free(rows);
    return code;
}

static int measure_class(struct evaluation *e, size_t c)
{
    struct class_figures *figures = &e->of_class[c];
    const float *scores = e->scores + c * e->count;
    for (size_t i = 0; i < e->count; i++) {
        e->truth[i] = (size_t)e->classes[i] == c;
    }
    TRY(work_code(mlp_class_metrics_of(e->confusion, e->columns, c, &figures->counts)));
    TRY(work_code(mlp_roc_auc(scores, e->truth, e->count, &figures->roc_auc)));
    return work_code(mlp_average_precision(scores, e->truth, e->count, &figures->average_precision));
}

/* A flag counts as called from one half on. */
static bool is_called(float value)
{
    return value >= 0.5f;
}

static int measure_flag(struct evaluation *e, size_t c)
{
    struct class_figures *figures = &e->of_class[c];
    const float *scores = e->scores + c * e->count, *values = e->values + c * e->count;
    uint64_t confusion[4] = { 0 };
    for (size_t i = 0; i < e->count; i++) {
        e->truth[i] = is_called(values[i]);
        confusion[2 * e->truth[i] + is_called(scores[i])]++;
    }
    TRY(work_code(mlp_class_metrics_of(confusion, 2, 1, &figures->counts)));
    TRY(work_code(mlp_roc_auc(scores, e->truth, e->count, &figures->roc_auc)));
    return work_code(mlp_average_precision(scores, e->truth, e->count, &figures->average_precision));
}

static void measure_exact(struct evaluation *e)
{
    size_t right = 0;
    for (size_t i = 0; i < e->count; i++) {
        size_t c = 0;
        while (c < e->columns &&
               is_called(e->scores[c * e->count + i]) == is_called(e->values[c * e->count + i])) {
            c++;
        }
        right += c == e->columns;
    }
    e->exact = (double)right / (double)e->count;
}

/* How well the probability of the predicted class says how often it is right. */
static int measure_calibration(struct evaluation *e)
{
    float *confidence = calloc(e->count, sizeof *confidence);
    FAIL_IF(confidence == NULL, out_of_memory());
    bool probabilities = true;
    for (size_t i = 0; i < e->count; i++) {
        size_t best = 0;
        for (size_t c = 0; c < e->columns; c++) {
            const float score = e->scores[c * e->count + i];
            best = score > e->scores[best * e->count + i] ? c : best;
            probabilities = probabilities && score >= 0.0f && score <= 1.0f;
        }
        confidence[i] = e->scores[best * e->count + i];
        e->truth[i] = (size_t)e->classes[i] == best;
    }
    e->calibration = (double)NAN;
    const int code = probabilities
                         ? work_code(mlp_calibration_error(confidence, e->truth, e->count, RELIABILITY_BINS,
                                                           e->bins, &e->calibration))
                         : EXIT_DONE;
    free(confidence);
    return code;
}

static int measure_column(struct evaluation *e, size_t c)
{
    const size_t at = c * e->count;
    if (e->residuals != NULL) {
        return work_code(mlp_residuals_of(e->scores + at, e->values + at, 1, e->count, &e->residuals[c]));
    }
    return e->flags ? measure_flag(e, c) : measure_class(e, c);
}

static int measure(struct evaluation *e)
{
    for (size_t c = 0; c < e->columns; c++) {
        TRY(measure_column(e, c));
    }
    if (e->flags) {
        measure_exact(e);
    }
    return e->classes != NULL ? measure_calibration(e) : EXIT_DONE;
}

int evaluation_make(struct evaluation *evaluation, const mlp_network *network, const mlp_data *data,
                    size_t batch, int threads, const uint64_t *confusion)
{
    struct evaluation *e = evaluation;
    struct prediction prediction = { 0 };
    *e = (struct evaluation){
        .network = network, .count = mlp_data_count(data), .confusion = confusion, .calibration = (double)NAN
    };
    e->columns = confusion != NULL ? network_classes(network) : mlp_network_outputs(network);
    e->scores = calloc(e->count, e->columns * sizeof *e->scores);
    e->truth = calloc(e->count, 1);
    e->flags = confusion == NULL && network_predicts_flags(network);
    if (confusion != NULL) {
        e->classes = calloc(e->count, sizeof *e->classes);
    } else {
        e->values = calloc(e->count, e->columns * sizeof *e->values);
    }
    if (confusion != NULL || e->flags) {
        e->of_class = calloc(e->columns, sizeof *e->of_class);
    } else {
        e->residuals = calloc(e->columns, sizeof *e->residuals);
    }
    const bool made =
        (e->classes != NULL || e->values != NULL) && (e->of_class != NULL || e->residuals != NULL);
    FAIL_IF(!made || e->scores == NULL || e->truth == NULL, out_of_memory());
    int code = prediction_begin(&prediction, network, data, batch > 0 ? batch : 256, threads);
    code = code == EXIT_DONE ? collect(e, &prediction) : code;
    prediction_free(&prediction);
    return code == EXIT_DONE ? measure(e) : code;
}

void evaluation_free(struct evaluation *evaluation)
{
    free(evaluation->scores);
    free(evaluation->classes);
    free(evaluation->values);
    free(evaluation->truth);
    free(evaluation->of_class);
    free(evaluation->residuals);
}

const char *evaluation_column(const struct evaluation *evaluation, size_t column, char number[24])
{
    const mlp_schema *schema = mlp_network_schema(evaluation->network);
    if (evaluation->of_class != NULL && !evaluation->flags) {
        return network_class_text(evaluation->network, column, number);
    }
    snprintf(number, NAME_SIZE, evaluation->flags ? "%zu" : "output %zu", column);
    return mlp_schema_target_name(schema, column) != NULL ? mlp_schema_target_name(schema, column) : number;
}

/* ---- what is derived ----------------------------------------------------------------------------------- */

static struct threshold_figures figures_at(const struct evaluation *e, double threshold)
{
    double hits = 0.0, called = 0.0, positive = 0.0, right = 0.0;
    for (size_t i = 0; i < e->count; i++) {
        const bool yes = (double)e->scores[e->count + i] >= threshold, truth = e->classes[i] == 1;
        hits += yes && truth;
        called += yes;
        positive += truth;
        right += yes == truth;
    }
    return (struct threshold_figures){ threshold, hits / called, hits / positive,
                                       2.0 * hits / (called + positive), right / (double)e->count };
}

/* Mean over the classes that have the figure. */
static struct class_figures mean_figures(const struct evaluation *e)
{
    double sums[5] = { 0 }, counts[5] = { 0 };
    for (size_t c = 0; c < e->columns; c++) {
        const struct class_figures *f = &e->of_class[c];
        const double figures[5] = { f->counts.precision, f->counts.recall, f->counts.f1, f->roc_auc,
                                    f->average_precision };
        for (size_t k = 0; k < 5; k++) {
            sums[k] += isnan(figures[k]) ? 0.0 : figures[k];
            counts[k] += !isnan(figures[k]);
        }
    }
    return (struct class_figures){ .counts = { .count = e->count,
                                               .precision = sums[0] / counts[0],
                                               .recall = sums[1] / counts[1],
                                               .f1 = sums[2] / counts[2] },
                                   .roc_auc = sums[3] / counts[3],
                                   .average_precision = sums[4] / counts[4] };
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void print_figure(double value)
{
    if (isnan(value)) {
        printf("  %9s", "-");
    } else {
        printf("  %9.4f", value);
    }
}

static void print_class(const char *name, const struct class_figures *figures)
{
    char text[TEXT_SIZE];
    mlp_text_escape(name, text, sizeof text);
    printf("%-20.20s %8" PRIu64, text, figures->counts.count);
    print_figure(figures->counts.precision);
    print_figure(figures->counts.recall);
    print_figure(figures->counts.f1);
    print_figure(figures->roc_auc);
    print_figure(figures->average_precision);
    putchar('\n');
}

static void print_thresholds(const struct evaluation *e)
{
    char number[NAME_SIZE], text[TEXT_SIZE];
    mlp_text_escape(network_class_text(e->network, 1, number), text, sizeof text);
    printf("\n'%s' from a probability of\n%9s  %9s  %9s  %9s  %9s\n", text, "", "precision", "recall", "F1",
           "accuracy");
    for (int i = 1; i <= THRESHOLDS; i++) {
        const struct threshold_figures f = figures_at(e, i / 10.0);
        printf("%9.1f", f.threshold);
        print_figure(f.precision);
        print_figure(f.recall);
        print_figure(f.f1);
        print_figure(f.accuracy);
        putchar('\n');
    }
}

static void print_residuals(const struct evaluation *e)
{
    printf("\nResiduals (prediction - truth)\n\n%6s %11s %11s %11s %11s %11s %11s\n", "output", "mean",
           "minimum", "quartile", "median", "quartile", "maximum");
    for (size_t c = 0; c < e->columns; c++) {
        const mlp_residuals *r = &e->residuals[c];
        printf("%6zu %11.5g %11.5g %11.5g %11.5g %11.5g %11.5g\n", c, r->bias, r->quantiles[0],
               r->quantiles[1], r->quantiles[2], r->quantiles[3], r->quantiles[4]);
    }
}

void print_evaluation_figures(const struct evaluation *evaluation)
{
    const struct evaluation *e = evaluation;
    if (e->of_class == NULL) {
        print_residuals(e);
        return;
    }
    printf("\n%-20s %8s  %9s  %9s  %9s  %9s  %9s\n", e->flags ? "label" : "class", "samples", "precision",
           "recall", "F1", "ROC AUC", "avg prec");
    for (size_t c = 0; c < e->columns; c++) {
        char number[NAME_SIZE];
        print_class(evaluation_column(e, c, number), &e->of_class[c]);
    }
    const struct class_figures mean = mean_figures(e);
    print_class(e->flags ? "mean of the labels" : "mean of the classes", &mean);
    if (e->flags) {
        printf("\nall labels right  %.4f of the samples\n", e->exact);
        return;
    }
    if (!isnan(e->calibration)) {
        printf("\ncalibration  %.4f expected error, %d bins\n", e->calibration, RELIABILITY_BINS);
    }
    if (e->columns == 2 && !isnan(e->calibration)) {
        print_thresholds(e);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *json_class(const char *what, const char *name, const struct class_figures *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", what, json_text(name), "samples",
                     json_count(f->counts.count), "precision", json_figure(f->counts.precision), "recall",
                     json_figure(f->counts.recall), "f1", json_figure(f->counts.f1), "roc_auc",
                     json_figure(f->roc_auc), "average_precision", json_figure(f->average_precision));
}

static json_t *json_columns(const struct evaluation *e)
{
    json_t *columns = json_array();
    for (size_t c = 0; c < e->columns; c++) {
        char number[NAME_SIZE];
        json_array_append_new(columns, json_class(e->flags ? "label" : "class",
                                                  evaluation_column(e, c, number), &e->of_class[c]));
    }
    return columns;
}

static void json_add_classes(json_t *object, const struct evaluation *e)
{
    json_t *thresholds = json_array();
    for (int i = 1; e->columns == 2 && i <= THRESHOLDS; i++) {
        const struct threshold_figures f = figures_at(e, i / 10.0);
        json_array_append_new(thresholds,
                              json_pack("{s:o, s:o, s:o, s:o, s:o}", "threshold", json_figure(f.threshold),
                                        "precision", json_figure(f.precision), "recall",
                                        json_figure(f.recall), "f1", json_figure(f.f1), "accuracy",
                                        json_figure(f.accuracy)));
    }
    json_object_set_new(object, "per_class", json_columns(e));
    json_object_set_new(object, "calibration_error", json_figure(e->calibration));
    json_object_set_new(object, "thresholds", thresholds);
}

void json_add_evaluation(json_t *object, const struct evaluation *evaluation)
{
    if (evaluation->classes != NULL) {
        json_add_classes(object, evaluation);
        return;
    }
    if (evaluation->flags) {
        json_object_set_new(object, "per_label", json_columns(evaluation));
        json_object_set_new(object, "exact_match", json_figure(evaluation->exact));
        return;
    }
    json_t *residuals = json_array();
    for (size_t c = 0; c < evaluation->columns; c++) {
        const mlp_residuals *r = &evaluation->residuals[c];
        json_t *quantiles = json_array();
        for (size_t q = 0; q < 5; q++) {
            json_array_append_new(quantiles, json_figure(r->quantiles[q]));
        }
        json_array_append_new(residuals,
                              json_pack("{s:o, s:o}", "mean", json_figure(r->bias), "quantiles", quantiles));
    }
    json_object_set_new(object, "residuals", residuals);
}
