/* Figures of a model's predictions beyond loss and accuracy: of classes, confidence, residuals. */
#ifndef TOOLS_EVALUATION_H
#define TOOLS_EVALUATION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <mlp/data.h>
#include <mlp/metrics.h>
#include <mlp/network.h>

#include "charts/plot.h"

enum { RELIABILITY_BINS = 10 };

/* One class against the rest, or a flag. */
struct class_figures {
    mlp_class_metrics counts;
    double roc_auc, average_precision;
};

struct evaluation {
    const mlp_network *network;
    size_t count;     /* samples */
    bool flags;       /* the outputs are several questions of yes or no */
    size_t columns;   /* classes, or outputs for numbers and flags */
    float *scores;    /* columns × count: probability of each class, or numbers; column after column */
    int32_t *classes; /* true ones; NULL for numbers and flags */
    float *values;    /* as scores: true numbers or flags; NULL for classes */
    uint8_t *truth;   /* room for a class against the rest, or a flag */
    const uint64_t *confusion;      /* the caller's */
    struct class_figures *of_class; /* of each class or flag; NULL for numbers */
    double exact;                   /* of flags: share of the samples of which all are right */
    double calibration;             /* expected error; NaN where the outputs are no probabilities */
    mlp_calibration_bin bins[RELIABILITY_BINS];
    mlp_residuals *residuals; /* of each output; NULL for classes and flags */
};

/* Runs the model over the data. `confusion`: classes × classes as of mlp_evaluate(), or NULL for numbers.
 * Returns an exit code; evaluation_free() in any case. */
int evaluation_make(struct evaluation *evaluation, const mlp_network *network, const mlp_data *data,
                    size_t batch, int threads, const uint64_t *confusion);
void evaluation_free(struct evaluation *evaluation);

/* Name of a class, flag or number, or which one it is, written into `number`. */
const char *evaluation_column(const struct evaluation *evaluation, size_t column, char number[24]);
void print_evaluation_figures(const struct evaluation *evaluation);
/* Adds per_class, calibration_error and thresholds, per_label and exact_match, or residuals to an object. */
void json_add_evaluation(json_t *object, const struct evaluation *evaluation);
/* Draws confusion, ROC and reliability, or residuals. Returns an exit code. */
int plot_evaluation(struct canvas *canvas, struct evaluation *evaluation);

#endif
