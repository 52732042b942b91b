/* Data sets over a caller's arrays, and their storage. */
#include "data/data.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "linalg/blas.h"

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++) {
        memory_free(names[i]);
    }
    memory_free(names);
}

void storage_free(struct storage *storage)
{
    if (storage == NULL) {
        return;
    }
    free_names(storage->class_names, storage->class_count);
    free_names(storage->feature_names, storage->inputs);
    for (size_t i = 0; i < sizeof storage->owned / sizeof storage->owned[0]; i++) {
        memory_free(storage->owned[i]);
    }
    memory_free(storage);
}

mlp_status data_from_storage(struct storage *storage, mlp_data **data)
{
    *data = memory_allocate(1, sizeof **data);
    if (*data == NULL) {
        storage_free(storage);
        return MLP_ERROR_MEMORY;
    }
    atomic_store(&storage->references, 1);
    (*data)->storage = storage;
    (*data)->count = storage->count;
    return MLP_OK;
}

static mlp_status check_shape(const mlp_data_arrays *a)
{
    size_t product;
    if (a->struct_size < sizeof *a) {
        return fail(MLP_ERROR_ARGUMENT, "data arrays: struct_size is %zu, expected at least %zu: start from "
                    "MLP_DATA_ARRAYS_INIT", a->struct_size, sizeof *a);
    }
    if (a->count == 0 || a->inputs == 0 || a->inputs > BLAS_SIZE_LIMIT) {
        return fail(MLP_ERROR_SHAPE, "data arrays: count is %zu and inputs %zu, expected at least 1 of each", a->count,
                    a->inputs);
    }
    if ((a->features == NULL) == (a->bytes == NULL)) {
        return fail(MLP_ERROR_ARGUMENT, "data arrays: %s of features and bytes given, expected one of them",
                    a->features == NULL ? "neither" : "both");
    }
    if (a->classes != NULL && a->values != NULL) {
        return fail(MLP_ERROR_ARGUMENT, "data arrays: both classes and values given, expected at most one of them");
    }
    if ((a->values != NULL) != (a->outputs > 0)) {
        return fail(MLP_ERROR_SHAPE, "data arrays: outputs is %zu, expected %s", a->outputs,
                    a->values != NULL ? "at least 1 with values" : "0 without values");
    }
    if (!size_multiply(a->count, a->inputs, &product) || !size_multiply(a->count, a->outputs, &product)) {
        return fail(MLP_ERROR_SHAPE, "data arrays: %zu samples are more than memory can hold", a->count);
    }
    return MLP_OK;
}

static mlp_status check_values(const char *what, const float *values, size_t count, size_t width)
{
    for (size_t i = 0; values != NULL && i < count * width; i++) {
        if (!isfinite(values[i])) {
            return fail(MLP_ERROR_NONFINITE, "data arrays: sample %zu: %s %zu is %g, expected a finite number",
                        i / width, what, i % width, (double)values[i]);
        }
    }
    return MLP_OK;
}

static mlp_status check_classes(const mlp_data_arrays *a, size_t *class_count)
{
    size_t largest = 0;
    *class_count = 0;
    for (size_t i = 0; a->classes != NULL && i < a->count; i++) {
        if (a->classes[i] < 0 || (a->class_count > 0 && (size_t)a->classes[i] >= a->class_count)) {
            return fail(MLP_ERROR_RANGE, "data arrays: sample %zu: class is %d, expected 0 to %zu", i,
                        (int)a->classes[i], a->class_count > 0 ? a->class_count - 1 : (size_t)INT32_MAX);
        }
        largest = (size_t)a->classes[i] > largest ? (size_t)a->classes[i] : largest;
    }
    if (a->classes != NULL) {
        *class_count = a->class_count > 0 ? a->class_count : largest + 1;
    }
    return MLP_OK;
}

static mlp_status check_weights(const float *weights, size_t count)
{
    for (size_t i = 0; weights != NULL && i < count; i++) {
        if (!(weights[i] >= 0.0f) || !isfinite(weights[i])) {
            return fail(MLP_ERROR_RANGE, "data arrays: sample %zu: weight is %g, expected a finite number of at least 0",
                        i, (double)weights[i]);
        }
    }
    return MLP_OK;
}

mlp_status mlp_data_create(const mlp_data_arrays *arrays, mlp_data **data)
{
    size_t class_count;
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(arrays);
    TRY(check_shape(arrays));
    if (!(arrays->byte_scale >= 0.0) || !isfinite((float)arrays->byte_scale)) {
        return fail(MLP_ERROR_RANGE, "data arrays: byte_scale is %g, expected a finite number above 0",
                    arrays->byte_scale);
    }
    TRY(check_values("feature", arrays->features, arrays->count, arrays->inputs));
    TRY(check_values("target value", arrays->values, arrays->count, arrays->outputs));
    TRY(check_classes(arrays, &class_count));
    TRY(check_weights(arrays->weights, arrays->count));
    struct storage *storage = memory_allocate(1, sizeof *storage);
    if (storage == NULL) {
        return MLP_ERROR_MEMORY;
    }
    storage->count = arrays->count;
    storage->inputs = arrays->inputs;
    storage->features = arrays->features;
    storage->bytes = arrays->bytes;
    storage->byte_scale = (float)(arrays->byte_scale > 0.0 ? arrays->byte_scale : 1.0 / 255.0);
    storage->classes = arrays->classes;
    storage->class_count = class_count;
    storage->values = arrays->values;
    storage->outputs = arrays->outputs;
    storage->weights = arrays->weights;
    return data_from_storage(storage, data);
}

void mlp_data_destroy(mlp_data **data)
{
    if (data == NULL || *data == NULL) {
        return;
    }
    if (atomic_fetch_sub(&(*data)->storage->references, 1) == 1) {
        storage_free((*data)->storage);
    }
    memory_free((*data)->samples);
    memory_free(*data);
    *data = NULL;
}

size_t mlp_data_count(const mlp_data *data)
{
    return data != NULL ? data->count : 0;
}

size_t mlp_data_inputs(const mlp_data *data)
{
    return data != NULL ? data->storage->inputs : 0;
}

size_t mlp_data_class_count(const mlp_data *data)
{
    return data != NULL ? data->storage->class_count : 0;
}

size_t mlp_data_outputs(const mlp_data *data)
{
    return data != NULL ? data->storage->outputs : 0;
}

const char *mlp_data_class_name(const mlp_data *data, size_t class_index)
{
    const bool named = data != NULL && data->storage->class_names != NULL && class_index < data->storage->class_count;
    return named ? data->storage->class_names[class_index] : NULL;
}

const char *mlp_data_feature_name(const mlp_data *data, size_t feature)
{
    const bool named = data != NULL && data->storage->feature_names != NULL && feature < data->storage->inputs;
    return named ? data->storage->feature_names[feature] : NULL;
}
