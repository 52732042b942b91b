/* A number by which a data set is known again. */
#ifndef SESSION_CHECKPOINT_FINGERPRINT_H
#define SESSION_CHECKPOINT_FINGERPRINT_H

#include <stdint.h>

#include "session/batch.h"

/* Of all samples of the batch's data set, their order, targets and weights included; of data beyond 2²⁶
 * numbers, of every k-th sample. What the batch has gathered is lost. Errors: IO, FORMAT. */
mlp_status data_fingerprint(struct batch *batch, uint64_t *fingerprint);

/* A number for arrays of floats, one after the other: `before` is that of those before, 0 at first. */
uint64_t floats_fingerprint(uint64_t before, const float *values, size_t count);

#endif
