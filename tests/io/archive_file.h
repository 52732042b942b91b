/* safetensors files made by hand. */
#ifndef IO_ARCHIVE_FILE_H
#define IO_ARCHIVE_FILE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "support/support.h"

/* Opens the archive that a file holds; close_archive() afterwards also when it fails. One at a time. */
static struct byte_source archive_source;

static inline mlp_status open_archive(const char *path, struct safetensors *archive)
{
    *archive = (struct safetensors){ 0 };
    const mlp_status status = byte_source_open(path, &archive_source);
    return status == MLP_OK ? safetensors_open(&archive_source, archive) : status;
}

static inline void close_archive(struct safetensors *archive)
{
    safetensors_close(archive);
    byte_source_close(&archive_source);
}

/* Writes 8 bytes of length, the header as it is, and the data. Returns the path. */
static inline const char *write_archive(const char *name, const char *header, size_t header_size,
                                        const void *data, size_t data_size)
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

/* Flips a bit of a file where it lies: writing the whole file anew costs some file systems a flush each time.
 */
static inline void flip_bit(const char *path, size_t bit)
{
    const int descriptor = open(path, O_RDWR);
    unsigned char byte;
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (unsigned char)(1u << bit % 8);
    assert_int_equal(pwrite(descriptor, &byte, 1, (off_t)(bit / 8)), 1);
    close(descriptor);
}

#endif
