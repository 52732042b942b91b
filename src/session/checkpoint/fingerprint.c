/* A number by which a data set is known again: FNV-1a (Fowler, Noll & Vo) over words of 32 bits, h ← (h ⊕
 * word)·p. */
#include "session/checkpoint/fingerprint.h"

#include <string.h>

#include "base/status.h"

#define START 0xCBF29CE484222325u
#define PRIME 0x100000001B3u

enum { MOST_NUMBERS = 1 << 26 };

/* floats or int32s; NULL: none */
static uint64_t add(uint64_t hash, const void *numbers, size_t count)
{
    if (numbers != NULL) {
        for (size_t i = 0; i < count; i++) {
            uint32_t word;
            memcpy(&word, (const char *)numbers + i * sizeof word, sizeof word);
            hash = (hash ^ word) * PRIME;
        }
    }
    return hash;
}

uint64_t floats_fingerprint(uint64_t before, const float *values, size_t count)
{
    return add(before ^ START, values, count);
}

mlp_status data_fingerprint(struct batch *batch, uint64_t *fingerprint)
{
    const struct storage *s = batch->data->storage;
    const size_t count = batch->data->count, fit = s->inputs < MOST_NUMBERS ? MOST_NUMBERS / s->inputs : 1;
    const size_t every = (count + fit - 1) / fit;
    uint64_t hash = START;
    *fingerprint = hash;
    if (s->source != NULL) {
        *fingerprint = s->source->options.fingerprint;
        return MLP_OK;
    }
    for (size_t first = 0; first < count;) {
        const size_t left = count - first, most = every > 1 ? 1 : batch->size,
                     samples = left < most ? left : most;
        TRY(batch_gather(batch, NULL, first, samples, 1));
        hash = add(hash, batch->x, samples * s->inputs);
        hash = add(hash, s->classes != NULL ? batch->classes : NULL, samples);
        hash = add(hash, s->values != NULL ? batch->values : NULL, samples * s->outputs);
        hash = add(hash, batch->weights, samples);
        first += every > 1 ? every : samples;
    }
    *fingerprint = hash;
    return MLP_OK;
}
