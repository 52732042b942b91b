/* Partial dependence of one feature: the mean prediction, were it the same in all samples. */
#ifndef TOOLS_DEPENDENCE_H
#define TOOLS_DEPENDENCE_H

#include "reports/features.h"

struct dependence {
    const struct features *features;
    size_t feature;
    size_t points, outputs;
    double *values;     /* of the feature, `points`, in the table's units; of texts 0, 1, ... */
    const char **names; /* of the values, where they are texts: owned array of borrowed texts; or NULL */
    double *means;      /* points × outputs */
};

/* Returns an exit code; free it in any case. */
int dependence_make(struct dependence *dependence, const struct features *features, size_t feature,
                    const mlp_data *data, int threads);
void dependence_free(struct dependence *dependence);

/* As a table, as JSON, and as a picture. Return an exit code. */
int print_dependence(const struct dependence *dependence);
int print_dependence_json(const struct dependence *dependence, const char *model, const char *data);
int plot_dependence(const char *path, const struct dependence *dependence);

#endif
