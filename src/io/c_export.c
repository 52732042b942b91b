/* Writing a network as a C file and its header. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <mlp/model_file.h>
#include <mlp/pass.h>
#include <mlp/version.h>
#include <mlp/workspace.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "base/status.h"
#include "io/c_source.h"

enum { DRAWN_SAMPLES = 4, LISTED_CLASSES = 100 };

/* Samples and the outputs that they give, for the self-test. */
struct recorded {
    size_t count;
    float *x, *y;
};

/* ---- the self-test's samples --------------------------------------------------------------------------- */

static void draw_samples(const mlp_network *network, struct recorded *recorded)
{
    const struct random_stream stream = random_stream(1, RANDOM_NOISE, 0, 0);
    const size_t inputs = network->inputs;
    random_normal(&stream, 0, recorded->count * inputs, recorded->x);
    const size_t scaled = network->mean != NULL ? recorded->count * inputs : 0;
    for (size_t i = 0; i < scaled; i++) {
        recorded->x[i] = network->mean[i % inputs] + network->scale[i % inputs] * recorded->x[i];
    }
}

static mlp_status predict(const mlp_network *network, struct recorded *recorded)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace = NULL;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = 1;
    TRY(mlp_workspace_create(network, recorded->count, &options, &workspace));
    const mlp_status status = mlp_predict(network, workspace, recorded->x, recorded->count, recorded->y);
    mlp_workspace_destroy(&workspace);
    return status;
}

/* Outputs of the weights as the file has them. */
static mlp_status predict_as_written(const mlp_network *network, bool int8, struct recorded *recorded)
{
    mlp_network *copy = NULL;
    if (!int8) {
        return predict(network, recorded);
    }
    TRY(mlp_network_copy(network, &copy));
    mlp_status status = mlp_network_quantize(copy);
    status = status == MLP_OK ? predict(copy, recorded) : status;
    mlp_network_destroy(&copy);
    return status;
}

static mlp_status record(const mlp_network *network, const mlp_c_options *options, struct recorded *recorded)
{
    const size_t count = options->samples != NULL ? options->sample_count : (size_t)DRAWN_SAMPLES;
    recorded->count = count;
    recorded->x = memory_allocate(count * network->inputs, sizeof(float));
    recorded->y = memory_allocate(count * output_layer(network)->units, sizeof(float));
    if (recorded->x == NULL || recorded->y == NULL) {
        return MLP_ERROR_MEMORY;
    }
    if (options->samples != NULL) {
        memcpy(recorded->x, options->samples, count * network->inputs * sizeof(float));
    } else {
        draw_samples(network, recorded);
    }
    return predict_as_written(network, options->int8 != 0, recorded);
}

/* ---- the header ---------------------------------------------------------------------------------------- */

static void put_classes(struct c_source *source, const mlp_network *network)
{
    const size_t listed =
        network->class_name_count < LISTED_CLASSES ? network->class_name_count : (size_t)LISTED_CLASSES;
    if (listed > 0) {
        c_put(source, " * Classes:\n");
    }
    for (size_t i = 0; i < listed; i++) {
        c_put(source, " *   %zu: ", i);
        c_put_comment(source, network->class_names[i]);
        c_put(source, "\n");
    }
}

static void put_header(struct c_source *source, const mlp_network *network)
{
    c_put(source,
          "/* A multilayer perceptron, written by libmlp %s: %zu inputs, %zu outputs.\n"
          " * %s_predict() computes the outputs y of one sample x and returns 0, or -1 where an output is "
          "not\n"
          " * finite. It can be called by several threads at once. */\n",
          MLP_VERSION, network->inputs, output_layer(network)->units, source->name);
    if (network->class_name_count > 0) {
        c_put(source, "/*\n");
        put_classes(source, network);
        c_put(source, " */\n");
    }
    c_put(source, "#ifndef %s_H\n#define %s_H\n\n", source->upper, source->upper);
    c_put(source, "#define %s_INPUTS %zu\n#define %s_OUTPUTS %zu\n\n", source->upper, network->inputs,
          source->upper, output_layer(network)->units);
    c_put(source,
          "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
          "int %s_predict(const float *x, float *y);\n\n"
          "#ifdef __cplusplus\n}\n#endif\n\n#endif\n",
          source->name);
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

static void put_test(struct c_source *source, const mlp_network *network, const struct recorded *recorded)
{
    const size_t inputs = network->inputs, outputs = output_layer(network)->units;
    c_put(source, "\n#ifdef %s_TEST\n#include <stdio.h>\n\n/* Samples, and what mlp_predict() gave. */\n",
          source->upper);
    c_put_floats(source, "test_x", recorded->x, recorded->count * inputs);
    c_put_floats(source, "test_y", recorded->y, recorded->count * outputs);
    c_put(source,
          "\nint main(void)\n{\n    float y[%zu], worst = 0.0f;\n    int i, s;\n"
          "    for (s = 0; s < %zu; s++) {\n        if (%s_predict(test_x + s * %zu, y) != 0) {\n"
          "            return 1;\n        }\n        for (i = 0; i < %zu; i++) {\n",
          outputs, recorded->count, source->name, inputs, outputs);
    c_put(source,
          "            const float expected = test_y[s * %zu + i], size = fabsf(expected) > 1.0f ? "
          "fabsf(expected) "
          ": 1.0f;\n            const float error = fabsf(y[i] - expected) / size;\n"
          "            worst = error > worst ? error : worst;\n        }\n    }\n",
          outputs);
    c_put(source, "    printf(\"largest difference: %%.3g\\n\", (double)worst);\n"
                  "    return worst <= 1e-5f ? 0 : 1;\n}\n#endif\n");
}

static void put_source(struct c_source *source, const mlp_network *network, const struct recorded *recorded,
                       const char *header)
{
    put_title(source, network);
    c_put(source, "#include \"%s\"\n\n#include <float.h>\n#include <math.h>\n", header);
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
    put_test(source, network, recorded);
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
                              const struct recorded *recorded, struct c_source *source)
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
    struct recorded recorded = { .count = 0 };
    mlp_c_options accepted;
    char name[64];
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(path);
    TRY(options_accept("mlp_c_options", options, &defaults, sizeof defaults, &accepted));
    TRY(find_name(path, accepted.name, name));
    TRY(check(network, &accepted));
    source.name = name;
    source.int8 = accepted.int8 != 0;
    for (size_t i = 0; i < sizeof name; i++) {
        source.upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    }
    char *header = memory_copy_text(path);
    mlp_status status = header != NULL ? record(network, &accepted, &recorded) : MLP_ERROR_MEMORY;
    if (status == MLP_OK) {
        header[strlen(header) - 1] = 'h';
        status = write_files(network, path, header, &recorded, &source);
    }
    memory_free(header);
    memory_free(recorded.x);
    memory_free(recorded.y);
    return status;
}
