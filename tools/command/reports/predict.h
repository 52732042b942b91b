/* `mlp predict`: its settings and the forms of its output. */
#ifndef TOOLS_PREDICT_H
#define TOOLS_PREDICT_H

#include <stdio.h>

#include "options/data_argument.h"
#include "reports/prediction.h"

struct predict_settings {
    struct data_request request; /* first, for the parsers of data options */
    const char *data, *output;
    size_t draw, batch;
    int threads, json, probabilities, csv, append;
    FILE *stream; /* where predictions go */
    mlp_network *network;
    struct data_set set;
    struct prediction prediction;
};

/* Each prints all samples (`draw_predictions`: as many as are to be drawn) and returns an exit code. */
int print_predictions(struct predict_settings *settings);
int print_predictions_json(struct predict_settings *settings);
int draw_predictions(struct predict_settings *settings);

#endif
