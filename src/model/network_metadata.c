/* What travels with a network: the standardization of its inputs and the names of its classes. */
#include <math.h>
#include <string.h>

#include "base/escape.h"
#include "base/memory.h"
#include "base/status.h"
#include "model/network.h"

enum { MAX_NAME = 4096 };

static mlp_status check_standardization(const mlp_network *network, const float *mean, const float *scale)
{
    for (size_t i = 0; i < network->inputs; i++) {
        FAIL_IF(!isfinite(mean[i]), MLP_ERROR_NONFINITE,
                "standardization: mean of input %zu is %g, expected a finite number", i, (double)mean[i]);
        FAIL_IF(!(scale[i] > 0.0f) || !isfinite(scale[i]) || !isfinite(1.0f / scale[i]), MLP_ERROR_RANGE,
                "standardization: scale of input %zu is %g, expected a finite number above 0", i,
                (double)scale[i]);
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
    TRY(check_standardization(network, mean, scale));
    float *kept[3];
    for (int i = 0; i < 3; i++) {
        kept[i] = memory_allocate(network->inputs, sizeof(float));
    }
    if (kept[0] == NULL || kept[1] == NULL || kept[2] == NULL) {
        for (int i = 0; i < 3; i++) {
            memory_free(kept[i]);
        }
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < network->inputs; i++) {
        kept[0][i] = mean[i];
        kept[1][i] = scale[i];
        kept[2][i] = 1.0f / scale[i];
    }
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
