/* Formats of model files: each is a file of its own, and a row in model_format.c. The one loader,
 * model_load.c, fills a network from what every format offers. */
#ifndef IO_MODEL_FORMAT_H
#define IO_MODEL_FORMAT_H

#include "io/byte_source.h"
#include "io/model_description.h"

/* A model's file, opened, or its bytes in memory. Tensors are the format's own, known by pointers to them;
 * NULL: the file has none. */
struct model_file {
    struct byte_source source;
    const char *path; /* the source's name */
    const struct model_format *format;
    struct model_description
        description;     /* layers NULL: the file holds tensors alone; of those that were asked
                                             for it has `inputs` and units */
    const void **layers; /* W and b of each layer; owned */
    size_t layer_count;
    const void *mean, *scale, *shift, *output_scale, *class_weights;
    void *content; /* the format's own; owned */
};

enum { MODEL_HEAD = 9 };
struct model_format {
    const char *name;
    const char *suffix; /* of file names */
    /* Whether a file of these first bytes, zeros beyond its end, is of the format. */
    bool (*recognizes)(const unsigned char head[MODEL_HEAD]);
    /* Reads file->source and finds its description and tensors; where `layers` is not 0 the tensors of so
     * many layers, whatever the file says of them. close() afterwards also when it fails. Nothing that the
     * file claims may take more memory than a small multiple of its bytes. */
    mlp_status (*open)(struct model_file *file, size_t layers);
    void (*close)(struct model_file *file);
    /* SHAPE unless the tensor is of that shape; columns 0: a vector. */
    mlp_status (*check)(const struct model_file *file, const void *tensor, size_t rows, size_t columns);
    /* Reads a tensor into a column-major matrix of leading dimension `stride`. NONFINITE where a value is
     * not finite; IO, UNSUPPORTED. */
    mlp_status (*read)(const struct model_file *file, const void *tensor, float *out, size_t stride);
    /* Changes parameters that have been read by what the file has besides; NULL: nothing. */
    mlp_status (*finish)(const struct model_file *file, mlp_network *network);
};

extern const struct model_format format_safetensors, format_onnx;

/* The length of the header, which begins with a brace. */
static inline bool model_is_safetensors(const unsigned char head[MODEL_HEAD])
{
    return head[8] == '{' && head[4] == 0 && head[5] == 0 && head[6] == 0 && head[7] == 0;
}
/* Field 1, the version as a varint of one byte, and another field. */
static inline bool model_is_onnx(const unsigned char head[MODEL_HEAD])
{
    return head[0] == 1 << 3 && head[1] > 0 && head[1] < 128 && head[2] != 0 && !model_is_safetensors(head);
}

/* Opens a model of any format. The source is the model file's from now on; model_file_close() afterwards also
 * when it fails. */
mlp_status model_file_open(struct byte_source source, size_t layers, struct model_file *file);
void model_file_close(struct model_file *file);

#endif
