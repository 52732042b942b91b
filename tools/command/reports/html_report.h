/* The sections of `mlp report`. */
#ifndef TOOLS_HTML_REPORT_H
#define TOOLS_HTML_REPORT_H

#include <mlp/diagnose.h>
#include <mlp/schema.h>

#include "charts/log_charts.h"
#include "reports/model_figures.h"

/* Each writes a section to `canvas->page`; those with charts leave them out where gnuplot is not there, and
 * return an exit code. */
int html_training(struct canvas *canvas, const struct log_file *logs, char *const *paths, size_t count);
/* `data` is the name of the set. */
int html_evaluation(struct canvas *canvas, const mlp_network *network, const char *data,
                    struct model_figures *figures);
int html_diagnosis(struct canvas *canvas, const mlp_network *network, const mlp_diagnosis *diagnosis,
                   size_t samples);
void html_network(FILE *page, const mlp_network *network);
void html_schema(FILE *page, const mlp_schema *schema);

#endif
