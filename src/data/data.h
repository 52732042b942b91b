/* Data sets: shared storage and a selection of its samples. */
#ifndef DATA_DATA_H
#define DATA_DATA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/data.h>

#include "base/text_pool.h"
#include "data/data_source.h"
#include "data/feature_file.h"

struct mlp_schema;

/* Arrays that a storage may own. */
enum storage_array {
    STORAGE_FEATURES,
    STORAGE_TARGETS,
    STORAGE_WEIGHTS,
    STORAGE_GROUPS,
    STORAGE_FLAGS,
    STORAGE_OFFSETS, /* double: subtracted from each input as arrays of numbers were read; or NULL */
    STORAGE_ARRAYS
};

/* Features and targets of all samples of a source; freed with its last data set. */
struct storage {
    atomic_size_t references;
    size_t count;
    size_t inputs;
    const float *features; /* one of these four */
    const uint8_t *bytes;
    struct feature_file *file;  /* owned */
    struct data_source *source; /* owned; of targets and weights, too, whose arrays are NULL then */
    float byte_scale;
    const int32_t *classes; /* one of these two, or neither */
    const float *values;
    size_t class_count;
    size_t outputs;
    const float *weights;           /* or NULL */
    struct text_list class_names;   /* class_count, or none */
    struct text_list feature_names; /* inputs, or none */
    mlp_data_format format;         /* of the file; automatic: there is none */
    const int32_t *groups;          /* number of each sample's group, ≥ 0; or NULL */
    const bool *flags;           /* of each input: it is 0 or 1, and stays so when others are standardized; or
                                       NULL: none is */
    struct text_list ids;        /* one for each sample, or none */
    struct text_list lines;      /* the header's, and one for each sample, or none */
    char *notice, *warnings;     /* of the file that was read, or NULL; owned */
    void *owned[STORAGE_ARRAYS]; /* to free with the storage */
};

struct mlp_data {
    struct storage *storage;
    size_t first; /* without `samples`: the run first … first + count − 1 */
    size_t count;
    size_t *samples; /* owned indices into the storage, or NULL for a run */
    struct mlp_schema
        *filler; /* what fills missing values in as samples are gathered; a reference, or NULL */
};

/* Index into the storage of a position in the data set. */
static inline size_t data_sample(const mlp_data *data, size_t position)
{
    return data->samples != NULL ? data->samples[position] : data->first + position;
}

/* What targets are. (Arrays of them are there only without a source.) */
static inline bool storage_has_classes(const struct storage *storage)
{
    return storage->class_count > 0;
}
static inline bool storage_has_values(const struct storage *storage)
{
    return storage->outputs > 0;
}
static inline bool storage_has_weights(const struct storage *storage)
{
    return storage->weights != NULL || (storage->source != NULL && storage->source->options.weighted != 0);
}
/* Whether samples come in one order alone. */
static inline bool storage_is_sequential(const struct storage *storage)
{
    return storage->source != NULL && storage->source->options.sequential != 0;
}

/* Makes a data set that owns `storage` (its only reference). On failure the storage is freed. */
mlp_status data_from_storage(struct storage *storage, mlp_data **data);

/* Frees a storage and all it owns, whatever its count of references. */
void storage_free(struct storage *storage);

/* Gathers `count` samples, features and targets, from a source in one call for each run of neighbours. A NULL
 * destination is left out; one of targets that the data have not must be NULL. `order` and `first` as below;
 * a source is told the epoch. Errors: IO, FORMAT of files, those of data_source_read(). */
mlp_status data_gather(const mlp_data *data, const size_t *order, const mlp_data_block *block);

/* Gathers `count` samples order[0 … count − 1] (positions in this data set; NULL: position first + i) as
 * float features, sample after sample. Only reading a file or a source can fail. No allocation. Any thread.
 */
mlp_status data_gather_features(const mlp_data *data, const size_t *order, size_t first, size_t count,
                                float *x);

/* Positions first … first + count − 1 will soon be gathered: files begin to be read. */
void data_announce(const mlp_data *data, size_t first, size_t count);

/* Gathers their targets and weights, but not from a source; a NULL destination is left out. */
void data_gather_targets(const mlp_data *data, const size_t *order, size_t first, size_t count,
                         int32_t *classes, float *values, float *weights);

#endif
