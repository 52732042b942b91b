/* Data sets: shared storage and a selection of its samples. */
#ifndef DATA_DATA_H
#define DATA_DATA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/data.h>

#include "base/text_pool.h"
#include "data/feature_file.h"

/* Features and targets of all samples of a source; freed with its last data set. */
struct storage {
    atomic_size_t references;
    size_t count;
    size_t inputs;
    const float *features; /* one of these three */
    const uint8_t *bytes;
    struct feature_file *file; /* owned */
    float byte_scale;
    const int32_t *classes; /* one of these two, or neither */
    const float *values;
    size_t class_count;
    size_t outputs;
    const float *weights;           /* or NULL */
    struct text_list class_names;   /* class_count, or none */
    struct text_list feature_names; /* inputs, or none */
    mlp_data_format format;         /* of the file; automatic: there is none */
    void *owned[3];                 /* arrays to free with the storage: features, targets, weights */
};

struct mlp_data {
    struct storage *storage;
    size_t first; /* without `samples`: the run first … first + count − 1 */
    size_t count;
    size_t *samples; /* owned indices into the storage, or NULL for a run */
};

/* Index into the storage of a position in the data set. */
static inline size_t data_sample(const mlp_data *data, size_t position)
{
    return data->samples != NULL ? data->samples[position] : data->first + position;
}

/* Makes a data set that owns `storage` (its only reference). On failure the storage is freed. */
mlp_status data_from_storage(struct storage *storage, mlp_data **data);

/* Frees a storage and all it owns, whatever its count of references. */
void storage_free(struct storage *storage);

/* Gathers `count` samples order[0 … count − 1] (positions in this data set; NULL: position first + i) as
 * float features, sample after sample. Only reading a file can fail (IO, FORMAT). No allocation. Any thread.
 */
mlp_status data_gather_features(const mlp_data *data, const size_t *order, size_t first, size_t count,
                                float *x);

/* Positions first … first + count − 1 will soon be gathered: files begin to be read. */
void data_announce(const mlp_data *data, size_t first, size_t count);

/* Gathers their targets and weights; a NULL destination is left out. */
void data_gather_targets(const mlp_data *data, const size_t *order, size_t first, size_t count,
                         int32_t *classes, float *values, float *weights);

#endif
