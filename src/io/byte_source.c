/* Bytes of a file or of memory. */
#include "io/byte_source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/platform.h"
#include "base/read_at.h"
#include "base/memory.h"
#include "base/status.h"

mlp_status byte_source_open(const char *path, struct byte_source *source)
{
    struct stat facts;
    /* a pipe that nobody writes must not block */
    *source = (struct byte_source){ .name = path, .descriptor = platform_open_file(path, false) };
    FAIL_IF(source->descriptor < 0, MLP_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    mlp_status status = MLP_OK;
    if (fstat(source->descriptor, &facts) != 0) {
        status = fail(MLP_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    } else if (!S_ISREG(facts.st_mode)) {
        status = fail(MLP_ERROR_IO, "%s: is not a regular file", path);
    } else if (size_from((uint64_t)facts.st_size) == SIZE_MAX) {
        status = fail(MLP_ERROR_UNSUPPORTED, "%s: the file has more bytes than this processor's sizes count",
                      path);
    }
    if (status != MLP_OK) {
        byte_source_close(source);
        return status;
    }
    source->size = (size_t)facts.st_size;
    return MLP_OK;
}

struct byte_source byte_source_memory(const void *bytes, size_t size)
{
    return (struct byte_source){ .name = "memory", .bytes = bytes, .descriptor = -1, .size = size };
}

void byte_source_close(struct byte_source *source)
{
    if (source->descriptor >= 0) {
        close(source->descriptor);
    }
    source->descriptor = -1;
}

mlp_status byte_source_read(const struct byte_source *source, size_t offset, void *bytes, size_t size)
{
    MLP_ASSERT(offset <= source->size && size <= source->size - offset);
    if (size == 0) {
        return MLP_OK;
    }
    if (source->bytes != NULL) {
        memcpy(bytes, source->bytes + offset, size);
        return MLP_OK;
    }
    const size_t got = read_at(source->descriptor, offset, bytes, size);
    FAIL_IF(got < size && errno == 0, MLP_ERROR_FORMAT, "%s: became shorter while it was read", source->name);
    FAIL_IF(got < size, MLP_ERROR_IO, "%s: cannot read: %s", source->name, strerror(errno));
    return MLP_OK;
}
