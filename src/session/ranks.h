/* A fit on several ranks: that they are at one before it begins, and what they tell each other meanwhile.
 * With one rank these functions do nothing, or what a fit alone does. */
#ifndef SESSION_RANKS_H
#define SESSION_RANKS_H

#include <stdbool.h>

#include <mlp/train.h>

struct fit;

/* A rank's failure becomes all ranks', and so does its stop. Every rank calls it at the same moments. */
mlp_status ranks_agree(struct fit *fit, mlp_status status);

/* Writes a checkpoint where rank 0 has one `due`; tells all, and shares their stops. Every rank calls it at
 * the same moments. */
mlp_status ranks_checkpoint(struct fit *fit, bool due);

/* After fit_prepare(): compares what the bits depend on, then as checkpoints_begin(), on rank 0; all go on
 * from where it stands. */
mlp_status ranks_begin(struct fit *fit);

/* As evaluate_data(), of the validation set. */
mlp_status ranks_validate(struct fit *fit, mlp_metrics *metrics);

#endif
