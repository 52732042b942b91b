/* ZIP archives: the table of their members. */
#ifndef IO_ZIP_H
#define IO_ZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/text_pool.h"
#include "io/byte_reader.h"

struct zip_entry {
    struct byte_range range;
    bool readable; /* stored or deflated, not encrypted */
};

struct zip {
    const char *path;       /* borrowed */
    int descriptor;         /* -1: none */
    size_t size;            /* of the file */
    struct text_list names; /* of the members ... */
    struct array entries;   /* ... struct zip_entry */
};

/* Reads the table of a file; zip_close() in any case. `reader` is one at the file's beginning; what is no
 * regular file is copied to a temporary one in `folder` (unpacked_file_create()). Errors: FORMAT, IO,
 * MEMORY. Memory is bounded by the file's size. */
mlp_status zip_open(struct byte_reader *reader, const char *folder, struct zip *zip);
void zip_close(struct zip *zip);

/* The member's number, or SIZE_MAX. */
size_t zip_find(const struct zip *zip, const char *name);

/* A reader of a member; `name` is for messages, borrowed as byte_reader_open() does. */
mlp_status zip_open_member(const struct zip *zip, size_t member, const char *name, size_t unpack_limit,
                           struct byte_reader **reader);

#endif
