/* Writing a network as a C file and its header. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <mlp/model_file.h>
#include <mlp/version.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "data/schema.h"
#include "io/c_source.h"

/* ---- the header ---------------------------------------------------------------------------------------- */

/* NAME_CLASS_NAMES, for an array of the program's own: names that are not used take no memory. */
static void put_classes(struct c_source *source, const mlp_network *network)
{
    if (network->class_name_count == 0) {
        return;
    }
    c_put(source, "#define %s_CLASSES %zu\n#define %s_CLASS_NAMES \\\n    { \\\n", source->upper,
          network->class_name_count, source->upper);
    for (size_t i = 0; i < network->class_name_count; i++) {
        c_put(source, "        ");
        c_put_string(source, network->class_names[i]);
        c_put(source, i + 1 < network->class_name_count ? ", \\\n" : " \\\n");
    }
    c_put(source, "    }\n\n");
}

static void put_header(struct c_source *source, const mlp_network *network)
{
    c_put(source,
          "/* A multilayer perceptron, written by libmlp %s: %zu inputs, %zu outputs.\n"
          " * %s_predict() computes the outputs y of one sample x and returns 0, or -1 where an output is "
          "not\n"
          " * finite. It can be called by several threads at once. */\n",
          MLP_VERSION, network->inputs, output_layer(network)->units, source->name);
    c_put(source, "#ifndef %s_H\n#define %s_H\n\n", source->upper, source->upper);
    c_put(source, "#define %s_INPUTS %zu\n#define %s_OUTPUTS %zu\n\n", source->upper, network->inputs,
          source->upper, output_layer(network)->units);
    put_classes(source, network);
    c_put(source,
          "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
          "int %s_predict(const float *x, float *y);\n\n",
          source->name);
    if (source->schema != NULL) {
        c_put_rows_header(source);
    }
    c_put(source, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

/* ---- the source ---------------------------------------------------------------------------------------- */

/* Floats of the two arrays that layers write to in turn: a the even ones, b the odd ones and before them the
 * standardized inputs. The last layer writes to y. */
static void count_arrays(const mlp_network *network, size_t sizes[2])
{
    sizes[0] = 0;
    sizes[1] = network->mean != NULL ? network->inputs : 0;
    for (size_t l = 0; l + 1 < network->layer_count; l++) {
        const size_t units = network->layers[l].units;
        sizes[l % 2] = units > sizes[l % 2] ? units : sizes[l % 2];
    }
}

static void put_title(struct c_source *source, const mlp_network *network)
{
    size_t sizes[2], numbers = 0, bytes = 0;
    count_arrays(network, sizes);
    c_put(source, "/* A multilayer perceptron, written by libmlp %s: %zu", MLP_VERSION, network->inputs);
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        c_put(source, " -> %zu %s", layer->units, mlp_activation_name(layer->description.activation));
        numbers += layer->units * (layer->inputs + 1);
        bytes += layer->units * (layer->inputs * (source->int8 ? 1 : 4) + (source->int8 ? 8 : 4));
    }
    bytes += network->mean != NULL ? 8 * network->inputs : 0;
    c_put(source, ".\n * %zu parameters%s, %zu bytes of constants, %zu bytes of arrays on the stack.\n",
          numbers, source->int8 ? " in 8 bits, a scale for each unit" : "", bytes, 4 * (sizes[0] + sizes[1]));
    if (source->schema != NULL) {
        c_put(source, " * Rows of raw columns take %zu bytes more of the stack.\n",
              4 * network->inputs + 8 * source->schema->column_count);
    }
    c_put(source,
          " * C99 and C++11; needs libm alone. With -D%s_TEST it is a program that tests itself. */\n",
          source->upper);
}

static void put_predict(struct c_source *source, const mlp_network *network)
{
    size_t sizes[2];
    const char *from = network->mean != NULL ? "b" : "x";
    bool softmax = false;
    count_arrays(network, sizes);
    for (size_t l = 0; l < network->layer_count; l++) {
        softmax |= network->layers[l].description.activation == MLP_ACTIVATION_SOFTMAX;
    }
    c_put(source, "\nint %s_predict(const float *x, float *y)\n{\n    int i;\n", source->name);
    for (size_t k = 0; k < 2; k++) {
        if (sizes[k] > 0) {
            c_put(source, "    float %c[%zu];\n", k == 0 ? 'a' : 'b', sizes[k]);
        }
    }
    c_put(source, softmax ? "    float high, sum;\n" : "");
    if (network->mean != NULL) {
        c_put(source,
              "    for (i = 0; i < %zu; i++) {\n        b[i] = (x[i] - mean[i]) * inverse[i];\n    }\n",
              network->inputs);
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        char scales[32] = "";
        snprintf(scales, sizeof scales, "s%zu, ", l);
        const char *hidden = l % 2 == 0 ? "a" : "b", *to = layer->is_output ? "y" : hidden;
        c_put(source, "    dense(w%zu, b%zu, %s%zu, %zu, %s, %s);\n", l, l, source->int8 ? scales : "",
              layer->inputs, layer->units, from, to);
        c_put_activation(source, &layer->description, to);
        from = to;
    }
    if (network->output_scale != NULL) {
        c_put(source, "    for (i = 0; i < %zu; i++) {\n        y[i] = y[i] * scale[i] + shift[i];\n    }\n",
              output_layer(network)->units);
    }
    c_put(source,
          "    for (i = 0; i < %zu; i++) {\n        if (!(fabsf(y[i]) <= FLT_MAX)) {\n"
          "            return -1;\n        }\n    }\n    return 0;\n}\n",
          output_layer(network)->units);
}

static void put_source(struct c_source *source, const mlp_network *network, const struct c_recorded *recorded,
                       const char *header)
{
    put_title(source, network);
    c_put(source, "#include \"%s\"\n\n#include <float.h>\n#include <math.h>\n%s", header,
          source->schema != NULL ? "#include <string.h>\n" : "");
    if (network->mean != NULL) {
        c_put(source, "\n/* Inputs are standardized: (x - mean) * inverse. */\n");
        c_put_floats(source, "mean", network->mean, network->inputs);
        c_put_floats(source, "inverse", network->inverse, network->inputs);
    }
    if (network->output_scale != NULL) {
        c_put(source, "\n/* Outputs are in the targets' units: y * scale + shift. */\n");
        c_put_floats(source, "scale", network->output_scale, output_layer(network)->units);
        c_put_floats(source, "shift", network->output_shift, output_layer(network)->units);
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        c_put_layer(source, network, l);
    }
    c_put_dense(source);
    c_put_activation_helpers(source, network);
    put_predict(source, network);
    if (source->schema != NULL) {
        c_put_rows(source);
    }
    c_put_test(source, network, recorded);
}

/* ---- the files ----------------------------------------------------------------------------------------- */

/* The prefix: the caller's, or the file's name without its ending. */
static mlp_status find_name(const char *path, const char *given, char name[64])
{
    const char *slash = strrchr(path, '/'), *file = slash != NULL ? slash + 1 : path;
    const size_t length = strlen(file);
    FAIL_IF(length < 3 || strcmp(file + length - 2, ".c") != 0, MLP_ERROR_ARGUMENT,
            "%s: expected a name that ends in .c; its header gets the same with .h", path);
    FAIL_IF(strpbrk(file, "\"\\\n\r") != NULL, MLP_ERROR_ARGUMENT,
            "%s: a quotation mark, a backslash or a line break in its name, which #include cannot have",
            path);
    const char *text = given != NULL ? given : file;
    const size_t size = given != NULL ? strlen(given) : length - 2;
    snprintf(name, 64, "%.*s", size < 63 ? (int)size : 63, text);
    bool valid = size < 63;
    for (size_t i = 0; name[i] != '\0'; i++) {
        const bool letter = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z');
        valid = valid && (letter || (i > 0 && (name[i] == '_' || (name[i] >= '0' && name[i] <= '9'))));
    }
    return valid && name[0] != '\0' ? MLP_OK
                                    : fail(MLP_ERROR_ARGUMENT,
                                           "%s: '%s' cannot begin names of C: expected a letter, then "
                                           "letters, digits and '_', at most 62 "
                                           "in all",
                                           path, name);
}

static mlp_status check(const mlp_network *network, const mlp_c_options *options)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        FAIL_IF(layer->description.activation == MLP_ACTIVATION_CUSTOM, MLP_ERROR_UNSUPPORTED,
                "layer %zu has a custom activation, which no C file can hold", l);
        FAIL_IF(layer->units > INT_MAX / layer->inputs, MLP_ERROR_UNSUPPORTED,
                "layer %zu has %zu × %zu weights, expected at most %d", l, layer->units, layer->inputs,
                INT_MAX);
    }
    FAIL_IF(options->samples != NULL &&
                (options->sample_count == 0 || options->sample_count > INT_MAX / network->inputs),
            MLP_ERROR_RANGE, "sample_count is %zu, expected 1 to %zu", options->sample_count,
            INT_MAX / network->inputs);
    return MLP_OK;
}

static mlp_status write_files(const mlp_network *network, const char *path, const char *header,
                              const struct c_recorded *recorded, struct c_source *source)
{
    const char *slash = strrchr(header, '/');
    source->sink = byte_sink_file(header);
    TRY(byte_sink_begin(&source->sink, 0));
    put_header(source, network);
    TRY(byte_sink_end(&source->sink, source->status));
    source->sink = byte_sink_file(path);
    TRY(byte_sink_begin(&source->sink, 0));
    put_source(source, network, recorded, slash != NULL ? slash + 1 : header);
    return byte_sink_end(&source->sink, source->status);
}

mlp_status mlp_model_export_c(const mlp_network *network, const char *path, const mlp_c_options *options)
{
    static const mlp_c_options defaults = MLP_C_OPTIONS_INIT;
    struct c_source source = { .status = MLP_OK };
    struct c_recorded recorded = { .count = 0 };
    mlp_c_options accepted;
    char name[64];
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(path);
    TRY(options_accept("mlp_c_options", options, &defaults, sizeof defaults, &accepted));
    TRY(find_name(path, accepted.name, name));
    TRY(check(network, &accepted));
    source.name = name;
    source.int8 = accepted.int8 != 0;
    source.schema = c_rows_differ(network->schema) ? network->schema : NULL;
    for (size_t i = 0; i < sizeof name; i++) {
        source.upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    }
    char *header = memory_copy_text(path);
    mlp_status status =
        header != NULL ? c_record(network, source.schema, &accepted, &recorded) : MLP_ERROR_MEMORY;
    if (status == MLP_OK) {
        header[strlen(header) - 1] = 'h';
        status = write_files(network, path, header, &recorded, &source);
    }
    memory_free(header);
    c_recorded_free(&recorded);
    return status;
}
