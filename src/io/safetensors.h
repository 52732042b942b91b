/* safetensors: 8 bytes of little-endian header length, a JSON header, the tensors' bytes. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <mlp/status.h>

#include "io/byte_sink.h"
#include "io/byte_source.h"
#include "io/json_reader.h"

/* The limit of the header is the format's own. */
enum { SAFETENSORS_MAX_RANK = 8, SAFETENSORS_LENGTH_BYTES = 8, SAFETENSORS_MAX_HEADER = 100000000 };

/* Floats of an archive's piece. */
enum { SAFETENSORS_PIECE = 1 << 18 };

struct tensor_type {
    const char *name;
    size_t size;
    void (*to_floats)(const unsigned char *bytes, size_t count,
                      float *out); /* NULL: no network's parameters */
};

struct safetensor {
    const char *name; /* in the header */
    const struct tensor_type *type;
    size_t rank;
    size_t shape[SAFETENSORS_MAX_RANK];
    size_t elements; /* the product of shape */
    size_t begin;    /* offsets from the first tensor's byte */
    size_t end;
};

struct safetensors {
    const struct byte_source *source; /* borrowed */
    const char *path;                 /* the source's name */
    size_t data;                      /* offset of the first tensor's byte */
    char *header;                     /* its texts */
    struct json_document document;
    const struct json_node *metadata; /* an object of texts; NULL: none */
    bool has_checksum;                /* which the file's bytes agree with */
    float *piece;                     /* of a tensor that is being read */
    struct safetensor *tensors;       /* sorted by name */
    size_t count;
};

/* Verifies the checksum where there is one, and reads and checks the header, whose size alone bounds the
 * memory that is taken. The source stays open until safetensors_close(), which follows also after a failure.
 * MLP_ERROR_IO, MLP_ERROR_FORMAT, MLP_ERROR_MEMORY. */
mlp_status safetensors_open(const struct byte_source *source, struct safetensors *archive);
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

/* A type by its name, or NULL. */
const struct tensor_type *tensor_type_of(const char *name);

/* Name of a tensor's type, e.g. "F32". */
const char *safetensor_type(const struct safetensor *tensor);

/* Reads the JSON that a text of `__metadata__` holds, once: the text is gone afterwards. json_document_free()
 * afterwards in any case. MLP_ERROR_FORMAT also where there is no such text. */
mlp_status safetensors_metadata_json(const struct safetensors *archive, const char *key,
                                     struct json_document *document);

/* Reads a tensor of type F64, F32, F16 or BF16, of rank 2 (row-major in the file) or less, into the
 * column-major matrix `out` of leading dimension `stride`: entry (i, j) to out[i + j·stride].
 * MLP_ERROR_UNSUPPORTED for another type, MLP_ERROR_NONFINITE where a value is not finite; MLP_ERROR_IO. */
mlp_status safetensor_matrix(struct safetensors *archive, const struct safetensor *tensor, float *out,
                             size_t stride);
/* out (columns of `stride`) = the transpose of `rows` × `columns` values, row after row in lines of `line`.
 * Tile by tile, so that each of the cache's lines is written at once. */
void matrix_transpose(const float *values, size_t rows, size_t columns, size_t line, float *out,
                      size_t stride);
/* Reads a tensor of type F64, whatever its values. MLP_ERROR_UNSUPPORTED for another type; MLP_ERROR_IO. */
mlp_status safetensor_doubles(struct safetensors *archive, const struct safetensor *tensor, double *out);

/* Reads a tensor of type U8. MLP_ERROR_UNSUPPORTED for another type; MLP_ERROR_IO. */
mlp_status safetensor_bytes(struct safetensors *archive, const struct safetensor *tensor, unsigned char *out);

/* JSON as text, followed by blanks up to a multiple of `multiple` bytes; the caller's (memory_free). NULL
 * when memory is short. (The text of json_dumps() belongs to whatever allocator the application gave
 * jansson.) */
char *safetensors_json_text(const json_t *value, size_t multiple);

/* One tensor to be written, row-major: of float32 `values`, float64 `doubles` or `bytes`, whichever is not
 * NULL. */
struct safetensor_output {
    char name[64];
    size_t rows;
    size_t columns;      /* 0: rank 1 */
    const float *values; /* entry (i, j) is values[i + j·leading_dimension] */
    size_t leading_dimension;
    const double *doubles;      /* entry (i, j) is doubles[i·columns + j] */
    const unsigned char *bytes; /* likewise */
    /* Puts `values` where they are to be read, before this tensor is written; or NULL. */
    mlp_status (*fetch)(void *context, size_t number);
    void *fetch_context;
    size_t fetch_number;
};

/* Writes metadata (an object of texts) and tensors; `with_checksum`: with one over all of it. A file appears
 * whole or not at all; the sink has not begun before, and has ended afterwards.
 * What safetensors_open() and safetensor_matrix() would refuse is refused: MLP_ERROR_UNSUPPORTED for a
 * header beyond the format's limit, MLP_ERROR_NONFINITE for a float that is not finite. */
mlp_status safetensors_write(struct byte_sink *sink, const json_t *metadata,
                             const struct safetensor_output *tensors, size_t count, bool with_checksum);

/* A tensor's float `values` alone, as such a file has them: row-major, little-endian. IO, MEMORY, NONFINITE.
 * */
mlp_status safetensor_floats_write(struct byte_sink *sink, const struct safetensor_output *tensor);

#endif
