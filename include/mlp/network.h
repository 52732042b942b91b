/** @file
 * The network: layers, their parameters, and what travels with them (standardization of the inputs, class
 * names).
 *
 * Layer l (counted from 0) has W of shape units × inputs and b of length units. Matrices are column-major:
 * W's entry (i, j), the weight from input j to unit i, is `data[i + j·leading_dimension]`.
 *
 * A `const mlp_network *` may be used by any number of threads at once. A function that takes a non-const
 * network needs it for itself alone. */
#ifndef MLP_NETWORK_H
#define MLP_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/activation.h>
#include <mlp/export.h>
#include <mlp/init.h>
#include <mlp/loss.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A network with its parameters. Opaque. */
typedef struct mlp_network mlp_network;

/** A borrowed column-major matrix: entry (i, j) is data[i + j·leading_dimension]. */
typedef struct mlp_matrix {
    float *data;
    size_t rows;
    size_t columns;
    size_t leading_dimension; /**< ≥ rows; entries from row `rows` up to here are padding. */
} mlp_matrix;

/** As ::mlp_matrix, read-only. */
typedef struct mlp_const_matrix {
    const float *data;
    size_t rows;
    size_t columns;
    size_t leading_dimension;
} mlp_const_matrix;

/** One layer. Everything zero but `units` is a sensible linear layer. */
typedef struct mlp_layer {
    size_t units;                               /**< 1 … 2³¹ − 64. */
    mlp_activation activation;                  /**< Default identity. */
    double activation_parameter;                /**< Slope or α; 0: the activation's default (::MLP_ZERO: 0);
                                      see ::mlp_activation. */
    mlp_activation_callbacks custom_activation; /**< For ::MLP_ACTIVATION_CUSTOM. */
    mlp_init init;                              /**< Of the weights; default automatic. */
    mlp_init_parameters init_parameters;        /**< Default all zero. */
    mlp_init bias_init; /**< zeros (automatic), constant, normal, uniform, truncated, custom. */
    mlp_init_parameters bias_parameters; /**< Default all zero. */
} mlp_layer;

/** Options of mlp_network_create(). Start from ::MLP_NETWORK_OPTIONS_INIT. */
typedef struct mlp_network_options {
    size_t struct_size;      /**< Set by the INIT. */
    size_t layer_size;       /**< sizeof(mlp_layer), set by the INIT. */
    uint64_t seed;           /**< Of the initial parameters; default 0. */
    mlp_loss loss;           /**< Default automatic, from the output's activation. */
    mlp_reduction reduction; /**< Default mean. */
    double label_smoothing; /**< ε in [0, 1): t = (1 − ε)·y + ε/classes; cross-entropy only; default 0. */
    double huber_delta;     /**< δ > 0; 0: the default, 1. */
    const float
        *class_weights; /**< One weight ≥ 0 per output, not all 0, or NULL; cross-entropy only; copied. */
    mlp_loss_callback custom_loss; /**< For ::MLP_LOSS_CUSTOM. */
    void *custom_loss_context;     /**< Handed to `custom_loss`; borrowed for the life of the network and its
                                      copies. */
    const char *custom_loss_name;  /**< What files call the custom loss, so that a loader finds it
                                       (mlp_load_options::find_loss): as a class name, copied. NULL
                                       (default): the network cannot be saved. */
    const char *const *custom_activation_names; /**< Likewise of each layer's activation, where it is custom
                                                     (mlp_load_options::find_activation); other entries are
                                                     not looked at. NULL (default): none has one. */
    mlp_class_targets
        class_targets; /**< What class indices stand for; kept in files. Default binary: 0 and 1,
                                          whatever the output's activation (`mlp train` takes bipolar for tanh
                                          and its kin). */
} mlp_network_options;

#define MLP_NETWORK_OPTIONS_INIT                                                                             \
    {                                                                                                        \
        sizeof(mlp_network_options), sizeof(mlp_layer), 0, MLP_LOSS_AUTOMATIC, MLP_REDUCTION_MEAN, 0.0, 0.0, \
            NULL, NULL, NULL, NULL, NULL, MLP_CLASS_TARGETS_BINARY                                           \
    }

/** ::MLP_NETWORK_OPTIONS_INIT as a function, for other languages: sets the members that struct_size,
 * which the caller has set, makes room for, but for layer_size, which the caller sets, too. ARGUMENT for an
 * impossible struct_size. */
MLP_API mlp_status mlp_network_options_default(mlp_network_options *options);

/** Creates a network and draws its parameters.
 * @param inputs  number of features, 1 … 2³¹ − 64
 * @param layers  `count` layers from the first hidden one to the output; borrowed for the call
 * @param count   number of layers, 1 … 10000
 * @param options NULL for the defaults
 * @param network receives the network, which the caller owns; NULL on failure
 * Errors: ARGUMENT, RANGE, SHAPE (the message names the layer), MEMORY; NONFINITE when a drawn value
 * overflows. */
MLP_API mlp_status mlp_network_create(size_t inputs, const mlp_layer *layers, size_t count,
                                      const mlp_network_options *options, mlp_network **network);

/** Frees the network and sets the pointer to NULL. NULL and a pointer to NULL are fine. */
MLP_API void mlp_network_destroy(mlp_network **network);

/** Creates an independent copy: parameters, standardization, class names, loss. */
MLP_API mlp_status mlp_network_copy(const mlp_network *network, mlp_network **copy);

/** Copies the parameters of `source` into `network`, which must have the same layer sizes. Nothing else
 * changes. */
MLP_API mlp_status mlp_network_copy_parameters(mlp_network *network, const mlp_network *source);

/** Draws all parameters anew with `seed`. The same seed gives the same bits as mlp_network_create() with it.
 * On failure, NONFINITE or MEMORY, nothing has changed. */
MLP_API mlp_status mlp_network_initialize(mlp_network *network, uint64_t seed);

/** Initializations that look at a batch. Values are fixed. */
typedef enum mlp_data_init {
    /** Layer-sequential unit variance (Mishkin & Matas 2015): orthonormal weights drawn with the seed, biases
     * 0; then, layer by layer, W is divided by the deviation of Z until its variance over units and samples
     * is 1 within 0.02 (20 rounds at most). */
    MLP_DATA_INIT_LSUV = 0,
    /** The data-dependent part of weight normalization (Salimans & Kingma 2016): the weights as they are give
     * the directions; layer by layer, each unit's are scaled and its bias is set so that its Z has mean 0 and
     * variance 1. */
    MLP_DATA_INIT_WEIGHT_NORM = 1
} mlp_data_init;

/** Name of a data-dependent initialization ("lsuv", "weight-norm"), or NULL. Static text. */
MLP_API const char *mlp_data_init_name(mlp_data_init method);
/** Finds one by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_data_init_from_name(const char *name, mlp_data_init *method);

/** Initializes all parameters by what a batch does to the network.
 * @param x     count × inputs; some hundred samples
 * @param count ≥ 2
 * On failure nothing has changed. Errors: ARGUMENT; RANGE (count; a Z whose variance is 0: the message names
 * the layer, and the unit where it is one); NONFINITE; MEMORY. */
MLP_API mlp_status mlp_network_initialize_from_data(mlp_network *network, mlp_data_init method,
                                                    const float *x, size_t count);

/** Draws the parameters of one layer anew with `seed`, as mlp_network_initialize() would draw them. On
 * failure nothing has changed. ::MLP_ERROR_RANGE when there is no such layer. */
MLP_API mlp_status mlp_network_initialize_layer(mlp_network *network, size_t layer, uint64_t seed);

/** Number of layers, hidden ones and output. */
MLP_API size_t mlp_network_layer_count(const mlp_network *network);
/** Number of input features. */
MLP_API size_t mlp_network_inputs(const mlp_network *network);
/** Number of output units. */
MLP_API size_t mlp_network_outputs(const mlp_network *network);
/** Number of parameters, weights and biases, without padding. */
MLP_API size_t mlp_network_parameter_count(const mlp_network *network);
/** The loss in force, never automatic. */
MLP_API mlp_loss mlp_network_loss(const mlp_network *network);
/** What class indices stand for in the loss. */
MLP_API mlp_class_targets mlp_network_class_targets(const mlp_network *network);
/** The seed that the parameters were last drawn with. */
MLP_API uint64_t mlp_network_seed(const mlp_network *network);

/** What files call the network's custom loss, and a layer's custom activation; NULL where there is none.
 * Valid until the network is destroyed. */
MLP_API const char *mlp_network_custom_loss_name(const mlp_network *network);
MLP_API const char *mlp_network_custom_activation_name(const mlp_network *network, size_t layer);

/** Describes layer `layer`, with every default resolved: `init` and `activation_parameter` are what is in
 * force. ::MLP_ERROR_RANGE when there is no such layer. */
MLP_API mlp_status mlp_network_layer(const mlp_network *network, size_t layer, mlp_layer *description);

/** What a layer's initializer comes to for its shape. */
typedef struct mlp_init_summary {
    mlp_init init;     /**< Never automatic. */
    size_t fan_in;     /**< Inputs of the layer. */
    size_t fan_out;    /**< Units of the layer. */
    double gain;       /**< Gain in force. */
    double fan;        /**< The fan that divides the variance, or 0 where none does. */
    double deviation;  /**< Standard deviation of the draw; 0 for a fixed pattern, NaN for a custom one. */
    double exact_gain; /**< 1/√E[φ(z)²] of the layer's activation: what keeps the mean square of Z at 1;
                          softmax: 1. */
    double weight_variance; /**< σ_w² = fan_in·deviation². NaN, as the three below, for a pattern or a custom
                               draw. */
    double q;   /**< Mean field's fixed point for layers of this draw and activation (mlp/mean_field.h) ... */
    double chi; /**< ... χ₁ there: by what ‖dZ‖² grows going back a layer ... */
    double depth; /**< ... and the depth scale ξ. */
} mlp_init_summary;

/** Says what σ, fan and gain the weight initializer of a layer resolves to, and what mean field makes of
 * them. */
MLP_API mlp_status mlp_network_init_summary(const mlp_network *network, size_t layer,
                                            mlp_init_summary *summary);

/** Rounds every weight to 8 bits: those of a unit become whole multiples, −127 to 127, of one scale, the
 * unit's largest |W_ij| / 127. What mlp_model_export_c() writes with `int8`, to be evaluated before it is
 * written. Biases stay. Errors: ARGUMENT. */
MLP_API mlp_status mlp_network_quantize(mlp_network *network);

/** Borrowed view of W of a layer, units × inputs; valid until the network is destroyed. */
MLP_API mlp_status mlp_network_weights(const mlp_network *network, size_t layer, mlp_const_matrix *weights);
/** Borrowed view of b of a layer, units × 1; valid until the network is destroyed. */
MLP_API mlp_status mlp_network_bias(const mlp_network *network, size_t layer, mlp_const_matrix *bias);
/** Replaces W of a layer by units × inputs values, column-major without padding. All must be finite, or
 * nothing changes and ::MLP_ERROR_NONFINITE comes back. */
MLP_API mlp_status mlp_network_set_weights(mlp_network *network, size_t layer, const float *values);
/** Replaces b of a layer by `units` finite values. */
MLP_API mlp_status mlp_network_set_bias(mlp_network *network, size_t layer, const float *values);

/** Keeps a standardization of the inputs with the model: every pass then computes with (x − mean) / scale.
 * @param mean  one finite value per input; both NULL removes the standardization
 * @param scale one finite value > 0 per input (a standard deviation; 1 for a constant feature)
 * Workspaces made before stay valid. */
MLP_API mlp_status mlp_network_set_standardization(mlp_network *network, const float *mean,
                                                   const float *scale);
/** Borrowed arrays of one value per input, or NULLs when there is none; valid until the next set or destroy.
 */
MLP_API void mlp_network_standardization(const mlp_network *network, const float **mean, const float **scale);

/** Keeps an affine map of the outputs with the model, for targets far from mean 0 and deviation 1:
 * mlp_predict() gives scale·a + shift, where a is the last layer's output, and mlp_fit(), mlp_rate_test() and
 * mlp_evaluate() take target values t as (t − shift)/scale, so that losses are in the network's own units.
 * Single passes (mlp_forward(), mlp_train_step(), mlp_diagnose()) know nothing of it. Files keep it.
 * @param shift one finite value per output; both NULL removes the map
 * @param scale one finite value > 0 per output
 * Errors: ARGUMENT, NONFINITE, RANGE, MEMORY. */
MLP_API mlp_status mlp_network_set_output_scaling(mlp_network *network, const float *shift,
                                                  const float *scale);
/** Borrowed arrays of one value per output, or NULLs when there is none; valid until the next set or destroy.
 */
MLP_API void mlp_network_output_scaling(const mlp_network *network, const float **shift, const float **scale);

/** Keeps class names with the model: one for each output (two for one sigmoid unit), non-empty, without
 * control characters (C0, DEL, C1), valid UTF-8, copied. `names` NULL with `count` 0 removes them. */
MLP_API mlp_status mlp_network_set_class_names(mlp_network *network, const char *const *names, size_t count);
/** Name of a class, or NULL when there is none. Valid until the next set or destroy. */
MLP_API const char *mlp_network_class_name(const mlp_network *network, size_t class_index);
/** Number of class names kept, or 0. */
MLP_API size_t mlp_network_class_name_count(const mlp_network *network);

/** Keeps a text with the model, in its file too (ONNX and C files have no place for it): what it is, how it
 * was trained.
 * @param note valid UTF-8 of at most 1 MiB, copied; NULL or "": none
 * Errors: ARGUMENT, RANGE, MEMORY; the note is then as before. */
MLP_API mlp_status mlp_network_set_note(mlp_network *network, const char *note);
/** The note, or NULL where there is none. Valid until the next set or destroy. */
MLP_API const char *mlp_network_note(const mlp_network *network);

#ifdef __cplusplus
}
#endif

#endif
