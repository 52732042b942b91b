/* safetensors: 8 bytes of little-endian header length, a JSON header, the tensors' bytes. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include <stddef.h>

#include <jansson.h>

#include <mlp/status.h>

#include "io/whole_file.h"

enum { SAFETENSORS_MAX_RANK = 8 };

struct safetensor {
    const char *name; /* in the header's JSON */
    size_t dtype;     /* index of a known type */
    size_t rank;
    size_t shape[SAFETENSORS_MAX_RANK];
    size_t elements;
    const unsigned char *bytes;
    size_t begin; /* offsets from the first tensor's byte */
    size_t end;
};

struct safetensors {
    const char *path; /* borrowed */
    unsigned char *file;
    size_t file_size;
    json_t *header;
    struct safetensor *tensors; /* sorted by name */
    size_t count;
};

/* Reads and checks a file; everything in `archive` is valid afterwards. Ended by safetensors_close(), also
 * after a failure. MLP_ERROR_IO, MLP_ERROR_FORMAT, MLP_ERROR_MEMORY. */
mlp_status safetensors_open(const char *path, struct safetensors *archive);
void safetensors_close(struct safetensors *archive);

/* The tensor of a name, or NULL. */
const struct safetensor *safetensors_find(const struct safetensors *archive, const char *name);

/* The tensor of a name and a shape: rows × columns, or rank 1 where columns is 0. MLP_ERROR_FORMAT when there
 * is none, MLP_ERROR_SHAPE when it is of another shape. */
mlp_status safetensors_require(const struct safetensors *archive, const char *name, size_t rows,
                               size_t columns, const struct safetensor **tensor);
/* MLP_ERROR_SHAPE unless the tensor is of that shape. */
mlp_status safetensor_check_shape(const struct safetensors *archive, const struct safetensor *tensor,
                                  size_t rows, size_t columns);

/* A text of `__metadata__`, or NULL. */
const char *safetensors_metadata(const struct safetensors *archive, const char *key);

/* Name of a tensor's type, e.g. "F32". */
const char *safetensor_type(const struct safetensor *tensor);

/* Says why jansson refused a text (`what`) of the file: MLP_ERROR_MEMORY or MLP_ERROR_FORMAT. */
mlp_status safetensors_json_failure(const struct safetensors *archive, const char *what,
                                    const json_error_t *error);

/* Converts a tensor of type F32, F16 or BF16 to floats. MLP_ERROR_UNSUPPORTED for another type. */
mlp_status safetensor_floats(const struct safetensors *archive, const struct safetensor *tensor, float *out);
/* Reads a tensor of type F64. MLP_ERROR_UNSUPPORTED for another type. */
mlp_status safetensor_doubles(const struct safetensors *archive, const struct safetensor *tensor,
                              double *out);

/* JSON as text, followed by blanks up to a multiple of `multiple` bytes; the caller's (memory_free). NULL
 * when memory is short. (The text of json_dumps() belongs to whatever allocator the application gave
 * jansson.) */
char *safetensors_json_text(const json_t *value, size_t multiple);

/* One tensor to be written, row-major: of float32 `values`, or where that is NULL of float64 `doubles`. */
struct safetensor_output {
    char name[64];
    size_t rows;
    size_t columns;      /* 0: rank 1 */
    const float *values; /* entry (i, j) is values[i + j·leading_dimension] */
    size_t leading_dimension;
    const double *doubles; /* entry (i, j) is doubles[i·columns + j] */
};

/* Writes metadata (an object of texts) and tensors. Crash-safe. */
mlp_status safetensors_write(const char *path, const json_t *metadata,
                             const struct safetensor_output *tensors, size_t count);

#endif
