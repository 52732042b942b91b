/* Early stopping. */
#ifndef SESSION_STOPPING_H
#define SESSION_STOPPING_H

#include <stdbool.h>

#include <mlp/train.h>

/* Checks the figure against what there is to watch. */
mlp_status stopping_check(const mlp_fit_options *options);

/* Whether a fit watches the training loss, and therefore keeps no best parameters. */
bool stopping_watches_training(const mlp_fit_options *options);

/* What validation comes to, the lower the better: the loss, or the accuracy with its sign turned. */
double stopping_validation_figure(const mlp_fit_options *options, const mlp_metrics *validation);

/* Compares a figure with *least, ∞ at first: whether it counts as an improvement. *is_least: whether it is
 * the new one to beat. */
bool stopping_improves(const mlp_fit_options *options, double figure, double *least, bool *is_least);

#endif
