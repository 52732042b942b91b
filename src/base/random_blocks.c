/* Deviates of whole Philox blocks, LANES blocks side by side. */
#include "base/random_blocks.h"

#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "base/vector_math.h"

/* 64-bit lanes, as many as a register of the level has; and the product of their lower halves. */
#if defined(__AVX512F__)
#include <immintrin.h>
enum { WIDTH = 8 };
typedef uint64_t wide __attribute__((vector_size(64)));
#define LOWER_PRODUCT(a, b) ((wide)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#elif defined(__AVX2__)
#include <immintrin.h>
enum { WIDTH = 4 };
typedef uint64_t wide __attribute__((vector_size(32)));
#define LOWER_PRODUCT(a, b) ((wide)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#elif defined(__SSE2__)
#include <emmintrin.h>
enum { WIDTH = 2 };
typedef uint64_t wide __attribute__((vector_size(16)));
#define LOWER_PRODUCT(a, b) ((wide)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#else
enum { WIDTH = 2 };
typedef uint64_t wide __attribute__((vector_size(16)));
#define LOWER_PRODUCT(a, b) (((a)&0xFFFFFFFFu) * ((b)&0xFFFFFFFFu))
#endif

enum { LANES = 16, REGISTERS = LANES / WIDTH };

/* Word i of the blocks from `first`, in words[i]. The words are the lower halves of 64-bit lanes; what the
 * upper halves hold does not matter, for a product leaves them out. */
static void blocks_of(const struct random_stream *stream, uint64_t first, uint32_t words[4][LANES])
{
    uint64_t counter[LANES], lanes[LANES];
    wide c[4][REGISTERS];
    for (size_t l = 0; l < LANES; l++) {
        counter[l] = first + l;
    }
    memcpy(c[0], counter, sizeof counter);
    for (size_t r = 0; r < REGISTERS; r++) {
        c[1][r] = c[0][r] >> 32;
        c[2][r] = (wide){ 0 } + stream->name[0];
        c[3][r] = (wide){ 0 } + stream->name[1];
    }
    uint32_t k0 = stream->key[0], k1 = stream->key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        for (size_t r = 0; r < REGISTERS; r++) {
            const wide p0 = LOWER_PRODUCT(c[0][r], (wide){ 0 } + PHILOX_MULTIPLIER_0);
            const wide p1 = LOWER_PRODUCT(c[2][r], (wide){ 0 } + PHILOX_MULTIPLIER_1);
            c[0][r] = (p1 >> 32) ^ c[1][r] ^ k0;
            c[1][r] = p1;
            c[2][r] = (p0 >> 32) ^ c[3][r] ^ k1;
            c[3][r] = p0;
        }
        k0 += PHILOX_WEYL_0;
        k1 += PHILOX_WEYL_1;
    }
    for (size_t i = 0; i < 4; i++) {
        memcpy(lanes, c[i], sizeof lanes);
        for (size_t l = 0; l < LANES; l++) {
            words[i][l] = (uint32_t)lanes[l];
        }
    }
}

static void uniform_lanes(uint32_t words[4][LANES], float out[4 * LANES])
{
    for (size_t l = 0; l < LANES; l++) {
        for (size_t i = 0; i < 4; i++) {
            out[4 * l + i] = (float)(int32_t)(words[i][l] >> 8) * 0x1p-24f;
        }
    }
}

/* Two words give two independent N(0, 1): r = √(−2 ln u), u in (0, 1], at angle 2πv (Box & Muller 1958); each
 * to 4 ulp. The largest |z| is √(2·32·ln 2) = 6.66. */
static void normal_lanes(uint32_t words[4][LANES], float out[4 * LANES])
{
    for (size_t pair = 0; pair < 4; pair += 2) {
        float cosines[LANES], sines[LANES];
        for (size_t l = 0; l < LANES; l++) {
            float cosine, sine;
            const float radius = sqrtf(2.0f * vector_minus_log_of_word(words[pair][l]));
            vector_turn(words[pair + 1][l], &cosine, &sine);
            cosines[l] = radius * cosine;
            sines[l] = radius * sine;
        }
        for (size_t l = 0; l < LANES; l++) {
            out[4 * l + pair] = cosines[l];
            out[4 * l + pair + 1] = sines[l];
        }
    }
}

static inline __attribute__((always_inline)) void fill(const struct random_stream *stream, size_t first,
                                                       size_t count, float *out,
                                                       void (*lanes)(uint32_t words[4][LANES], float *out))
{
    uint32_t words[4][LANES];
    for (size_t done = 0; done < count; done += LANES) {
        blocks_of(stream, (uint64_t)first + done, words);
        if (count - done >= LANES) {
            lanes(words, out + 4 * done);
        } else {
            float rest[4 * LANES];
            lanes(words, rest);
            memcpy(out + 4 * done, rest, 4 * (count - done) * sizeof *rest);
        }
    }
}

static void uniform(const struct random_stream *stream, size_t first, size_t count, float *out)
{
    fill(stream, first, count, out, uniform_lanes);
}

static void normal(const struct random_stream *stream, size_t first, size_t count, float *out)
{
    fill(stream, first, count, out, normal_lanes);
}

static void below(const struct random_stream *stream, size_t first, size_t count, uint32_t threshold,
                  unsigned char *out)
{
    uint32_t words[4][LANES], bytes[LANES];
    const int32_t limit = (int32_t)threshold;
    for (size_t done = 0; done < count; done += LANES) {
        const size_t left = count - done < LANES ? count - done : (size_t)LANES;
        blocks_of(stream, (uint64_t)first + done, words);
        for (size_t l = 0; l < LANES; l++) {
            bytes[l] = 0;
        }
        for (size_t i = 0; i < 4; i++) {
            for (size_t l = 0; l < LANES; l++) {
                const uint32_t low = (int32_t)(words[i][l] & 0xFFFFu) < limit,
                               high = (int32_t)(words[i][l] >> 16) < limit;
                bytes[l] |= low << (2 * i) | high << (2 * i + 1);
            }
        }
        for (size_t l = 0; l < left; l++) {
            out[done + l] = (unsigned char)bytes[l];
        }
    }
}

const struct random_kernels
    LEVEL_NAME(random_kernels) = { .uniform = uniform, .normal = normal, .below = below };
