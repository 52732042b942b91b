/* A value of an array of numbers from its bytes. */
#ifndef IO_NUMBER_VALUE_H
#define IO_NUMBER_VALUE_H

#include <stdint.h>

#include "base/number_bits.h"
#include "io/number_array.h"

/* Two's complement of `size` bytes. */
static inline int64_t value_signed(uint64_t bits, size_t size)
{
    const unsigned shift = 64 - 8 * (unsigned)size;
    return (int64_t)(bits << shift) >> shift;
}

static inline double value_double(const struct number_array *a, const unsigned char *bytes)
{
    const uint64_t bits = bits_of_bytes(bytes, a->size, a->big_endian);
    if (a->kind != VALUE_FLOAT) {
        return a->kind == VALUE_SIGNED ? (double)value_signed(bits, a->size) : (double)bits;
    }
    switch (a->size) {
    case 2: return (double)float_of_half_bits((uint32_t)bits);
    case 4: return (double)float_of_bits((uint32_t)bits);
    default: return double_of_bits(bits);
    }
}

/* Rounded once: a whole number of 64 bits is none of double's. */
static inline float value_float(const struct number_array *a, const unsigned char *bytes)
{
    if (a->kind == VALUE_FLOAT) {
        return (float)value_double(a, bytes); /* beyond a float's range infinite, which is refused */
    }
    const uint64_t bits = bits_of_bytes(bytes, a->size, a->big_endian);
    return a->kind == VALUE_SIGNED ? (float)value_signed(bits, a->size) : (float)bits;
}

#endif
