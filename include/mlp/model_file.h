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
 * the new one is there. ::MLP_ERROR_UNSUPPORTED for a network with a custom activation or loss, which no file
 * can hold. A custom initializer is saved by name and comes back as automatic: the parameters are there, the
 * function is not.
 * A symbolic link stays, and its target is replaced. Where everything is written but the old file cannot be
 * replaced, the new one stays beside it under the name that is in the message. What processes that died while
 * they saved under this name left beside it is removed.
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

/** Options of mlp_model_export_onnx(). Start from ::MLP_ONNX_OPTIONS_INIT. */
typedef struct mlp_onnx_options {
    size_t struct_size; /**< Set by the INIT. */
    int label; /**< Not 0: a second output `label`, int64 of samples: the class, by ArgMax, or for one unit
                  whether it exceeds 1/2 (0 for a logit). Default 0. */
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

/** Loads tensors from a safetensors file without this library's metadata, such as one that PyTorch wrote:
 * names `layers.N.weight`/`layers.N.bias`, or those of `torch.nn.Sequential` (`0.weight`, `2.weight`, …) in
 * ascending order; F32, F16 and BF16. The caller says what the file cannot: the layers.
 * Arguments as for mlp_network_create(); shapes must match. */
MLP_API mlp_status mlp_model_load_tensors(const char *path, size_t inputs, const mlp_layer *layers,
                                          size_t count, const mlp_network_options *options,
                                          mlp_network **network);

#ifdef __cplusplus
}
#endif

#endif
