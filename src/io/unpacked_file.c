/* A temporary file without a name. */
#include "io/unpacked_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/platform.h"
#include "base/status.h"

enum { BUFFER_SIZE = 1 << 18 };

static mlp_status failure(const struct unpacked_file *file, const char *what)
{
    return fail(MLP_ERROR_IO, "%s: cannot %s a temporary file in '%s': %s", file->origin, what, file->folder,
                strerror(errno));
}

static const char *default_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder != NULL && folder[0] != '\0' ? folder : "/var/tmp"; /* /tmp may be memory */
}

mlp_status unpacked_file_create(const char *origin, const char *folder, struct unpacked_file *file)
{
    *file = (struct unpacked_file){ .origin = origin,
                                    .folder = folder != NULL ? folder : default_folder(),
                                    .descriptor = -1 };
    file->buffer = memory_allocate(BUFFER_SIZE, 1);
    REQUIRE_MEMORY(file->buffer);
    file->descriptor = platform_temporary_file(file->folder);
    return file->descriptor >= 0 ? MLP_OK : failure(file, "create");
}

static mlp_status write_all(struct unpacked_file *file, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t done = write(file->descriptor, bytes, platform_piece(size));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return failure(file, "write");
        }
        bytes += done;
        size -= (size_t)done;
    }
    return MLP_OK;
}

mlp_status unpacked_file_append(struct unpacked_file *file, const void *bytes, size_t size)
{
    if (size > BUFFER_SIZE - file->used) {
        TRY(write_all(file, file->buffer, file->used));
        file->used = 0;
    }
    if (size > BUFFER_SIZE) {
        return write_all(file, bytes, size);
    }
    memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return MLP_OK;
}

mlp_status unpacked_file_take(struct unpacked_file *file, int *descriptor)
{
    TRY(write_all(file, file->buffer, file->used));
    file->used = 0;
    *descriptor = file->descriptor;
    file->descriptor = -1;
    return MLP_OK;
}

void unpacked_file_close(struct unpacked_file *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
    }
    memory_free(file->buffer);
    *file = (struct unpacked_file){ .descriptor = -1 };
}
