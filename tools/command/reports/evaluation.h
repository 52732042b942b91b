/* Figures of a model's predictions beyond loss and accuracy: of classes, confidence, residuals. */
#ifndef TOOLS_EVALUATION_H
#define TOOLS_EVALUATION_H

#include <stdint.h>

#include <jansson.h>
#include <mlp/data.h>
#include <mlp/metrics.h>
#include <mlp/network.h>

#include "charts/plot.h"

enum { RELIABILITY_BINS = 10 };

/* One class against the rest. */
struct class_figures {
    mlp_class_metrics counts;
    double roc_auc, average_precision;
};

struct evaluation {
    const mlp_network *network;
    size_t count;     /* samples */
    size_t columns;   /* classes, or outputs for numbers */
    float *scores;    /* columns × count: probability of each class, or numbers; column after column */
    int32_t *classes; /* true ones; NULL for numbers */
    float *values;    /* as scores: true numbers; NULL for classes */
    uint8_t *truth;   /* room for a class against the rest */
    const uint64_t *confusion;      /* the caller's */
    struct class_figures *of_class; /* NULL for numbers */
    double calibration;             /* expected error; NaN where the outputs are no probabilities */
    mlp_calibration_bin bins[RELIABILITY_BINS];
    mlp_residuals *residuals; /* of each output; NULL for classes */
};

/* Runs the model over the data. `confusion`: classes × classes as of mlp_evaluate(), or NULL for numbers.
 * Returns an exit code; evaluation_free() in any case. */
int evaluation_make(struct evaluation *evaluation, const mlp_network *network, const mlp_data *data,
                    size_t batch, int threads, const uint64_t *confusion);
void evaluation_free(struct evaluation *evaluation);

void print_evaluation_figures(const struct evaluation *evaluation);
/* Adds per_class, calibration_error, thresholds and residuals to an object. */
void json_add_evaluation(json_t *object, const struct evaluation *evaluation);
/* Draws confusion, ROC and reliability, or residuals. Returns an exit code. */
int plot_evaluation(struct canvas *canvas, struct evaluation *evaluation);

#endif
