/* How good a model is on a data set: everything that `mlp evaluate` tells. */
#ifndef TOOLS_MODEL_FIGURES_H
#define TOOLS_MODEL_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include <mlp/data.h>
#include <mlp/network.h>
#include <mlp/train.h>

#include "reports/evaluation.h"

struct model_figures {
    mlp_metrics metrics;
    mlp_number_metrics *numbers; /* of each output; NULL for classes and flags */
    uint64_t *confusion;         /* NULL for numbers, and where there are too many classes */
    struct evaluation evaluation;
    bool detailed; /* `evaluation` is there: numbers, or classes with a matrix */
};

/* `most_classes`: of a confusion matrix. Returns an exit code; free it in any case. */
int model_figures_make(struct model_figures *figures, const mlp_network *network, const mlp_data *data,
                       size_t batch, int threads, size_t top_k, size_t most_classes);
void model_figures_free(struct model_figures *figures);

#endif
