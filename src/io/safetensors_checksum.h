/* The checksum of a safetensors file: XXH3 (64 bits) of all its bytes, its own digits taken as zeros.
 *
 * It is the first member of the metadata, so that its place is known before anything is parsed:
 * {"__metadata__":{"checksum":"0123456789abcdef",… A file whose header begins otherwise has none. */
#ifndef IO_SAFETENSORS_CHECKSUM_H
#define IO_SAFETENSORS_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define CHECKSUM_KEY "checksum"
#define CHECKSUM_PLACEHOLDER "0000000000000000"
enum { CHECKSUM_DIGITS = 16 };

struct checksum {
    XXH3_state_t state;
};

/* Whether a header has one, and its digits then. */
bool checksum_is_there(const char *header, size_t length);
char *checksum_digits(char *header);

/* Begins with the header, its length before it; then the tensors' bytes; the digits in the end, with a
 * NUL. */
void checksum_begin(struct checksum *checksum, const char *header, size_t length);
void checksum_add(struct checksum *checksum, const void *bytes, size_t size);
void checksum_end(struct checksum *checksum, char *text);

#endif
