/* Numbers from the bytes of files, whatever the machine's own order of bytes. */
#ifndef BASE_NUMBER_BITS_H
#define BASE_NUMBER_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Written so that compilers make one load of it. */
static inline uint32_t little_endian_32(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t little_endian_64(const unsigned char *b)
{
    return (uint64_t)little_endian_32(b) | (uint64_t)little_endian_32(b + 4) << 32;
}

/* The whole number of `size` bytes, 1, 2, 4 or 8, which begin with the most or the least significant one. */
static inline uint64_t bits_of_bytes(const unsigned char *b, size_t size, bool big_endian)
{
    switch (size) {
    case 1: return b[0];
    case 2: return big_endian ? (uint32_t)b[0] << 8 | b[1] : (uint32_t)b[1] << 8 | b[0];
    case 4: return big_endian ? __builtin_bswap32(little_endian_32(b)) : little_endian_32(b);
    default: return big_endian ? __builtin_bswap64(little_endian_64(b)) : little_endian_64(b);
    }
}

static inline float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 half: 1 sign, 5 exponent, 10 fraction bits. */
static inline float float_of_half_bits(uint32_t half)
{
    const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 1023u;
    if (exponent == 0) {
        return (sign != 0 ? -0x1p-24f : 0x1p-24f) * (float)fraction;
    }
    return float_of_bits(sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | fraction << 13);
}

#endif
