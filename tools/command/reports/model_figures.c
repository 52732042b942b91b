/* How good a model is on a data set. */
#include "reports/model_figures.h"

#include <stdlib.h>

#include "message.h"
#include "options/model_argument.h"

int model_figures_make(struct model_figures *figures, const mlp_network *network, const mlp_data *data,
                       size_t batch, int threads, size_t top_k, size_t most_classes)
{
    const size_t classes = network_classes(network);
    const bool classified = mlp_data_class_count(data) > 0;
    if (classified && classes <= most_classes) {
        figures->confusion = calloc(classes * classes, sizeof *figures->confusion);
        TRY(figures->confusion != NULL ? EXIT_DONE : out_of_memory());
    }
    TRY(work_code(mlp_evaluate(network, data, batch, threads, top_k, &figures->metrics, figures->confusion)));
    if (!classified && !network_predicts_flags(network)) {
        figures->numbers = calloc(mlp_network_outputs(network), sizeof *figures->numbers);
        TRY(figures->numbers != NULL ? EXIT_DONE : out_of_memory());
        TRY(work_code(mlp_evaluate_numbers(network, data, batch, threads, figures->numbers)));
    }
    figures->detailed = !classified || figures->confusion != NULL;
    return figures->detailed
               ? evaluation_make(&figures->evaluation, network, data, batch, threads, figures->confusion)
               : EXIT_DONE;
}

void model_figures_free(struct model_figures *figures)
{
    evaluation_free(&figures->evaluation);
    free(figures->confusion);
    free(figures->numbers);
}
