/* What a reader of a result should know and may not see in its figures; each is said on standard error.
 * They return exit codes: of what could not be computed, not of what was found. */
#ifndef TOOLS_WARNINGS_H
#define TOOLS_WARNINGS_H

#include <mlp/train.h>

/* A result that is no better than guessing: an accuracy below the share of the commonest class of these data,
 * or an error of numbers above that of predicting their mean. `part` names the data.
 * Ranks make the call together; `exchange` is NULL where there is one. */
int warn_of_baseline(const char *part, const mlp_network *network, const mlp_data *data,
                     const mlp_exchange *exchange, int threads);
/* A loss that still falls where training has ended: the best one is in the last fifth of the epochs, which
 * lowered it by 2 % of the first epoch's. */
void warn_of_length(const mlp_report *report);
/* Classes to validate on that are not trained on. */
int warn_of_classes(const mlp_network *network, const mlp_data *train, const mlp_data *validation);
/* Features of a table beyond 10⁴ once they are standardized: far from all that the network was trained on. */
int warn_of_range(const char *spec, const mlp_network *network, const mlp_data *data);

#endif
