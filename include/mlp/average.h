/** @file
 * Averaged weights: the mean of the parameters on their way is often better than where they end.
 *
 * mlp_fit() keeps it (mlp_fit_options::average), for one more float for each parameter. Once there is a mean,
 * validation, the best epoch and best.safetensors are the mean's; the steps themselves go on from the
 * parameters, and the fit ends with the mean in the network. */
#ifndef MLP_AVERAGE_H
#define MLP_AVERAGE_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How parameters are averaged. Values are fixed. */
typedef enum mlp_average {
    /** They are not. */
    MLP_AVERAGE_NONE = 0,
    /** After each step a ← d·a + (1 − d)·w, with min(d, (1 + n)/(10 + n)) in d's place after n steps, so that
       the start is soon forgotten; the first a is w (Polyak & Juditsky 1992; this warm-up as in TensorFlow's
       moving averages). */
    MLP_AVERAGE_EMA = 1,
    /** The plain mean of the parameters at the ends of the last epochs; until they begin there is no mean
       (Izmailov 2018). */
    MLP_AVERAGE_SWA = 2
} mlp_average;

/** Options of averaging. Start from ::MLP_AVERAGE_OPTIONS_INIT. */
typedef struct mlp_average_options {
    size_t struct_size; /**< Set by the INIT. */
    mlp_average rule;   /**< Default none. */
    double decay;       /**< d of the EMA, above 0, below 1; 0: 0.999. Must be 0 otherwise. */
    double start; /**< Share of the epochs asked for, above 0, below 1, after which SWA begins; 0: 0.75. Must
                     be 0 otherwise. */
} mlp_average_options;

#define MLP_AVERAGE_OPTIONS_INIT                                                                             \
    {                                                                                                        \
        sizeof(mlp_average_options), MLP_AVERAGE_NONE, 0.0, 0.0                                              \
    }

/** ::MLP_AVERAGE_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_average_options_default(mlp_average_options *options);

/** Name of a rule ("none", "ema", "swa"), or NULL. Static text; any thread. */
MLP_API const char *mlp_average_name(mlp_average rule);
/** One line that describes it, or NULL. Static text; any thread. */
MLP_API const char *mlp_average_description(mlp_average rule);
/** Finds a rule by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_average_from_name(const char *name, mlp_average *rule);
/** Number of rules: the valid values are 0 … count − 1. */
MLP_API size_t mlp_average_count(void);

#ifdef __cplusplus
}
#endif

#endif
