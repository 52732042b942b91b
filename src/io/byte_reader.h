/* Sequential reading of a plain or gzip'd file. */
#ifndef IO_BYTE_READER_H
#define IO_BYTE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/status.h>

struct byte_reader; /* opaque */

/* Opens a file; "-" is standard input. *reader is the caller's, closed by byte_reader_close(); NULL on
 * failure. The path is borrowed until then, for messages. `unpack_limit`: bytes that a gzip'd file may unpack
 * to; 0: 1 GiB, or 100 times what it takes packed where that is more. MLP_ERROR_UNSUPPORTED for a gzip'd file
 * in a build without zlib. */
mlp_status byte_reader_open(const char *path, size_t unpack_limit, struct byte_reader **reader);
void byte_reader_close(struct byte_reader *reader);

/* Bytes that a gzip'd file may unpack to by then, of which `packed` bytes have been read. */
size_t byte_reader_limit(size_t unpack_limit, size_t packed);

/* A part of a file, as archives have them. */
struct byte_range {
    size_t offset, packed, unpacked; /* bytes */
    uint32_t checksum;               /* CRC-32 of the unpacked ones */
    bool deflated;                   /* otherwise they are stored */
};

/* Opens a part of a file; byte_reader_at_end() compares size and checksum. `name` stands for the path; the
 * descriptor stays the caller's. UNSUPPORTED in a build without zlib. */
mlp_status byte_reader_open_range(const char *name, int descriptor, const struct byte_range *range,
                                  size_t unpack_limit, struct byte_reader **reader);

/* Of standard input: the next reader begins where this one did. No more than the head was read; other files
 * begin anew anyway. */
void byte_reader_give_back(struct byte_reader *reader);

enum { BYTE_READER_HEAD = 512 };

/* The first bytes of the (unpacked) file, at most BYTE_READER_HEAD, which are still to be read. Before
 * anything is read. Errors: as byte_reader_read(). */
mlp_status byte_reader_head(struct byte_reader *reader, const unsigned char **head, size_t *size);

/* Reads up to `size` bytes; *got is less than `size` only at the end of the file. MLP_ERROR_IO, or
 * MLP_ERROR_FORMAT for a damaged or truncated gzip stream, MLP_ERROR_RANGE for one beyond its limit. */
mlp_status byte_reader_read(struct byte_reader *reader, void *bytes, size_t size, size_t *got);

/* Reads exactly `size` bytes; `what` names them in the message of MLP_ERROR_FORMAT when the file ends before.
 */
mlp_status byte_reader_exact(struct byte_reader *reader, void *bytes, size_t size, const char *what);

/* The same for a piece of something larger: `done` of its `total` bytes were read before. */
mlp_status byte_reader_piece(struct byte_reader *reader, void *bytes, size_t size, size_t done, size_t total,
                             const char *what);

/* Reads exactly `size` bytes into a new array, which grows with what is really there: a file that promises
 * more than it holds costs no more memory than it holds. */
mlp_status byte_reader_array(struct byte_reader *reader, size_t size, const char *what, void **array);

/* MLP_ERROR_FORMAT unless the file ends here. */
mlp_status byte_reader_at_end(struct byte_reader *reader);

/* A descriptor of its own for reading the file's bytes at any place, and the file's size; -1 where that
 * cannot be: it is gzip'd, no regular file, or larger than a size_t. */
int byte_reader_regular_file(const struct byte_reader *reader, size_t *size);

const char *byte_reader_path(const struct byte_reader *reader);

#endif
