/* C source: numbers, weights, activations. */
#include "io/c_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/memory.h"
#include "model/quantize.h"

/* ---- text ---------------------------------------------------------------------------------------------- */

static void put_bytes(struct c_source *source, const char *text, size_t length)
{
    source->status = source->status == MLP_OK ? byte_sink_write(&source->sink, text, length) : source->status;
}

void c_put(struct c_source *source, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_bytes(source, text, length < (int)sizeof text ? (size_t)length : sizeof text - 1);
}

void c_put_text(struct c_source *source, const char *text)
{
    put_bytes(source, text, strlen(text));
}

void c_put_string(struct c_source *source, const char *text)
{
    c_put(source, "\"");
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        const bool plain = byte >= ' ' && byte < 127 && strchr("\"\\?", byte) == NULL;
        c_put(source, plain ? "%c" : "\\%03o", byte);
    }
    c_put(source, "\"");
}

void c_number(double value, int digits, char text[64])
{
    char printed[64];
    size_t length = 0;
    bool point = false, exponent = false;
    snprintf(printed, sizeof printed, "%.*g", digits, value);
    for (size_t i = 0; printed[i] != '\0'; i++) {
        if (strchr("0123456789+-e", printed[i]) != NULL) {
            exponent |= printed[i] == 'e';
            text[length++] = printed[i];
        } else if (!point) { /* the first byte of the locale's own point */
            point = true;
            text[length++] = '.';
        }
    }
    text[length] = '\0';
    if (!point && !exponent) {
        memcpy(text + length, ".0", sizeof ".0");
    }
}

void c_put_float(struct c_source *source, double value)
{
    char text[64];
    c_number(value, 9, text);
    c_put(source, "%sf", text);
}

void c_put_double(struct c_source *source, double value)
{
    char text[64];
    c_number(value, 17, text);
    c_put(source, "%s", text);
}

void c_put_floats(struct c_source *source, const char *name, const float *values, size_t count)
{
    enum { PER_LINE = 8 };
    c_put(source, "static const float %s[%zu] = {", name, count);
    for (size_t i = 0; i < count; i++) {
        c_put(source, i % PER_LINE == 0 ? "\n    " : " ");
        c_put_float(source, (double)values[i]);
        c_put(source, i + 1 < count ? "," : "");
    }
    c_put(source, "\n};\n");
}

void c_put_comment(struct c_source *source, const char *text)
{
    enum { LONGEST = 64 };
    char escaped[LONGEST];
    text_escape(text, escaped, sizeof escaped);
    for (size_t i = 0; escaped[i] != '\0'; i++) {
        const bool trigraph = escaped[i] == '?' && escaped[i + 1] == '?';
        escaped[i] = escaped[i] == '*' || escaped[i] == '\\' || trigraph ? '.' : escaped[i];
    }
    c_put(source, "%s", escaped);
}

/* ---- layers -------------------------------------------------------------------------------------------- */

/* Units are computed in groups of so many, whose weights lie side by side for each input; those that are left
 * over have rows of their own. */
enum { GROUP = 8 };

/* `scales`: of the units; NULL: weights are floats. */
static void put_number(struct c_source *source, const float *scales, float weight, size_t i)
{
    if (scales != NULL) {
        c_put(source, "%d", quantize_weight(weight, scales[i]));
    } else {
        c_put_float(source, (double)weight);
    }
}

static void put_weights(struct c_source *source, const struct layer *layer, const float *w,
                        const float *scales, size_t l)
{
    const size_t grouped = layer->units / GROUP * GROUP;
    c_put(source, "static const %s w%zu[%zu] = {\n", source->int8 ? "signed char" : "float", l,
          layer->units * layer->inputs);
    for (size_t i = 0; i < grouped; i += GROUP) {
        for (size_t j = 0; j < layer->inputs; j++) {
            c_put(source, "    ");
            for (size_t k = 0; k < GROUP; k++) {
                put_number(source, scales, w[i + k + j * layer->stride], i + k);
                c_put(source, k + 1 < GROUP ? ", " : ",\n");
            }
        }
    }
    for (size_t i = grouped; i < layer->units; i++) {
        for (size_t j = 0; j < layer->inputs; j++) {
            c_put(source, j % GROUP == 0 ? "    " : " ");
            put_number(source, scales, w[i + j * layer->stride], i);
            c_put(source, j % GROUP == GROUP - 1 || j + 1 == layer->inputs ? ",\n" : ",");
        }
    }
    c_put(source, "};\n");
}

void c_put_layer(struct c_source *source, const mlp_network *network, size_t l)
{
    const struct layer *layer = &network->layers[l];
    const float *w = network->parameters + layer->weights;
    char name[32];
    c_put(source, "\n/* Layer %zu: %zu inputs, %zu units. */\n", l, layer->inputs, layer->units);
    float *scales = source->int8 ? memory_allocate(layer->units, sizeof *scales) : NULL;
    if (source->int8 && scales == NULL) {
        source->status = MLP_ERROR_MEMORY;
        return;
    }
    const size_t scaled = scales != NULL ? layer->units : 0;
    for (size_t i = 0; i < scaled; i++) {
        scales[i] = quantize_scale(layer, w, i);
    }
    put_weights(source, layer, w, scales, l);
    snprintf(name, sizeof name, "b%zu", l);
    c_put_floats(source, name, network->parameters + layer->bias, layer->units);
    if (scales != NULL) {
        snprintf(name, sizeof name, "s%zu", l);
        c_put_floats(source, name, scales, layer->units);
    }
    memory_free(scales);
}

/* Sums of 32 products are added up, so that rounding grows slowly with the number of inputs. GCC from -O3 on
 * would unroll the eight units and then compute a chain of sums for each; the pragma keeps them side by side in
 * a vector (the digits of docs/export.md: 0.4 µs instead of 1.1). */
void c_put_dense(struct c_source *source)
{
    const char *type = source->int8 ? "signed char" : "float", *cast = source->int8 ? "(float)" : "",
               *scale = source->int8 ? "const float *s, " : "", *open = source->int8 ? "s[u] * " : "",
               *open_k = source->int8 ? "s[u + k] * " : "";
    c_put(source,
          "\n/* z = W x + b. Eight units at a time, their weights side by side; then one by one. */\n"
          "static void dense(const %s *w, const float *b, %sint inputs, int units, const float *x, float "
          "*z)\n{\n"
          "    int u = 0, j, k;\n",
          type, scale);
    c_put(source, "    for (; u + 8 <= units; u += 8) {\n"
                  "        float sum[8] = { 0.0f };\n"
                  "        for (j = 0; j < inputs;) {\n"
                  "            const int end = inputs - j > 32 ? j + 32 : inputs;\n"
                  "            float part[8] = { 0.0f };\n"
                  "            for (; j < end; j++, w += 8) {\n"
                  "                const float value = x[j];\n");
    c_put(source,
          "#if defined(__GNUC__) && __GNUC__ >= 8 && !defined(__clang__)\n#pragma GCC unroll 1\n#endif\n"
          "                for (k = 0; k < 8; k++) {\n"
          "                    part[k] += %sw[k] * value;\n"
          "                }\n            }\n"
          "            for (k = 0; k < 8; k++) {\n"
          "                sum[k] += part[k];\n            }\n        }\n",
          cast);
    c_put(source,
          "        for (k = 0; k < 8; k++) {\n"
          "            z[u + k] = %ssum[k] + b[u + k];\n        }\n    }\n",
          open_k);
    c_put(source,
          "    for (; u < units; u++, w += inputs) {\n"
          "        float sum = 0.0f;\n"
          "        for (j = 0; j < inputs;) {\n"
          "            const int end = inputs - j > 32 ? j + 32 : inputs;\n"
          "            float part = 0.0f;\n"
          "            for (; j < end; j++) {\n"
          "                part += %sw[j] * x[j];\n            }\n"
          "            sum += part;\n        }\n"
          "        z[u] = %ssum + b[u];\n    }\n}\n",
          cast, open);
}

/* ---- activations --------------------------------------------------------------------------------------- */

/* φ of z in C99; @ stands for the parameter. */
/* clang-format off */
static const struct {
    const char *value;
    bool sigmoid, softplus; /* functions that it calls */
} activations[] = {
    [MLP_ACTIVATION_IDENTITY] = { "z", false, false },
    [MLP_ACTIVATION_SIGMOID] = { "sigmoid(z)", true, false },
    [MLP_ACTIVATION_TANH] = { "tanhf(z)", false, false },
    [MLP_ACTIVATION_RELU] = { "z < 0.0f ? 0.0f : z", false, false },
    [MLP_ACTIVATION_LEAKY_RELU] = { "z < 0.0f ? @ * z : z", false, false },
    [MLP_ACTIVATION_ELU] = { "z < 0.0f ? @ * expm1f(z) : z", false, false },
    [MLP_ACTIVATION_SELU] = { "1.05070099f * (z < 0.0f ? 1.67326324f * expm1f(z) : z)", false, false },
    [MLP_ACTIVATION_GELU] = { "0.5f * z * erfcf(-0.707106781f * z)", false, false },
    [MLP_ACTIVATION_GELU_TANH] = { "z * sigmoid(1.59576912f * (z + 0.044715f * z * z * z))", true, false },
    [MLP_ACTIVATION_SILU] = { "z * sigmoid(z)", true, false },
    [MLP_ACTIVATION_MISH] = { "z * tanhf(softplus(z))", false, true },
    [MLP_ACTIVATION_SOFTPLUS] = { "softplus(z)", false, true },
    [MLP_ACTIVATION_SOFTSIGN] = { "z / (1.0f + fabsf(z))", false, false },
    [MLP_ACTIVATION_HARD_SIGMOID] = { "z < -3.0f ? 0.0f : (z > 3.0f ? 1.0f : z / 6.0f + 0.5f)", false,
                                      false },
    [MLP_ACTIVATION_HARD_TANH] = { "z < -1.0f ? -1.0f : (z > 1.0f ? 1.0f : z)", false, false },
    [MLP_ACTIVATION_SOFTMAX] = { NULL, false, false },
};
/* clang-format on */

void c_put_activation_helpers(struct c_source *source, const mlp_network *network)
{
    bool sigmoid = false, softplus = false;
    for (size_t l = 0; l < network->layer_count; l++) {
        const mlp_activation activation = network->layers[l].description.activation;
        sigmoid |= activations[activation].sigmoid;
        softplus |= activations[activation].softplus;
    }
    if (sigmoid) {
        c_put(source, "\nstatic float sigmoid(float z)\n{\n    return 1.0f / (1.0f + expf(-z));\n}\n");
    }
    if (softplus) {
        c_put(source, "\nstatic float softplus(float z)\n{\n"
                      "    return (z > 0.0f ? z : 0.0f) + log1pf(expf(-fabsf(z)));\n}\n");
    }
}

static void put_softmax(struct c_source *source, size_t units, const char *a)
{
    c_put(source,
          "    high = %s[0];\n"
          "    for (i = 1; i < %zu; i++) {\n        high = %s[i] > high ? %s[i] : high;\n    }\n",
          a, units, a, a);
    c_put(source,
          "    sum = 0.0f;\n"
          "    for (i = 0; i < %zu; i++) {\n        %s[i] = expf(%s[i] - high);\n        sum += %s[i];\n    "
          "}\n",
          units, a, a, a);
    c_put(source, "    for (i = 0; i < %zu; i++) {\n        %s[i] /= sum;\n    }\n", units, a);
}

void c_put_activation(struct c_source *source, const mlp_layer *layer, const char *a)
{
    if (layer->activation == MLP_ACTIVATION_IDENTITY) {
        return;
    }
    if (layer->activation == MLP_ACTIVATION_SOFTMAX) {
        put_softmax(source, layer->units, a);
        return;
    }
    c_put(source,
          "    for (i = 0; i < %zu; i++) {\n        const float z = %s[i];\n        %s[i] = ", layer->units,
          a, a);
    for (const char *c = activations[layer->activation].value; *c != '\0'; c++) {
        if (*c == '@') {
            c_put_float(source, layer->activation_parameter);
        } else {
            c_put(source, "%c", *c);
        }
    }
    c_put(source, ";\n    }\n");
}
