/* What travels with a network: the standardization of its inputs, the schema of the tables it reads, and the
 * names of its classes. */
#include <math.h>
#include <string.h>

#include <mlp/schema.h>

#include "base/escape.h"
#include "base/memory.h"
#include "base/status.h"
#include "model/network.h"

enum { MAX_NAME = 4096 };

/* `names`: of the whole, of `shift`, and of what there are `count` of, for messages. */
static mlp_status check_scaling(const char *const names[3], size_t count, const float *shift,
                                const float *scale)
{
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(!isfinite(shift[i]), MLP_ERROR_NONFINITE, "%s: %s of %s %zu is %g, expected a finite number",
                names[0], names[1], names[2], i, (double)shift[i]);
        FAIL_IF(!(scale[i] > 0.0f) || !isfinite(scale[i]) || !isfinite(1.0f / scale[i]), MLP_ERROR_RANGE,
                "%s: scale of %s %zu is %g, expected a finite number above 0", names[0], names[2], i,
                (double)scale[i]);
    }
    return MLP_OK;
}

/* Copies of `count` floats of two arrays, and of the second's reciprocals. */
static mlp_status copy_scaling(size_t count, const float *shift, const float *scale, float *kept[3])
{
    for (int i = 0; i < 3; i++) {
        kept[i] = memory_allocate(count, sizeof(float));
    }
    if (kept[0] == NULL || kept[1] == NULL || kept[2] == NULL) {
        for (int i = 0; i < 3; i++) {
            memory_free(kept[i]);
        }
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        kept[0][i] = shift[i];
        kept[1][i] = scale[i];
        kept[2][i] = 1.0f / scale[i];
    }
    return MLP_OK;
}

static void replace_standardization(mlp_network *network, float *mean, float *scale, float *inverse)
{
    memory_free(network->mean);
    memory_free(network->scale);
    memory_free(network->inverse);
    network->mean = mean;
    network->scale = scale;
    network->inverse = inverse;
}

mlp_status mlp_network_set_standardization(mlp_network *network, const float *mean, const float *scale)
{
    REQUIRE_ARGUMENT(network);
    if (mean == NULL && scale == NULL) {
        replace_standardization(network, NULL, NULL, NULL);
        return MLP_OK;
    }
    REQUIRE_ARGUMENT(mean);
    REQUIRE_ARGUMENT(scale);
    static const char *const words[3] = { "standardization", "mean", "input" };
    float *kept[3];
    TRY(check_scaling(words, network->inputs, mean, scale));
    TRY(copy_scaling(network->inputs, mean, scale, kept));
    replace_standardization(network, kept[0], kept[1], kept[2]);
    return MLP_OK;
}

void mlp_network_standardization(const mlp_network *network, const float **mean, const float **scale)
{
    if (mean != NULL) {
        *mean = network != NULL ? network->mean : NULL;
    }
    if (scale != NULL) {
        *scale = network != NULL ? network->scale : NULL;
    }
}

static void replace_output_scaling(mlp_network *network, float *shift, float *scale)
{
    memory_free(network->output_shift);
    memory_free(network->output_scale);
    network->output_shift = shift;
    network->output_scale = scale;
}

mlp_status mlp_network_set_output_scaling(mlp_network *network, const float *shift, const float *scale)
{
    static const char *const words[3] = { "output scaling", "shift", "output" };
    REQUIRE_ARGUMENT(network);
    if (shift == NULL && scale == NULL) {
        replace_output_scaling(network, NULL, NULL);
        return MLP_OK;
    }
    REQUIRE_ARGUMENT(shift);
    REQUIRE_ARGUMENT(scale);
    float *kept[3];
    const size_t outputs = output_layer(network)->units;
    TRY(check_scaling(words, outputs, shift, scale));
    TRY(copy_scaling(outputs, shift, scale, kept));
    memory_free(kept[2]);
    replace_output_scaling(network, kept[0], kept[1]);
    return MLP_OK;
}

void mlp_network_output_scaling(const mlp_network *network, const float **shift, const float **scale)
{
    if (shift != NULL) {
        *shift = network != NULL ? network->output_shift : NULL;
    }
    if (scale != NULL) {
        *scale = network != NULL ? network->output_scale : NULL;
    }
}

mlp_status network_check_name(const char *name)
{
    FAIL_IF(name == NULL || name[0] == '\0', MLP_ERROR_ARGUMENT, "is %s, expected a name",
            name == NULL ? "NULL" : "empty");
    FAIL_IF(strlen(name) > MAX_NAME, MLP_ERROR_RANGE, "has more than %d bytes", MAX_NAME);
    for (const char *text = name; *text != '\0';) {
        const size_t length = utf8_length(text);
        FAIL_IF(length == 0 || utf8_is_control(text), MLP_ERROR_ARGUMENT, "has %s at byte %td",
                length == 0 ? "invalid UTF-8" : "a control character", text - name);
        text += length;
    }
    return MLP_OK;
}

enum { LONGEST_NOTE = 1 << 20 };

mlp_status mlp_network_set_note(mlp_network *network, const char *note)
{
    char *kept = NULL;
    REQUIRE_ARGUMENT(network);
    if (note != NULL && note[0] != '\0') {
        FAIL_IF(strlen(note) > LONGEST_NOTE, MLP_ERROR_RANGE, "note: has more than %d bytes", LONGEST_NOTE);
        for (const char *text = note; *text != '\0';) {
            const size_t length = utf8_length(text);
            FAIL_IF(length == 0, MLP_ERROR_ARGUMENT, "note: has invalid UTF-8 at byte %td", text - note);
            text += length;
        }
        kept = memory_copy_text(note);
        REQUIRE_MEMORY(kept);
    }
    memory_free(network->note);
    network->note = kept;
    return MLP_OK;
}

GETTER(const char *, mlp_network_note, mlp_network, network, network->note, NULL)

static void free_names(char **names, size_t count)
{
    if (names != NULL) {
        for (size_t i = 0; i < count; i++) {
            memory_free(names[i]);
        }
    }
    memory_free(names);
}

static mlp_status check_names(const mlp_network *network, const char *const *names, size_t count)
{
    const size_t units = output_layer(network)->units;
    const size_t expected = units > 1 ? units : 2;
    FAIL_IF(count != expected, MLP_ERROR_SHAPE, "class names: %zu given, expected %zu for %zu output unit%s",
            count, expected, units, units > 1 ? "s" : "");
    for (size_t i = 0; i < count; i++) {
        const mlp_status status = network_check_name(names[i]);
        if (status != MLP_OK) {
            return fail_in(status, "class names: name %zu", i);
        }
    }
    return MLP_OK;
}

mlp_status mlp_network_set_class_names(mlp_network *network, const char *const *names, size_t count)
{
    char **kept = NULL;
    REQUIRE_ARGUMENT(network);
    if (names != NULL || count != 0) {
        REQUIRE_ARGUMENT(names);
        TRY(check_names(network, names, count));
        kept = memory_allocate(count, sizeof(char *));
        REQUIRE_MEMORY(kept);
        for (size_t i = 0; i < count; i++) {
            kept[i] = memory_copy_text(names[i]);
            if (kept[i] == NULL) {
                free_names(kept, count);
                return MLP_ERROR_MEMORY;
            }
        }
    }
    free_names(network->class_names, network->class_name_count);
    network->class_names = kept;
    network->class_name_count = count;
    return MLP_OK;
}

const char *mlp_network_class_name(const mlp_network *network, size_t class_index)
{
    return network != NULL && class_index < network->class_name_count ? network->class_names[class_index]
                                                                      : NULL;
}

GETTER(size_t, mlp_network_class_name_count, mlp_network, network, network->class_name_count, 0)

mlp_status mlp_network_set_schema(mlp_network *network, const mlp_schema *schema)
{
    mlp_schema *reference = NULL;
    REQUIRE_ARGUMENT(network);
    if (schema != NULL) {
        FAIL_IF(mlp_schema_inputs(schema) != network->inputs, MLP_ERROR_SHAPE,
                "schema: makes %zu inputs, the network has %zu", mlp_schema_inputs(schema), network->inputs);
        TRY(mlp_schema_copy(schema, &reference));
    }
    mlp_schema_destroy(&network->schema);
    network->schema = reference;
    return MLP_OK;
}

GETTER(const mlp_schema *, mlp_network_schema, mlp_network, network, network->schema, NULL)
