/* safetensors files made by hand. */
#ifndef IO_ARCHIVE_FILE_H
#define IO_ARCHIVE_FILE_H

#include <stdlib.h>
#include <string.h>

#include "support/support.h"

/* Writes 8 bytes of length, the header as it is, and the data. Returns the path. */
static inline const char *write_archive(const char *name, const char *header, size_t header_size, const void *data,
                                        size_t data_size)
{
    unsigned char *bytes = malloc(8 + header_size + data_size);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)((uint64_t)header_size >> (8 * i));
    }
    memcpy(bytes + 8, header, header_size);
    if (data_size > 0) {
        memcpy(bytes + 8 + header_size, data, data_size);
    }
    const char *path = test_write_file(name, bytes, 8 + header_size + data_size);
    free(bytes);
    return path;
}

#endif
