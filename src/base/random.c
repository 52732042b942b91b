/* Philox4x32-10 and the deviates made of it. */
#include "base/random.h"

#include <math.h>

/* One round multiplies two words and mixes in the key; the key grows by the Weyl constants (golden ratio, √3 − 1). */
void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct random_stream random_stream(uint64_t seed, enum random_purpose purpose, size_t layer, size_t step)
{
    return (struct random_stream){
        .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
        .name = { (uint32_t)purpose << 24 | ((uint32_t)layer & 0xFFFFFFu), (uint32_t)step },
    };
}

static void block_of(const struct random_stream *stream, size_t block, uint32_t out[4])
{
    const uint32_t counter[4] = { (uint32_t)block, (uint32_t)((uint64_t)block >> 32), stream->name[0],
                                  stream->name[1] };
    philox4x32_10(counter, stream->key, out);
}

static void uniform_block(const uint32_t words[4], float out[4])
{
    for (int i = 0; i < 4; i++) {
        out[i] = (float)(words[i] >> 8) * 0x1p-24f;
    }
}

/* Two words give two independent N(0, 1): r = √(−2 ln u), u in (0, 1], at angle 2πv (Box & Muller 1958). In double,
 * so that the float result is correctly rounded but for rare last bits; the largest |z| is √(2·32·ln 2) = 6.66. */
static void normal_block(const uint32_t words[4], float out[4])
{
    for (int i = 0; i < 4; i += 2) {
        const double u = ((double)words[i] + 1.0) * 0x1p-32;
        const double angle = 6.283185307179586 * ((double)words[i + 1] * 0x1p-32);
        const double radius = sqrt(-2.0 * log(u));
        out[i] = (float)(radius * cos(angle));
        out[i + 1] = (float)(radius * sin(angle));
    }
}

/* Deviates come in blocks of four; a range may begin and end inside a block. */
static void fill(const struct random_stream *stream, size_t first, size_t count, float *out,
                 void (*block)(const uint32_t words[4], float out[4]))
{
    size_t done = 0;
    while (done < count) {
        const size_t index = first + done;
        const size_t offset = index % 4;
        uint32_t words[4];
        float values[4];
        block_of(stream, index / 4, words);
        block(words, values);
        for (size_t i = offset; i < 4 && done < count; i++) {
            out[done++] = values[i];
        }
    }
}

void random_uniform(const struct random_stream *stream, size_t first, size_t count, float *out)
{
    fill(stream, first, count, out, uniform_block);
}

void random_normal(const struct random_stream *stream, size_t first, size_t count, float *out)
{
    fill(stream, first, count, out, normal_block);
}

uint64_t random_below(const struct random_stream *stream, size_t index, uint64_t bound)
{
    uint32_t words[4];
    block_of(stream, index, words);
    const uint64_t draw = (uint64_t)words[0] << 32 | words[1];
    return (uint64_t)(((unsigned __int128)draw * bound) >> 64);
}

void random_shuffle(const struct random_stream *stream, size_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        const size_t j = (size_t)random_below(stream, i - 2, i);
        const size_t kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}
