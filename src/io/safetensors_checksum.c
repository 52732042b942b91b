/* The checksum of a safetensors file. */
#include "io/safetensors_checksum.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "io/safetensors.h"

static const char prefix[] = "{\"__metadata__\":{\"" CHECKSUM_KEY "\":\"";
enum { PREFIX = sizeof prefix - 1 };

bool checksum_is_there(const char *header, size_t length)
{
    return length >= PREFIX + CHECKSUM_DIGITS && memcmp(header, prefix, PREFIX) == 0;
}

char *checksum_digits(char *header)
{
    return header + PREFIX;
}

void checksum_begin(struct checksum *checksum, const char *header, size_t length)
{
    unsigned char size[SAFETENSORS_LENGTH_BYTES];
    for (size_t i = 0; i < sizeof size; i++) {
        size[i] = (unsigned char)((uint64_t)length >> (8 * i));
    }
    XXH3_64bits_reset(&checksum->state);
    checksum_add(checksum, size, sizeof size);
    checksum_add(checksum, header, PREFIX);
    checksum_add(checksum, CHECKSUM_PLACEHOLDER, CHECKSUM_DIGITS);
    checksum_add(checksum, header + PREFIX + CHECKSUM_DIGITS, length - PREFIX - CHECKSUM_DIGITS);
}

void checksum_add(struct checksum *checksum, const void *bytes, size_t size)
{
    XXH3_64bits_update(&checksum->state, bytes, size);
}

void checksum_end(struct checksum *checksum, char *text)
{
    snprintf(text, CHECKSUM_DIGITS + 1, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(&checksum->state));
}
