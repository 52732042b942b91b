/* Where a file's bytes go: into a file that appears whole or not at all, or into memory. */
#ifndef IO_BYTE_SINK_H
#define IO_BYTE_SINK_H

#include "base/array.h"
#include "io/whole_file.h"

struct byte_sink {
    const char *name;     /* the file's path, or what to call the memory; for messages; borrowed */
    struct array *memory; /* of bytes, borrowed; NULL: a file */
    struct whole_file file;
};

static inline struct byte_sink byte_sink_file(const char *path)
{
    return (struct byte_sink){ .name = path };
}
static inline struct byte_sink byte_sink_memory(struct array *memory)
{
    return (struct byte_sink){ .name = "memory", .memory = memory };
}

/* Begins: whole_file_begin(), or makes room for `size` bytes of memory, which is the size in the end where
 * that is known. On failure there is nothing to end. */
mlp_status byte_sink_begin(struct byte_sink *sink, size_t size);
mlp_status byte_sink_write(struct byte_sink *sink, const void *bytes, size_t size);
/* Puts bytes in the place of some that were written. */
mlp_status byte_sink_overwrite(struct byte_sink *sink, size_t offset, const void *bytes, size_t size);
/* whole_file_end(); memory is emptied where `status` is not MLP_OK. Returns the first failure. */
mlp_status byte_sink_end(struct byte_sink *sink, mlp_status status);

#endif
