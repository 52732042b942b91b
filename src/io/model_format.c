/* The formats of model files. */
#include "io/model_format.h"

#include <string.h>

#include "base/memory.h"
#include "base/status.h"

/* The first one is for what none recognizes under a name with none of the suffixes. */
static const struct model_format *const formats[] = { &format_safetensors, &format_onnx };
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* Files of other programs that are no format of models here: their first bytes, and what to do instead.
 * Pickles hold code, which a model file must not. */
static const struct {
    const char *head, *what;
} foreign[] = {
    { "\x89HDF\r\n", "an HDF5 file, as Keras writes (.h5): export the model as ONNX (tf2onnx)" },
    { "PK\3\4",
      "a zip archive, as Keras (.keras) and PyTorch (.pt) write: export the model as ONNX, or save PyTorch's "
      "state_dict with safetensors.torch.save_file()" },
    { "\x80\2",
      "a pickle, as PyTorch and scikit-learn write: export the model as ONNX, or save PyTorch's state_dict "
      "with safetensors.torch.save_file()" },
};

static mlp_status check_foreign(const struct byte_source *source)
{
    unsigned char head[MODEL_HEAD] = { 0 };
    if (byte_source_read(source, 0, head, source->size < MODEL_HEAD ? source->size : MODEL_HEAD) != MLP_OK) {
        return MLP_OK; /* reading it says why */
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        FAIL_IF(memcmp(head, foreign[i].head, strlen(foreign[i].head)) == 0, MLP_ERROR_UNSUPPORTED, "%s: %s",
                source->name, foreign[i].what);
    }
    return MLP_OK;
}

/* By the first bytes; where they say nothing (the file may be damaged) by the name. */
static const struct model_format *format_of(const struct byte_source *source)
{
    const size_t length = strlen(source->name),
                 head_size = source->size < MODEL_HEAD ? source->size : MODEL_HEAD;
    unsigned char head[MODEL_HEAD] = { 0 };
    const bool has_head = byte_source_read(source, 0, head, head_size) == MLP_OK;
    for (size_t i = 0; i < FORMATS; i++) {
        if (has_head && formats[i]->recognizes(head)) {
            return formats[i];
        }
    }
    for (size_t i = 0; i < FORMATS; i++) {
        const size_t suffix = strlen(formats[i]->suffix);
        if (length >= suffix && strcmp(source->name + length - suffix, formats[i]->suffix) == 0) {
            return formats[i];
        }
    }
    return formats[0];
}

mlp_status model_file_open(struct byte_source source, size_t layers, struct model_file *file)
{
    *file = (struct model_file){ .source = source, .path = source.name, .format = format_of(&source) };
    TRY(check_foreign(&source));
    return file->format->open(file, layers);
}

void model_file_close(struct model_file *file)
{
    file->format->close(file);
    description_free(&file->description);
    memory_free(file->layers);
    memory_free(file->content);
    byte_source_close(&file->source);
}
