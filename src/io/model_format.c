/* The formats of model files. */
#include "io/model_format.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* The first one is for what none recognizes under a name with none of the suffixes. */
static const struct model_format *const formats[] = { &format_safetensors, &format_onnx };
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* By the file's first bytes; where they say nothing (it may be damaged, or not there) by its name. */
static const struct model_format *format_of(const char *path)
{
    const size_t length = strlen(path);
    unsigned char head[MODEL_HEAD] = { 0 };
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not keep us waiting */
    if (file >= 0) {
        const bool has_head = read(file, head, sizeof head) > 0;
        close(file);
        for (size_t i = 0; i < FORMATS; i++) {
            if (has_head && formats[i]->recognizes(head)) {
                return formats[i];
            }
        }
    }
    for (size_t i = 0; i < FORMATS; i++) {
        const size_t suffix = strlen(formats[i]->suffix);
        if (length > suffix && strcmp(path + length - suffix, formats[i]->suffix) == 0) {
            return formats[i];
        }
    }
    return formats[0];
}

mlp_status model_file_open(const char *path, size_t layers, struct model_file *file)
{
    *file = (struct model_file){ .path = path, .format = format_of(path) };
    return file->format->open(file, layers);
}

void model_file_close(struct model_file *file)
{
    file->format->close(file);
    description_free(&file->description);
    memory_free(file->layers);
    memory_free(file->content);
}
