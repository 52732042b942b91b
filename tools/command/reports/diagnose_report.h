/* What `mlp diagnose` prints: tables, the verdict, JSON, charts. */
#ifndef TOOLS_DIAGNOSE_REPORT_H
#define TOOLS_DIAGNOSE_REPORT_H

#include <stddef.h>

#include <mlp/diagnose.h>
#include <mlp/gradient_check.h>

#include "charts/plot.h"

/* A gradient check of so many samples. */
struct gradient_result {
    mlp_gradient_error *errors; /* two for each layer; owned by whoever checked */
    size_t count;
    size_t samples;
    int passed;
};

/* Share of a layer where its activation is flat. */
double signal_flat_share(const mlp_signal *signal, size_t units);
void print_diagnosis(const mlp_network *network, const mlp_diagnosis *diagnosis);
void print_gradients(const struct gradient_result *gradients);
/* `gradients` may be NULL. Returns an exit code. */
int print_diagnosis_json(const mlp_network *network, const mlp_diagnosis *diagnosis, size_t samples,
                         const struct gradient_result *gradients);
/* Charts of signal, gradient and units by layer. Returns an exit code. */
int plot_diagnosis(struct canvas *canvas, const mlp_network *network, const mlp_diagnosis *diagnosis);

#endif
