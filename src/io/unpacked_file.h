/* A temporary file without a name, which goes away with its descriptor: what had to be unpacked or parsed
 * before it can be read at any place. */
#ifndef IO_UNPACKED_FILE_H
#define IO_UNPACKED_FILE_H

#include <stddef.h>

#include <mlp/status.h>

struct unpacked_file {
    const char *origin; /* what it is made of, for messages; borrowed */
    const char *folder; /* where it lies; borrowed */
    int descriptor;     /* -1: none */
    unsigned char *buffer;
    size_t used;
};

/* Creates it in `folder`; NULL: in that of the environment variable TMPDIR, or in /var/tmp.
 * unpacked_file_close() in any case.
 * Errors: IO, MEMORY. */
mlp_status unpacked_file_create(const char *origin, const char *folder, struct unpacked_file *file);
mlp_status unpacked_file_append(struct unpacked_file *file, const void *bytes, size_t size);
/* All is written: *descriptor is the caller's. */
mlp_status unpacked_file_take(struct unpacked_file *file, int *descriptor);
void unpacked_file_close(struct unpacked_file *file);

#endif
