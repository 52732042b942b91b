/* The checkpoints of a fit: when one is due, and what becomes of failures. */
#ifndef SESSION_CHECKPOINT_CHECKPOINT_H
#define SESSION_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <mlp/checkpoint.h>

#include "session/checkpoint/folder.h"

enum { CHECKPOINT_TEXT = 1024 };

struct fit;

struct checkpoints {
    bool wanted;
    mlp_checkpoint_options options; /* every default resolved */
    struct checkpoint_folder folder;
    json_t *settings; /* what the fit's bits depend on ... */
    json_t *machine;  /* ... and their last ones */
    float *best;   /* parameters of the best epoch where the fit keeps none; NULL: there is no validation */
    bool best_due; /* best.safetensors is still to be written */
    bool lost,
        best_lost;      /* the last one could not be written, nor could best.safetensors: reported once, until
                             one can */
    double last;        /* when the newest was written */
    size_t epoch, step; /* where it stands */
    bool has_warning;   /* there is something to report ... */
    char text[CHECKPOINT_TEXT]; /* ... in these words, a line each */
};

/* Takes the folder, and resumes from its newest undamaged checkpoint where that is asked for. Everything else
 * of the fit is prepared. On failure the fit is as it was. */
mlp_status checkpoints_begin(struct fit *fit);
/* Whether a checkpoint is due after a step. */
bool checkpoints_due(const struct fit *fit);
/* Whether one is due where the fit has ended or was stopped, or its data cannot be read: not where the newest
 * stands here. */
bool checkpoints_due_at_end(struct fit *fit);
/* Writes a checkpoint; of a sharded optimizer with the state of all ranks, which make this call together. A
 * failure is one only where the policy says so. */
mlp_status checkpoints_write(struct fit *fit);
/* The validation loss is the best so far: keeps the parameters and writes the network. */
mlp_status checkpoints_best(struct fit *fit);
/* Gives the folder back; also after a failure, and without checkpoints. */
void checkpoints_close(struct checkpoints *checkpoints);

#endif
