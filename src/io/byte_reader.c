/* Sequential reading of a plain or gzip'd file. */
#include "io/byte_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#if MLP_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/memory.h"
#include "base/status.h"

enum { FIRST_PIECE = 1 << 20, ZLIB_LIMIT = 1 << 30 };

struct byte_reader {
    const char *path;
    FILE *plain; /* one of these two */
#if MLP_HAVE_ZLIB
    gzFile gzip;
#endif
};

static mlp_status is_gzip(const char *path, FILE *file, bool *gzip)
{
    unsigned char magic[2];
    const size_t got = fread(magic, 1, 2, file);
    if (ferror(file) || fseek(file, 0, SEEK_SET) != 0) {
        return fail(MLP_ERROR_IO, "%s: cannot read: %s", path, strerror(errno));
    }
    *gzip = got == 2 && magic[0] == 0x1F && magic[1] == 0x8B;
    return MLP_OK;
}

static mlp_status open_gzip(struct byte_reader *reader)
{
#if MLP_HAVE_ZLIB
    reader->gzip = gzopen(reader->path, "rb");
    if (reader->gzip == NULL) {
        return fail(MLP_ERROR_IO, "%s: cannot open: %s", reader->path, strerror(errno));
    }
    return MLP_OK;
#else
    return fail(MLP_ERROR_UNSUPPORTED, "%s: is gzip'd, and this build of libmlp has no zlib: unpack it first",
                reader->path);
#endif
}

static mlp_status open_file(struct byte_reader *reader)
{
    bool gzip = false;
    reader->plain = fopen(reader->path, "rb");
    if (reader->plain == NULL) {
        return fail(MLP_ERROR_IO, "%s: cannot open: %s", reader->path, strerror(errno));
    }
    TRY(is_gzip(reader->path, reader->plain, &gzip));
    if (gzip) {
        fclose(reader->plain);
        reader->plain = NULL;
        return open_gzip(reader);
    }
    return MLP_OK;
}

mlp_status byte_reader_open(const char *path, struct byte_reader **reader)
{
    *reader = memory_allocate(1, sizeof **reader);
    if (*reader == NULL) {
        return MLP_ERROR_MEMORY;
    }
    (*reader)->path = path;
    const mlp_status status = open_file(*reader);
    if (status != MLP_OK) {
        byte_reader_close(*reader);
        *reader = NULL;
    }
    return status;
}

void byte_reader_close(struct byte_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->plain != NULL) {
        fclose(reader->plain);
    }
#if MLP_HAVE_ZLIB
    if (reader->gzip != NULL) {
        gzclose(reader->gzip);
    }
#endif
    memory_free(reader);
}

const char *byte_reader_path(const struct byte_reader *reader)
{
    return reader->path;
}

#if MLP_HAVE_ZLIB
static mlp_status read_gzip(struct byte_reader *reader, void *bytes, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        const size_t left = size - *got;
        const int count = gzread(reader->gzip, (char *)bytes + *got, left < ZLIB_LIMIT ? (unsigned)left : ZLIB_LIMIT);
        int code = Z_OK;
        const char *reason = gzerror(reader->gzip, &code);
        if (count < 0 || (code != Z_OK && code != Z_STREAM_END)) {
            return code == Z_ERRNO    ? fail(MLP_ERROR_IO, "%s: cannot read: %s", reader->path, strerror(errno))
                   : code == Z_MEM_ERROR ? fail(MLP_ERROR_MEMORY, "%s: out of memory", reader->path)
                                         : fail(MLP_ERROR_FORMAT, "%s: damaged or truncated gzip data: %s",
                                                reader->path, reason);
        }
        if (count == 0) {
            break;
        }
        *got += (size_t)count;
    }
    return MLP_OK;
}
#endif

mlp_status byte_reader_read(struct byte_reader *reader, void *bytes, size_t size, size_t *got)
{
#if MLP_HAVE_ZLIB
    if (reader->gzip != NULL) {
        return read_gzip(reader, bytes, size, got);
    }
#endif
    errno = 0;
    *got = fread(bytes, 1, size, reader->plain);
    if (*got < size && ferror(reader->plain)) {
        return fail(MLP_ERROR_IO, "%s: cannot read: %s", reader->path, strerror(errno));
    }
    return MLP_OK;
}

mlp_status byte_reader_exact(struct byte_reader *reader, void *bytes, size_t size, const char *what)
{
    size_t got;
    TRY(byte_reader_read(reader, bytes, size, &got));
    if (got < size) {
        return fail(MLP_ERROR_FORMAT, "%s: the file ends after %zu of %zu bytes of %s", reader->path, got, size, what);
    }
    return MLP_OK;
}

mlp_status byte_reader_array(struct byte_reader *reader, size_t size, const char *what, void **array)
{
    size_t capacity = size < FIRST_PIECE ? size : (size_t)FIRST_PIECE, filled = 0;
    *array = memory_allocate(capacity, 1);
    mlp_status status = *array != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    while (status == MLP_OK) {
        status = byte_reader_exact(reader, (char *)*array + filled, capacity - filled, what);
        filled = capacity;
        if (status != MLP_OK || filled == size) {
            break;
        }
        capacity = size - filled < filled ? size : 2 * filled;
        status = memory_resize(array, filled, capacity, 1);
    }
    if (status != MLP_OK) {
        memory_free(*array);
        *array = NULL;
    }
    return status;
}

mlp_status byte_reader_at_end(struct byte_reader *reader)
{
    char byte;
    size_t got;
    TRY(byte_reader_read(reader, &byte, 1, &got));
    if (got != 0) {
        return fail(MLP_ERROR_FORMAT, "%s: there are bytes after the last value", reader->path);
    }
    return MLP_OK;
}
