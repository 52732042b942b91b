/* Reads a file both ways, loaded and opened, and expects the same of them: status, text, and every sample. */
#ifndef IO_LOAD_AND_OPEN_H
#define IO_LOAD_AND_OPEN_H

#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include <mlp/data.h>

static inline void assert_same_data(const mlp_data *a, const mlp_data *b)
{
    const size_t count = mlp_data_count(a), inputs = mlp_data_inputs(a), outputs = mlp_data_outputs(a);
    assert_int_equal(mlp_data_count(b), count);
    assert_int_equal(mlp_data_inputs(b), inputs);
    assert_int_equal(mlp_data_outputs(b), outputs);
    assert_int_equal(mlp_data_class_count(b), mlp_data_class_count(a));
    float *x[2], *values[2];
    int32_t *classes[2];
    for (int i = 0; i < 2; i++) {
        x[i] = calloc(count * inputs, sizeof *x[i]);
        values[i] = outputs > 0 ? calloc(count * outputs, sizeof *values[i]) : NULL;
        classes[i] = mlp_data_class_count(a) > 0 ? calloc(count, sizeof *classes[i]) : NULL;
        assert_ok(mlp_data_read(i == 0 ? a : b, 0, count, x[i], classes[i], values[i]));
    }
    assert_memory_equal(x[0], x[1], count * inputs * sizeof **x);
    assert_true(values[0] == NULL || memcmp(values[0], values[1], count * outputs * sizeof **values) == 0);
    assert_true(classes[0] == NULL || memcmp(classes[0], classes[1], count * sizeof **classes) == 0);
    for (size_t c = 0; c < mlp_data_class_count(a) && mlp_data_class_name(a, c) != NULL; c++) {
        assert_string_equal(mlp_data_class_name(a, c), mlp_data_class_name(b, c));
    }
    for (int i = 0; i < 2; i++) {
        free(x[i]);
        free(values[i]);
        free(classes[i]);
    }
}

/* Compares what came of both; memory may run out in one of them alone. The opened data are destroyed. */
static inline mlp_status same_outcome(mlp_status opened, const char *text, mlp_data *open, mlp_status loaded,
                                      const mlp_data *load)
{
    if (loaded != MLP_ERROR_MEMORY) {
        assert_int_equal(opened, loaded);
    }
    if (loaded == MLP_OK) {
        assert_same_data(load, open);
    } else if (loaded != MLP_ERROR_MEMORY && strncmp(text, "mlp_data_", 9) != 0) {
        assert_string_equal(text, mlp_last_error());
    }
    mlp_data_destroy(&open);
    return loaded;
}

static inline mlp_status read_idx(const char *features, const char *labels, mlp_data **data)
{
    mlp_data *open = NULL;
    const mlp_status opened = mlp_data_open_idx(features, labels, NULL, data != NULL ? &open : NULL);
    char text[1024];
    strcpy(text, mlp_last_error());
    if (opened == MLP_ERROR_MEMORY) {
        *data = NULL;
        return opened;
    }
    const mlp_status loaded = mlp_data_load_idx(features, labels, data);
    return same_outcome(opened, text, open, loaded, data != NULL ? *data : NULL);
}

static inline mlp_status read_csv(const char *path, const mlp_csv_options *options, mlp_data **data)
{
    mlp_data *open = NULL;
    const mlp_status opened = mlp_data_open_csv(path, options, NULL, data != NULL ? &open : NULL);
    char text[1024];
    strcpy(text, mlp_last_error());
    if (opened == MLP_ERROR_MEMORY) {
        *data = NULL;
        return opened;
    }
    const mlp_status loaded = mlp_data_load_csv(path, options, data);
    return same_outcome(opened, text, open, loaded, data != NULL ? *data : NULL);
}

#endif
