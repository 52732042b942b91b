/** @file
 * Model files: safetensors, with the architecture in the metadata.
 *
 * Tensors are named `layers.0.weight` (row-major units × inputs, as PyTorch has it) and `layers.0.bias`;
 * architecture, loss, standardization and class names travel as strings in `__metadata__`. Files hold no
 * code. */
#ifndef MLP_MODEL_FILE_H
#define MLP_MODEL_FILE_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/network.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Saves a network. The file appears whole or not at all: killed at any point, an older file of that name or
 * the new one is there. Of a custom activation or loss the file keeps the name (mlp_network_options);
 * ::MLP_ERROR_UNSUPPORTED for one without. A custom initializer is saved by name and comes back as automatic:
 * the parameters are there, the function is not. A symbolic link stays, and its target is replaced. Where
 * everything is written but the old file cannot be replaced, the new one stays beside it under the name that
 * is in the message. What processes that died while they saved under this name left beside it is removed.
 * Errors: ARGUMENT, IO (the message names the file and the system's reason), MEMORY, UNSUPPORTED. */
MLP_API mlp_status mlp_model_save(const mlp_network *network, const char *path);

/** Whether a model could be saved under this path now, before the work that leads to it: writes and removes
 * an empty file of the name that mlp_model_save() would use. Not a promise: disks run full.
 * Errors: ARGUMENT, IO (the message names the file and the system's reason), MEMORY. */
MLP_API mlp_status mlp_model_try_save(const char *path);

/** Loads a network that mlp_model_save() wrote, or the perceptron of an ONNX file: its content tells which.
 * The file is untrusted: everything is checked before it is used.
 * ONNX: a chain of `Gemm` or `MatMul` with constant weights, activations of this library (as a node or put
 * together of elementwise ones), `BatchNormalization` and constants added or multiplied (taken into the
 * weights; in front of the first layer: a standardization where it is one), `Softmax`, `Dropout`, `Flatten`,
 * `Reshape`. The loss is the automatic one.
 * Errors: ARGUMENT, IO, FORMAT (the message names what is wrong), UNSUPPORTED, MEMORY, NONFINITE (a parameter
 * is NaN or infinite). */
MLP_API mlp_status mlp_model_load(const char *path, mlp_network **network);

/** What is asked of a caller who loads a network with functions of its own. Start from
 * ::MLP_LOAD_OPTIONS_INIT. */
typedef struct mlp_load_options {
    size_t struct_size; /**< Set by the INIT. */
    /** Called for each layer with a custom activation, with the name that it was saved under: fills in
     * *callbacks, which comes as zeros. One that stays NULL is not known, and the load fails (UNSUPPORTED,
     * and the message names it). NULL (default): none is known. Must return. */
    void (*find_activation)(const char *name, mlp_activation_callbacks *callbacks, void *context);
    /** Likewise for a custom loss. Where it stays NULL the network predicts all the same, and what asks for
     * the loss fails with STATE, naming it. */
    void (*find_loss)(const char *name, mlp_loss_callback *loss, void **loss_context, void *context);
    void *context; /**< Handed to both; borrowed for the call. */
} mlp_load_options;

#define MLP_LOAD_OPTIONS_INIT                                                                                \
    {                                                                                                        \
        sizeof(mlp_load_options), NULL, NULL, NULL                                                           \
    }

/** ::MLP_LOAD_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_load_options_default(mlp_load_options *options);

/** As mlp_model_load(), with options; NULL for the defaults. */
MLP_API mlp_status mlp_model_load_with(const char *path, const mlp_load_options *options,
                                       mlp_network **network);

/** As mlp_model_load_with(), from `size` bytes in memory, which hold what a file would (also of ONNX). They
 * are borrowed for the call, trusted as little as a file, and not copied as a whole: the load takes the
 * memory of the network. */
MLP_API mlp_status mlp_model_load_memory(const void *bytes, size_t size, const mlp_load_options *options,
                                         mlp_network **network);

/** As mlp_model_save(), into memory: the bytes of the file.
 * @param bytes receives them, aligned to 64; the caller's, to be given to mlp_memory_free(); NULL on failure
 * @param size  receives their number
 * Errors: ARGUMENT, MEMORY, NONFINITE, UNSUPPORTED. */
MLP_API mlp_status mlp_model_save_memory(const mlp_network *network, void **bytes, size_t *size);

/** Frees bytes that a function of this library gave to the caller, and sets the pointer to NULL. NULL and a
 * pointer to NULL are fine. */
MLP_API void mlp_memory_free(void **bytes);

/** Options of mlp_model_export_onnx(). Start from ::MLP_ONNX_OPTIONS_INIT. */
typedef struct mlp_onnx_options {
    size_t struct_size; /**< Set by the INIT. */
    int label; /**< Not 0: a second output `label`, int64 of samples: the class, by ArgMax, or for one unit
                  whether it exceeds 1/2 (0 for a logit and bipolar class targets). Default 0. */
} mlp_onnx_options;

#define MLP_ONNX_OPTIONS_INIT                                                                                \
    {                                                                                                        \
        sizeof(mlp_onnx_options), 0                                                                          \
    }

/** ::MLP_ONNX_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_onnx_options_default(mlp_onnx_options *options);

/** Writes a network as an ONNX model (IR 8, operator set 13) that computes what mlp_predict() does: input
 * `input` and output `output`, float, samples × features, any number of samples; `Sub` and `Div` by the
 * standardization, then for each layer `Gemm` and its activation. Class names are the metadata
 * `class_names`, a JSON array. The loss is not written. The file appears whole or not at all, as with
 * mlp_model_save().
 * @param options NULL for the defaults
 * Errors: ARGUMENT, IO, MEMORY, UNSUPPORTED (a custom activation, whose layer the message names; 2 GiB or
 * more; a build without the option `onnx`). */
MLP_API mlp_status mlp_model_export_onnx(const mlp_network *network, const char *path,
                                         const mlp_onnx_options *options);

/** As mlp_model_export_onnx(), into memory; `bytes` and `size` as of mlp_model_save_memory(). */
MLP_API mlp_status mlp_model_export_onnx_memory(const mlp_network *network, const mlp_onnx_options *options,
                                                void **bytes, size_t *size);

/** Options of mlp_model_export_c(). Start from ::MLP_C_OPTIONS_INIT. */
typedef struct mlp_c_options {
    size_t struct_size;   /**< Set by the INIT. */
    const char *name;     /**< Prefix of what the files declare: a letter, then letters, digits and `_`, at
                             most 62. Default NULL: the file's name without `.c`. */
    int int8;             /**< Not 0: weights in 8 bits, as mlp_network_quantize() rounds them. Default 0. */
    const float *samples; /**< sample_count × inputs, for the self-test; borrowed. Default NULL: four drawn
                             ones, normally distributed with the standardization's mean and scale. */
    size_t sample_count;  /**< Of `samples`, at least 1. Default 0. */
} mlp_c_options;

#define MLP_C_OPTIONS_INIT                                                                                   \
    {                                                                                                        \
        sizeof(mlp_c_options), 0, 0, 0, 0                                                                    \
    }

/** ::MLP_C_OPTIONS_INIT as a function, for other languages: sets the members that struct_size, which the
 * caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_c_options_default(mlp_c_options *options);

/** Writes a network as a C file that needs nothing but libm, and its header beside it: C99 and C++11, no
 * allocation, `static const` weights, `int NAME_predict(const float *x, float *y)`. It computes the outputs
 * of one sample within 1e-6 of mlp_predict(), relative to 1 or to the largest of them, where inputs are of
 * the size that standardized ones have, and returns 0, or −1 where one is not finite. Compiled with
 * `-DNAME_TEST` (the name in capitals) it is a program that compares the outputs of recorded samples and
 * exits with 0 where they agree within 1e-5. For a network with a schema (mlp_network_set_schema()) whose
 * columns are more than a number for each input the file has `int NAME_predict_row(const double *row, float
 * *y)`, which takes one number for each column that is a feature (a level's number, days since 1970, NAN for
 * a missing value), `NAME_predict_texts()`, which takes their texts as mlp_schema_encode() does, and
 * `NAME_value()`, which turns one into the other. Each file appears whole or not at all, as with
 * mlp_model_save(); the header comes first.
 * @param path    ends in `.c`; the header's ends in `.h`
 * @param options NULL for the defaults
 * Errors: ARGUMENT (also a name that C cannot have), RANGE (sample_count), IO, MEMORY, UNSUPPORTED (a custom
 * activation, whose layer the message names; 2³¹ weights or more in a layer), NONFINITE (outputs of the
 * samples). */
MLP_API mlp_status mlp_model_export_c(const mlp_network *network, const char *path,
                                      const mlp_c_options *options);

/** Loads tensors from a safetensors file without this library's metadata, such as a state_dict of PyTorch.
 * The caller says what the file cannot: the activations.
 * Layers are modules with a `weight` of two dimensions, and a `bias` or none (zeros): in the order of the
 * numbers in their names, where these differ in nothing else (`0.weight`, `2.weight`; `model.fc1.weight`,
 * `model.fc2.weight`; whatever stands in front), else in the one order that their shapes allow. F64, F32, F16
 * and BF16. A BatchNorm1d (`running_mean`, `running_var`, with ε = 1e-5) is folded into W and b: behind the
 * product of the layer whose number precedes its own (`0`, `1`) or is the same (`fc1`, `bn1`), in front of
 * the first layer, or in front of the next one where an activation's number lies between. Where that is not
 * clear, and for any other module (LayerNorm, convolutions), UNSUPPORTED with its name. What has no tensors,
 * such as Dropout, is not in the file.
 * Arguments as for mlp_network_create(), but `inputs` and units of layers may be 0: the file's. Other sizes
 * must be the file's: SHAPE. */
MLP_API mlp_status mlp_model_load_tensors(const char *path, size_t inputs, const mlp_layer *layers,
                                          size_t count, const mlp_network_options *options,
                                          mlp_network **network);

#ifdef __cplusplus
}
#endif

#endif
