/** @file
 * Early stopping: what a fit watches to see that it has learnt what it can.
 *
 * With mlp_fit_options::patience p a fit ends after p figures in a row that are not better than the best by
 * mlp_fit_options::minimum_improvement. The rules of other programs:
 * - Keras, EarlyStopping(monitor="val_loss", patience=p, min_delta=d): patience p, minimum_improvement d;
 *   monitor="loss" is ::MLP_STOP_TRAINING_LOSS, "val_accuracy" ::MLP_STOP_VALIDATION_ACCURACY;
 * - scikit-learn, n_iter_no_change=n, tol=t: patience n + 1 (it ends after more than n), minimum_improvement
 *   t, mlp_fit_options::patience_from_least 1; ::MLP_STOP_TRAINING_LOSS without its early_stopping,
 *   ::MLP_STOP_VALIDATION_ACCURACY with it, for classes. */
#ifndef MLP_STOPPING_H
#define MLP_STOPPING_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What early stopping watches. Values are fixed. */
typedef enum mlp_stop_figure {
    MLP_STOP_VALIDATION_LOSS = 0,    /**< mlp_epoch::validation's loss. */
    MLP_STOP_TRAINING_LOSS = 1,      /**< mlp_epoch::loss; needs no validation set, and the fit keeps the last
                                     parameters: it is the loss of those on the way. */
    MLP_STOP_VALIDATION_ACCURACY = 2 /**< mlp_epoch::validation's accuracy, the higher the better; needs
                                        classes. */
} mlp_stop_figure;

/** Name of a figure ("validation-loss", "training-loss", "validation-accuracy"), or NULL. Static text; any
 * thread. */
MLP_API const char *mlp_stop_figure_name(mlp_stop_figure figure);
/** One line that describes it, or NULL. Static text; any thread. */
MLP_API const char *mlp_stop_figure_description(mlp_stop_figure figure);
/** Finds a figure by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_stop_figure_from_name(const char *name, mlp_stop_figure *figure);
/** Number of figures: the valid values are 0 … count − 1. */
MLP_API size_t mlp_stop_figure_count(void);

#ifdef __cplusplus
}
#endif

#endif
