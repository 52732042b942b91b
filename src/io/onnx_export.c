/* Writing a network as an ONNX file: (x − mean)/scale, then for each layer Gemm and the nodes of its
 * activation. */
#include <stdio.h>
#include <string.h>

#include <onnx.pb-c.h>

#include <mlp/model_file.h>
#include <mlp/version.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "io/byte_sink.h"
#include "io/model_description.h"
#include "io/onnx_nodes.h"

/* ---- the graph ---------------------------------------------------------------------------------------- */

/* What the last layer gives. */
static const char *last_value(const mlp_network *network)
{
    return network->output_scale != NULL ? "output.raw" : "output";
}

static void add_layer(struct onnx_writer *w, const mlp_network *network, size_t l, bool is_last)
{
    const struct layer *layer = &network->layers[l];
    char weights[ONNX_NAME], bias[ONNX_NAME], z[ONNX_NAME], a[ONNX_NAME];
    snprintf(weights, sizeof weights, "layers.%zu.weight", l);
    snprintf(bias, sizeof bias, "layers.%zu.bias", l);
    snprintf(z, sizeof z, "z%zu", l);
    snprintf(a, sizeof a, "a%zu", l);
    onnx_matrix_add(w, weights, network->parameters + layer->weights, layer->units, layer->inputs,
                    layer->stride);
    onnx_matrix_add(w, bias, network->parameters + layer->bias, layer->units, 0, layer->stride);
    const char *end = is_last ? last_value(network) : a;
    const bool linear = layer->description.activation == MLP_ACTIVATION_IDENTITY;
    const char *product = linear ? end : z;
    Mlp__Onnx__Node *gemm =
        onnx_node_add(w, "Gemm", (const char *const[]){ w->value, weights, bias }, 3, product);
    onnx_integer_add(w, gemm, "transB", 1);
    onnx_value_set(w, product);
    if (!linear) {
        onnx_activation_add(w, layer->description.activation, layer->description.activation_parameter, l,
                            end);
    }
}

/* The outputs in the targets' units. */
static void add_output_scaling(struct onnx_writer *w, const mlp_network *network)
{
    const size_t outputs = output_layer(network)->units;
    onnx_matrix_add(w, "output.scale", network->output_scale, outputs, 0, outputs);
    onnx_matrix_add(w, "output.shift", network->output_shift, outputs, 0, outputs);
    onnx_node_add(w, "Mul", (const char *const[]){ "output.raw", "output.scale" }, 2, "output.scaled");
    onnx_node_add(w, "Add", (const char *const[]){ "output.scaled", "output.shift" }, 2, "output");
}

static void add_standardization(struct onnx_writer *w, const mlp_network *network)
{
    onnx_matrix_add(w, "standardization.mean", network->mean, network->inputs, 0, network->inputs);
    onnx_matrix_add(w, "standardization.scale", network->scale, network->inputs, 0, network->inputs);
    onnx_node_add(w, "Sub", (const char *const[]){ "input", "standardization.mean" }, 2, "centered");
    onnx_node_add(w, "Div", (const char *const[]){ "centered", "standardization.scale" }, 2, "standardized");
    onnx_value_set(w, "standardized");
}

/* The class of a sample: the largest output, or for a single one whether it exceeds the middle. */
static void add_label(struct onnx_writer *w, const mlp_network *network)
{
    const struct layer *output = output_layer(network);
    if (output->units > 1) {
        Mlp__Onnx__Node *node = onnx_node_add(w, "ArgMax", (const char *const[]){ "output" }, 1, "label");
        onnx_integer_add(w, node, "axis", -1);
        onnx_integer_add(w, node, "keepdims", 0);
        return;
    }
    const float middle = network_threshold(network);
    unsigned char *axis = onnx_tensor_add(w, "label.axis", ONNX_INT64, 1, (const size_t[]){ 1 }, 8);
    if (axis != NULL) {
        axis[0] = 1;
    }
    onnx_matrix_add(w, "label.threshold", &middle, 1, 0, 1);
    onnx_node_add(w, "Greater", (const char *const[]){ "output", "label.threshold" }, 2, "label.exceeds");
    Mlp__Onnx__Node *cast =
        onnx_node_add(w, "Cast", (const char *const[]){ "label.exceeds" }, 1, "label.column");
    onnx_integer_add(w, cast, "to", ONNX_INT64);
    onnx_node_add(w, "Squeeze", (const char *const[]){ "label.column", "label.axis" }, 2, "label");
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static mlp_status check(const mlp_network *network)
{
    size_t bytes = 4 * network->parameter_count;
    for (size_t l = 0; l < network->layer_count; l++) {
        if (network->layers[l].description.activation == MLP_ACTIVATION_CUSTOM) {
            return fail(MLP_ERROR_UNSUPPORTED,
                        "layer %zu has a custom activation, which no ONNX file can hold", l);
        }
        bytes += 256;
    }
    return bytes >> 31 == 0 ? MLP_OK
                            : fail(MLP_ERROR_UNSUPPORTED,
                                   "the network has %zu parameters: an ONNX file holds less than 2 GiB",
                                   network->parameter_count);
}

static mlp_status export(const mlp_network *network, const mlp_onnx_options *options, struct byte_sink *sink)
{
    static const mlp_onnx_options defaults = MLP_ONNX_OPTIONS_INIT;
    mlp_onnx_options accepted;
    struct onnx_writer w;
    char *names = NULL;
    TRY(options_accept("mlp_onnx_options", options, &defaults, sizeof defaults, &accepted));
    TRY(check(network));
    onnx_writer_begin(&w);
    onnx_value_add(&w, "input", ONNX_FLOAT, network->inputs, false);
    onnx_value_add(&w, "output", ONNX_FLOAT, output_layer(network)->units, true);
    onnx_value_set(&w, "input");
    if (network->mean != NULL) {
        add_standardization(&w, network);
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        add_layer(&w, network, l, l + 1 == network->layer_count);
    }
    if (network->output_scale != NULL) {
        add_output_scaling(&w, network);
    }
    if (accepted.label) {
        onnx_value_add(&w, "label", ONNX_INT64, 0, true);
        add_label(&w, network);
    }
    mlp_status status = w.status;
    if (status == MLP_OK && network->class_name_count > 0) {
        status = description_class_names(network, &names);
    }
    status = status == MLP_OK ? onnx_model_write(&w, names, sink) : status;
    memory_free(names);
    onnx_writer_end(&w);
    return status;
}

mlp_status mlp_model_export_onnx(const mlp_network *network, const char *path,
                                 const mlp_onnx_options *options)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(path);
    struct byte_sink sink = byte_sink_file(path);
    return export(network, options, &sink);
}

mlp_status mlp_model_export_onnx_memory(const mlp_network *network, const mlp_onnx_options *options,
                                        void **bytes, size_t *size)
{
    struct array memory = { 0 };
    REQUIRE_ARGUMENT(bytes);
    *bytes = NULL;
    REQUIRE_ARGUMENT(size);
    *size = 0;
    REQUIRE_ARGUMENT(network);
    struct byte_sink sink = byte_sink_memory(&memory);
    TRY(export(network, options, &sink));
    *size = memory.count;
    *bytes = array_take(&memory);
    return MLP_OK;
}
