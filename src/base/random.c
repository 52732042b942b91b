/* Philox4x32-10 and the deviates made of it. */
#include "base/random.h"

#include <string.h>

#include "base/philox.h"
#include "base/random_blocks.h"

void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    memcpy(out, counter, 4 * sizeof *out);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        philox_round(&out[0], &out[1], &out[2], &out[3], k0, k1);
        k0 += PHILOX_WEYL_0;
        k1 += PHILOX_WEYL_1;
    }
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

/* Deviates come in blocks of four; a range may begin and end inside a block. */
static void fill(const struct random_stream *stream, size_t first, size_t count, float *out,
                 void (*blocks)(const struct random_stream *stream, size_t first, size_t count, float *out))
{
    size_t done = 0;
    while (done < count) {
        const size_t index = first + done, offset = index % 4, left = count - done;
        if (offset == 0 && left >= 4) {
            blocks(stream, index / 4, left / 4, out + done);
            done += left / 4 * 4;
        } else {
            float values[4];
            const size_t taken = 4 - offset < left ? 4 - offset : left;
            blocks(stream, index / 4, 1, values);
            memcpy(out + done, values + offset, taken * sizeof *values);
            done += taken;
        }
    }
}

void random_uniform(const struct random_stream *stream, size_t first, size_t count, float *out)
{
    fill(stream, first, count, out, LEVEL_SELECT(random_kernels)->uniform);
}

void random_normal(const struct random_stream *stream, size_t first, size_t count, float *out)
{
    fill(stream, first, count, out, LEVEL_SELECT(random_kernels)->normal);
}

uint64_t random_multiply_high_by_halves(uint64_t a, uint64_t b)
{
    const uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    const uint64_t low = a_low * b_high + (a_low * b_low >> 32); /* neither sum can overflow */
    const uint64_t high = a_high * b_low + (uint32_t)low;
    return a_high * b_high + (low >> 32) + (high >> 32);
}

static uint64_t multiply_high(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    return (uint64_t)((unsigned __int128)a * b >> 64);
#else
    return random_multiply_high_by_halves(a, b);
#endif
}

uint64_t random_below(const struct random_stream *stream, size_t index, uint64_t bound)
{
    uint32_t words[4];
    block_of(stream, index, words);
    const uint64_t draw = (uint64_t)words[0] << 32 | words[1];
    return multiply_high(draw, bound);
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
