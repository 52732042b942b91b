/* `mlp predict`: its settings and the forms of its output. */
#ifndef TOOLS_PREDICT_H
#define TOOLS_PREDICT_H

#include "options/data_argument.h"
#include "reports/prediction.h"

struct predict_settings {
    struct data_request request; /* first, for the parsers of data options */
    const char *data;
    enum data_part part;
    size_t draw, batch;
    int threads, json, probabilities;
};

/* Each prints all samples (`draw_predictions`: the first settings->draw) and returns an exit code. */
int print_labels(struct prediction *prediction);
int print_probabilities(struct prediction *prediction);
int print_predictions_json(struct prediction *prediction);
int draw_predictions(const struct predict_settings *settings, struct prediction *prediction,
                     const struct data_set *set);

#endif
