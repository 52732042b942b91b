/* Features that stay in a file. */
#include "data/feature_file.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/platform.h"
#include "base/read_at.h"
#include "base/status.h"
#include "linalg/vector.h"

enum {
    PIECE = 16384,       /* bytes that wait on the stack to become floats */
    ANNOUNCED = 1 << 17, /* bytes: Linux reads no more ahead of one call than of a sequential reader */
};

size_t feature_size(enum feature_kind kind)
{
    return kind == FEATURE_BYTES ? 1 : sizeof(float);
}

struct feature_file *feature_file_make(int descriptor, const char *path, const struct feature_file *layout)
{
    struct feature_file *file = memory_allocate(1, sizeof *file);
    char *copy = memory_copy_text(path);
    if (file == NULL || copy == NULL) {
        memory_free(file);
        memory_free(copy);
        close(descriptor);
        return NULL;
    }
    *file = *layout;
    file->descriptor = descriptor;
    file->path = copy;
    return file;
}

void feature_file_free(struct feature_file *file)
{
    if (file != NULL) {
        close(file->descriptor);
        memory_free(file->path);
        memory_free(file);
    }
}

static mlp_status read_values(const struct feature_file *file, size_t offset, void *bytes, size_t size)
{
    const size_t got = read_at(file->descriptor, offset, bytes, size);
    if (got == size) {
        return MLP_OK;
    }
    return errno != 0
               ? fail(MLP_ERROR_IO, "%s: cannot read at byte %zu: %s", file->path, offset + got,
                      strerror(errno))
               : fail(MLP_ERROR_FORMAT, "%s: has become shorter: it ends before sample %zu does", file->path,
                      (offset + size - file->start - 1) / (file->inputs * feature_size(file->kind)));
}

static mlp_status read_bytes(const struct feature_file *file, size_t offset, size_t count, float *x)
{
    unsigned char piece[PIECE];
    const struct vector_kernels *kernels = vector_kernels();
    for (size_t done = 0; done < count; done += PIECE) {
        const size_t size = count - done < PIECE ? count - done : (size_t)PIECE;
        TRY(read_values(file, offset + done, piece, size));
        kernels->from_bytes(piece, file->scale, size, x + done);
    }
    return MLP_OK;
}

/* Floats as IDX has them become the machine's, in place. */
static void floats_from_big_endian(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = read_big_endian_32(&values[i]);
        memcpy(&values[i], &bits, sizeof bits);
    }
}

mlp_status feature_file_read(const struct feature_file *file, size_t first, size_t count, float *x)
{
    const size_t values = count * file->inputs, size = feature_size(file->kind);
    const size_t offset = file->start + first * file->inputs * size;
    if (file->kind == FEATURE_BYTES) {
        return read_bytes(file, offset, values, x);
    }
    TRY(read_values(file, offset, x, values * size));
    if (file->kind == FEATURE_FLOATS_BIG_ENDIAN) {
        floats_from_big_endian(x, values);
    }
    return MLP_OK;
}

void feature_file_announce(const struct feature_file *file, size_t first, size_t count)
{
    const size_t size = file->inputs * feature_size(file->kind), end = (first + count) * size;
    for (size_t offset = first * size; offset < end; offset += ANNOUNCED) {
        const size_t piece = end - offset < ANNOUNCED ? end - offset : (size_t)ANNOUNCED;
        platform_read_ahead(file->descriptor, file->start + offset, piece);
    }
}
