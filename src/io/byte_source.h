/* Bytes that can be read at any place: a regular file's, or a caller's in memory.
 *
 * A file is read, not mapped: one that becomes shorter meanwhile is an error, not a signal. */
#ifndef IO_BYTE_SOURCE_H
#define IO_BYTE_SOURCE_H

#include <stddef.h>

#include <mlp/status.h>

struct byte_source {
    const char *name;           /* the file's path, or what to call the memory; for messages; borrowed */
    const unsigned char *bytes; /* borrowed; NULL: a file */
    int descriptor;             /* of the file */
    size_t size;
};

/* Opens a regular file; after a failure there is nothing to close. MLP_ERROR_IO. */
mlp_status byte_source_open(const char *path, struct byte_source *source);
/* `size` bytes of the caller's. */
struct byte_source byte_source_memory(const void *bytes, size_t size);
void byte_source_close(struct byte_source *source);

/* Copies `size` bytes from `offset` on, which the source had when it was opened. MLP_ERROR_IO;
 * MLP_ERROR_FORMAT where the file has become shorter. */
mlp_status byte_source_read(const struct byte_source *source, size_t offset, void *bytes, size_t size);

#endif
