/* Reading a file from front to back, plain or gzip'd (told apart by the two magic bytes 1F 8B), without trusting it.
 *
 * A gzip'd file is checked to its very end: every member's CRC and length, and nothing but members. */
#ifndef IO_BYTE_READER_H
#define IO_BYTE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/status.h>

struct gunzip;

struct byte_reader {
    const char *path;          /* borrowed, for messages */
    const unsigned char *next; /* bytes ready to be taken: the caller may take them itself, by moving both */
    size_t available;
    int descriptor;
    uint64_t file_size; /* of a regular file, UINT64_MAX of a pipe or a device */
    uint64_t delivered; /* bytes made available so far */
    unsigned char *buffer; /* what was read last from the file */
    struct gunzip *gunzip; /* NULL for a plain file */
};

/* Opens a file and makes its first bytes available: as many as it has, up to a buffer's length. On failure there is
 * nothing to close.
 * Errors: IO (the message gives the system's reason), FORMAT, MEMORY, UNSUPPORTED (gzip in a build without zlib). */
mlp_status byte_reader_open(struct byte_reader *reader, const char *path);

void byte_reader_close(struct byte_reader *reader);

/* Makes bytes available when none are; at the end of the data `available` stays 0. */
mlp_status byte_reader_fill(struct byte_reader *reader);

/* Takes exactly `size` bytes. FORMAT when the data end before; `what` says in the message what was being read. */
mlp_status byte_reader_read(struct byte_reader *reader, const char *what, void *out, size_t size);

/* Takes exactly `size` bytes into a new array, which the caller frees. Where the size of the data is not known, the
 * array grows with what really comes: a size that a damaged header claims is never allocated on trust. */
mlp_status byte_reader_read_array(struct byte_reader *reader, const char *what, size_t size, unsigned char **out);

/* FORMAT unless all bytes are taken. */
mlp_status byte_reader_expect_end(struct byte_reader *reader);

/* At most so many bytes are left: exact for a plain file; a gzip'd one holds at most 1032 for each of its bytes
 * (the limit of deflate: 258 bytes for two bits); UINT64_MAX where nothing is known. */
uint64_t byte_reader_left(const struct byte_reader *reader);

#endif
