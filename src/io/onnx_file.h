/* An ONNX model opened for reading: its messages in memory, the tensors' numbers still in their source. */
#ifndef IO_ONNX_FILE_H
#define IO_ONNX_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <onnx.pb-c.h>

#include <mlp/status.h>

#include "io/byte_source.h"

typedef Mlp__Onnx__Model onnx_model;
typedef Mlp__Onnx__Graph onnx_graph;
typedef Mlp__Onnx__Node onnx_node;
typedef Mlp__Onnx__Attribute onnx_attribute;
typedef Mlp__Onnx__Tensor onnx_tensor;

/* TensorProto.DataType */
enum onnx_type {
    ONNX_FLOAT = 1,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_STRING = 8,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11,
    ONNX_BFLOAT16 = 16
};

/* Numbers that onnx_floats() reads at once, at most. */
enum { ONNX_PIECE = 1 << 16 };

struct onnx_file {
    const struct byte_source *source; /* borrowed */
    const char *path;                 /* the source's name */
    size_t budget;                    /* bytes that the messages may still take */
    bool over_budget;                 /* they would have taken more */
    onnx_model *model;
    struct byte_source external; /* of tensors that lie beside the model; name NULL: there are none */
    char *external_path;         /* owned */
    unsigned char *piece;        /* numbers as they are in the file */
};

/* Reads the messages, whose bytes bound the memory that they take. The source stays open until
 * onnx_file_close(), which follows also after a failure. FORMAT, IO, MEMORY. */
mlp_status onnx_file_open(const struct byte_source *source, struct onnx_file *file);
void onnx_file_close(struct onnx_file *file);

/* The messages' bytes without the tensors' numbers, in a new array (memory_free). */
mlp_status onnx_wire_read(struct onnx_file *file, unsigned char **bytes, size_t *size);

/* Opens the file of external data and notes there where its tensors lie. UNSUPPORTED for several files, for
 * one elsewhere and for models in memory; FORMAT for places beyond its end; IO. */
mlp_status onnx_external_open(struct onnx_file *file);
void onnx_external_close(struct onnx_file *file);

/* Number of a tensor's elements, once its type and its data agree with them. FORMAT; UNSUPPORTED for types
 * other than those above. */
mlp_status onnx_tensor_elements(const struct onnx_file *file, const onnx_tensor *tensor, size_t *elements);
/* Elements first … first + count − 1, at most ONNX_PIECE, of a tensor that onnx_tensor_elements() checked.
 * IO. */
mlp_status onnx_floats(const struct onnx_file *file, const onnx_tensor *tensor, size_t first, size_t count,
                       float *out);
mlp_status onnx_doubles(const struct onnx_file *file, const onnx_tensor *tensor, size_t first, size_t count,
                        double *out);

#endif
