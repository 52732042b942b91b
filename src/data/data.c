/* Data sets: creation from a caller's arrays, shared storage, and what a set can be asked. */
#include "data/data.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <mlp/schema.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"

void storage_free(struct storage *storage)
{
    if (storage == NULL) {
        return;
    }
    text_list_free(&storage->class_names);
    text_list_free(&storage->feature_names);
    text_list_free(&storage->ids);
    text_list_free(&storage->lines);
    memory_free(storage->notice);
    memory_free(storage->warnings);
    feature_file_free(storage->file);
    data_source_free(storage->source);
    for (size_t i = 0; i < sizeof storage->owned / sizeof storage->owned[0]; i++) {
        memory_free(storage->owned[i]);
    }
    memory_free(storage);
}

mlp_status data_from_storage(struct storage *storage, mlp_data **data)
{
    mlp_data *made = memory_allocate(1, sizeof *made);
    *data = made;
    if (made == NULL) {
        storage_free(storage);
        return MLP_ERROR_MEMORY;
    }
    atomic_init(&storage->references, 1);
    made->storage = storage;
    made->count = storage->count;
    return MLP_OK;
}

void mlp_data_destroy(mlp_data **data)
{
    if (data == NULL || *data == NULL) {
        return;
    }
    struct storage *storage = (*data)->storage;
    /* release: our reads come before the free; acquire: the freeing thread sees the others done */
    if (atomic_fetch_sub_explicit(&storage->references, 1, memory_order_acq_rel) == 1) {
        storage_free(storage);
    }
    mlp_schema_destroy(&(*data)->filler);
    memory_free((*data)->samples);
    memory_free(*data);
    *data = NULL;
}

static mlp_status check_sources(const mlp_data_arrays *a)
{
    size_t size;
    FAIL_IF(a->count == 0 || a->inputs == 0, MLP_ERROR_RANGE,
            "data arrays: count is %zu and inputs is %zu, expected at least 1", a->count, a->inputs);
    FAIL_IF((a->features == NULL) == (a->bytes == NULL), MLP_ERROR_ARGUMENT,
            "data arrays: %s of features and bytes is set, expected one of them",
            a->features == NULL ? "none" : "each");
    FAIL_IF(a->classes != NULL && a->values != NULL, MLP_ERROR_ARGUMENT,
            "data arrays: classes and values are both set, expected one or neither");
    FAIL_IF(a->class_count > 0 && a->classes == NULL, MLP_ERROR_ARGUMENT,
            "data arrays: class_count is %zu, but classes is NULL", a->class_count);
    FAIL_IF(a->class_count > (size_t)INT32_MAX, MLP_ERROR_RANGE,
            "data arrays: class_count is %zu, expected at most %d", a->class_count, INT32_MAX);
    FAIL_IF((a->outputs > 0) != (a->values != NULL), MLP_ERROR_ARGUMENT,
            "data arrays: outputs is %zu and values is %s, expected both or neither", a->outputs,
            a->values != NULL ? "set" : "NULL");
    FAIL_IF(!size_multiply(a->count, a->inputs, &size) || !size_multiply(size, sizeof(float), &size) ||
                !size_multiply(a->count, a->outputs, &size) || !size_multiply(size, sizeof(float), &size),
            MLP_ERROR_SHAPE, "data arrays: %zu samples of %zu inputs and %zu outputs do not fit the memory",
            a->count, a->inputs, a->outputs);
    return MLP_OK;
}

static mlp_status check_byte_scale(const mlp_data_arrays *a)
{
    FAIL_IF(a->bytes != NULL && a->byte_scale != 0.0 &&
                !(a->byte_scale >= (double)FLT_MIN && a->byte_scale <= (double)FLT_MAX / 256.0),
            MLP_ERROR_RANGE, "data arrays: byte_scale is %g, expected a number from %g to %g, or 0 for 1/255",
            a->byte_scale, (double)FLT_MIN, (double)FLT_MAX / 256.0);
    return MLP_OK;
}

/* `what` names an entry of a sample: "feature". NULL is fine. */
static mlp_status check_finite(const float *values, size_t count, size_t width, const char *what)
{
    const size_t size = values != NULL ? count * width : 0;
    for (size_t i = 0; i < size; i++) {
        FAIL_IF(!isfinite(values[i]), MLP_ERROR_NONFINITE,
                "data arrays: sample %zu, %s %zu is %g, expected a finite number", i / width, what, i % width,
                (double)values[i]);
    }
    return MLP_OK;
}

/* Class indices below class_count, where that is given, and below INT32_MAX, so that their number is an index
 * too. */
static mlp_status check_classes(const mlp_data_arrays *a, size_t *class_count)
{
    const int32_t end = a->class_count > 0 ? (int32_t)a->class_count : INT32_MAX;
    int32_t largest = 0;
    *class_count = 0;
    if (a->classes == NULL) {
        return MLP_OK;
    }
    for (size_t i = 0; i < a->count; i++) {
        const int32_t class_index = a->classes[i];
        FAIL_IF(class_index < 0 || class_index >= end, MLP_ERROR_RANGE,
                "data arrays: sample %zu: class is %d, expected 0 to %d", i, (int)class_index, (int)end - 1);
        largest = class_index > largest ? class_index : largest;
    }
    *class_count = a->class_count > 0 ? a->class_count : (size_t)largest + 1;
    return MLP_OK;
}

static mlp_status check_weights(const mlp_data_arrays *a)
{
    TRY(check_finite(a->weights, a->count, 1, "weight"));
    const size_t count = a->weights != NULL ? a->count : 0;
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(a->weights[i] < 0.0f, MLP_ERROR_RANGE,
                "data arrays: sample %zu: weight is %g, expected at least 0", i, (double)a->weights[i]);
    }
    return MLP_OK;
}

mlp_status mlp_data_create(const mlp_data_arrays *arrays, mlp_data **data)
{
    mlp_data_arrays accepted;
    size_t class_count = 0;
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(arrays);
    TRY(ACCEPT_OPTIONS(mlp_data_arrays, MLP_DATA_ARRAYS_INIT, arrays, &accepted));
    arrays = &accepted;
    TRY(check_sources(arrays));
    TRY(check_byte_scale(arrays));
    TRY(check_finite(arrays->features, arrays->count, arrays->inputs, "feature"));
    TRY(check_finite(arrays->values, arrays->count, arrays->outputs, "target value"));
    TRY(check_classes(arrays, &class_count));
    TRY(check_weights(arrays));
    struct storage *storage = memory_allocate(1, sizeof *storage);
    REQUIRE_MEMORY(storage);
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

mlp_status mlp_data_create_from_source(const mlp_data_source *source, mlp_data **data)
{
    mlp_data_source accepted;
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(source);
    TRY(data_source_accept(source, &accepted));
    struct storage *storage = memory_allocate(1, sizeof *storage);
    REQUIRE_MEMORY(storage);
    storage->count = accepted.count;
    storage->inputs = accepted.inputs;
    storage->class_count = accepted.class_count;
    storage->outputs = accepted.outputs;
    storage->source = data_source_make(&accepted);
    if (storage->source == NULL) {
        storage_free(storage);
        return MLP_ERROR_MEMORY;
    }
    return data_from_storage(storage, data);
}

GETTER(size_t, mlp_data_count, mlp_data, data, data->count, 0)
GETTER(size_t, mlp_data_inputs, mlp_data, data, data->storage->inputs, 0)
GETTER(size_t, mlp_data_class_count, mlp_data, data, data->storage->class_count, 0)
GETTER(size_t, mlp_data_outputs, mlp_data, data, data->storage->outputs, 0)

/* NULL where the list has no such text. */
static const char *text_or_null(const struct text_list *list, size_t index)
{
    return index < text_list_count(list) ? text_list_get(list, index) : NULL;
}

const char *mlp_data_class_name(const mlp_data *data, size_t class_index)
{
    return data != NULL ? text_or_null(&data->storage->class_names, class_index) : NULL;
}

const char *mlp_data_feature_name(const mlp_data *data, size_t feature)
{
    return data != NULL ? text_or_null(&data->storage->feature_names, feature) : NULL;
}

const char *mlp_data_id(const mlp_data *data, size_t sample)
{
    return data != NULL && sample < data->count ? text_or_null(&data->storage->ids, data_sample(data, sample))
                                                : NULL;
}

const char *mlp_data_line(const mlp_data *data, size_t sample)
{
    return data != NULL && sample < data->count
               ? text_or_null(&data->storage->lines, 1 + data_sample(data, sample))
               : NULL;
}

GETTER(const char *, mlp_data_line_header, mlp_data, data, text_or_null(&data->storage->lines, 0), NULL)
GETTER(const char *, mlp_data_notice, mlp_data, data, data->storage->notice, NULL)
GETTER(const char *, mlp_data_warnings, mlp_data, data, data->storage->warnings, NULL)
GETTER(mlp_data_format, mlp_data_file_format, mlp_data, data, data->storage->format,
       MLP_DATA_FORMAT_AUTOMATIC)
