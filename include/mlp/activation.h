/** @file
 * Activations A = φ(Z): the function between a layer's pre-activation and what the next layer sees. */
#ifndef MLP_ACTIVATION_H
#define MLP_ACTIVATION_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The activations. Values are fixed; files store the names. `p` is mlp_layer::activation_parameter. */
typedef enum mlp_activation {
    MLP_ACTIVATION_IDENTITY = 0,      /**< z */
    MLP_ACTIVATION_SIGMOID = 1,       /**< 1 / (1 + e^−z) */
    MLP_ACTIVATION_TANH = 2,          /**< tanh z */
    MLP_ACTIVATION_RELU = 3,          /**< max(0, z); φ′(0) = 0 */
    MLP_ACTIVATION_LEAKY_RELU = 4,    /**< z > 0 ? z : p·z, slope p default 0.01 (Maas 2013) */
    MLP_ACTIVATION_ELU = 5,           /**< z > 0 ? z : p·(e^z − 1), p default 1 (Clevert 2015) */
    MLP_ACTIVATION_SELU = 6,          /**< λ·(z > 0 ? z : α·(e^z − 1)), constants of Klambauer 2017 */
    MLP_ACTIVATION_GELU = 7,          /**< z·Φ(z), Φ by erf (Hendrycks 2016) */
    MLP_ACTIVATION_GELU_TANH = 8,     /**< z/2·(1 + tanh(√(2/π)·(z + 0.044715 z³))) */
    MLP_ACTIVATION_SILU = 9,          /**< z·sigmoid(z), also called swish */
    MLP_ACTIVATION_MISH = 10,         /**< z·tanh(softplus z) (Misra 2019) */
    MLP_ACTIVATION_SOFTPLUS = 11,     /**< ln(1 + e^z) */
    MLP_ACTIVATION_SOFTSIGN = 12,     /**< z / (1 + |z|) */
    MLP_ACTIVATION_HARD_SIGMOID = 13, /**< clamp(z/6 + 1/2, 0, 1) */
    MLP_ACTIVATION_HARD_TANH = 14,    /**< clamp(z, −1, 1) */
    MLP_ACTIVATION_SOFTMAX = 15,      /**< e^z_i / Σ e^z_k over the units; output layer only */
    MLP_ACTIVATION_CUSTOM = 16        /**< mlp_layer::custom_activation */
} mlp_activation;

/** A caller's own activation, applied entry by entry. Both functions may be called from several threads at
 * once, on different entries, and must not fail; they are called for every tile of a layer. They
 * must return: no exception and no longjmp() may leave them. */
typedef struct mlp_activation_callbacks {
    /** a[i] = φ(z[i]) for i < count. `a` may be `z`. */
    void (*value)(const float *z, float *a, size_t count, void *context);
    /** d[i] = φ′(z[i]) for i < count. `d` aliases nothing. */
    void (*derivative)(const float *z, float *d, size_t count, void *context);
    void *context; /**< Handed to both; borrowed for the life of the network and its copies. */
} mlp_activation_callbacks;

/** Name of an activation, e.g. "leaky-relu", or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_activation_name(mlp_activation activation);
/** One line that describes it (formula), or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_activation_description(mlp_activation activation);
/** Finds an activation by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known
 * names. */
MLP_API mlp_status mlp_activation_from_name(const char *name, mlp_activation *activation);
/** Number of activations: the valid values are 0 … count − 1. */
MLP_API size_t mlp_activation_count(void);

#ifdef __cplusplus
}
#endif

#endif
