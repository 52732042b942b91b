/** @file
 * Noise in training: dropout, Gaussian noise on the inputs, mixup. (Weight decay, L1 and max-norm are the
 * optimizer's.)
 *
 * Every draw is a function of seed, layer, step, sample and unit: the same for any number of threads. Only
 * passes of a training workspace have noise; mlp_predict() and mlp_evaluate() never do. */
#ifndef MLP_REGULARIZE_H
#define MLP_REGULARIZE_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/export.h>
#include <mlp/status.h>
#include <mlp/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The kinds of dropout of hidden units. Values are fixed. q = 1 − p. */
typedef enum mlp_dropout {
    MLP_DROPOUT_AUTOMATIC = 0, /**< Alpha after SELU, inverted after the others. */
    MLP_DROPOUT_INVERTED = 1,  /**< a/q with probability q, else 0 (Srivastava 2014, scaled in training). */
    MLP_DROPOUT_ALPHA = 2 /**< s·a + t with probability q, else s·α′ + t; α′ = −1.7581, s = (q +
                             α′²·q·p)^(−½), t = −s·p·α′: mean 0 and variance 1 stay (Klambauer 2017). */
} mlp_dropout;

/** Noise in training. Start from ::MLP_REGULARIZATION_INIT, which has none. */
typedef struct mlp_regularization {
    size_t struct_size;    /**< Set by the INIT. */
    mlp_dropout dropout;   /**< Of the hidden units; default automatic. */
    double hidden_dropout; /**< p of every hidden unit, in [0, 1), rounded to 1/65536; default 0. 0.2 to 0.5
                              is usual. The output is never dropped. */
    double input_dropout;  /**< p of every input, inverted, likewise; default 0. 0.2 is usual. */
    double input_noise;    /**< σ ≥ 0, finite, of normal noise added to every input, after standardization;
                              default    0. */
    double mixup; /**< α ≥ 0, finite: each sample is mixed with another of its batch, λ·x + (1 − λ)·x′, and
                     the targets likewise; λ ~ Beta(α, α) once a step, taken as max(λ, 1 − λ) (Zhang 2018). In
                       mlp_fit() alone, and not with a custom loss. Default 0; 0.2 is usual. */
    uint64_t seed;               /**< Of all draws; default 0. Independent of mlp_fit_options::seed. */
    const double *layer_dropout; /**< p of each hidden layer, likewise, in place of `hidden_dropout`; borrowed
                                    until the call returns. NULL (default): `hidden_dropout` for all. */
    size_t layer_dropout_count;  /**< Of `layer_dropout`: the network's hidden layers; default 0. */
} mlp_regularization;

#define MLP_REGULARIZATION_INIT                                                                              \
    {                                                                                                        \
        sizeof(mlp_regularization), MLP_DROPOUT_AUTOMATIC, 0.0, 0.0, 0.0, 0.0, 0, NULL, 0                    \
    }

/** ::MLP_REGULARIZATION_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_regularization_default(mlp_regularization *regularization);

/** Puts noise into the forward passes of a training workspace, mlp_train_step()'s and mlp_forward()'s, from
 * the next one on, which is step 0; each pass goes a step on, and the backward pass takes the noise of its
 * forward pass. mlp_workspace_view() shows A as it is before dropout. This is where the memory for it is
 * taken; what the workspace held of a pass is gone. mlp_fit() does all of this by itself
 * (mlp_fit_options::regularization). `mixup` must be 0.
 * @param workspace      belongs to one thread for the call
 * @param regularization copied; NULL, or without noise: none from now on
 * Errors: ARGUMENT (also a workspace for inference), RANGE (the message names the field), SHAPE, MEMORY. */
MLP_API mlp_status mlp_workspace_set_regularization(mlp_workspace *workspace,
                                                    const mlp_regularization *regularization);
/** Sets the number of the next forward pass, which its draws depend on; below 2³². Nothing happens without
 * noise. */
MLP_API void mlp_workspace_set_regularization_step(mlp_workspace *workspace, uint64_t step);

/** Name of a kind ("automatic", "inverted", "alpha"), or NULL. Static text; any thread. */
MLP_API const char *mlp_dropout_name(mlp_dropout dropout);
/** One line that describes it, or NULL. Static text; any thread. */
MLP_API const char *mlp_dropout_description(mlp_dropout dropout);
/** Finds a kind by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_dropout_from_name(const char *name, mlp_dropout *dropout);
/** Number of kinds: the valid values are 0 … count − 1. */
MLP_API size_t mlp_dropout_count(void);

#ifdef __cplusplus
}
#endif

#endif
