/* A fit under way. */
#ifndef SESSION_FIT_H
#define SESSION_FIT_H

#include <stddef.h>

#include "model/parts.h"
#include "optim/optimizer.h"
#include "session/average.h"
#include "session/batch.h"
#include "session/checkpoint/checkpoint.h"
#include "session/prefetch.h"
#include "session/report.h"
#include "session/schedule_state.h"

struct fit {
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_fit_options options;           /* every default resolved */
    mlp_schedule_options schedule;     /* of the options, where they have one ... */
    mlp_regularization regularization; /* ... likewise */
    mlp_workspace *workspace;
    struct batch *batch; /* the open step's */
    struct batch validation;
    mlp_exchange exchange;   /* of size 1: this process is alone */
    bool reads_files;        /* some rank does in its steps: it may fail there */
    struct tally *evaluated; /* of ranks: of each batch of the validation, theirs and all; NULL without */
    float *best;             /* parameters of the best epoch, or NULL */
    double best_loss;        /* of validation, or its accuracy, negative */
    double stop_loss;        /* training loss to beat, where it is watched */
    size_t since_best;       /* epochs that were measured without improvement */
    double start;            /* of the clock; one that went on from a checkpoint began that much earlier */
    mlp_report *report;
    struct schedule_state schedule_state;
    mlp_progress progress;
    size_t epoch;       /* the open one, from 0: as many are closed */
    mlp_epoch open;     /* its sums; steps: those done */
    double open_start;  /* likewise */
    struct tally tally; /* of the open epoch */
    bool watched;       /* the monitor records the step under way */
    struct {
        mlp_epoch open;
        struct tally tally;
    } window; /* both at the end of the last window in this epoch */
    struct average average;
    struct checkpoints checkpoints;
    struct prefetch *prefetch; /* mlp_fit()'s; apart, as its thread writes to it while the fit is copied */
};

/* Checks the options, resolves their defaults and allocates everything. fit->network and fit->optimizer are
 * set. */
mlp_status fit_prepare(struct fit *fit, const mlp_data *data, const mlp_fit_options *given);
/* Runs at every exit of mlp_fit(), also for an exception that a callback throws: neither the prefetching
 * thread nor the checkpoint folder's lock outlives the fit. Takes a fit that was prepared in part, too. */
void fit_release(struct fit *fit);

/* Counts a part of a step's batch, and shows the first to the monitor: a part_visitor of a fit. */
void fit_see_parts(void *fit, const struct pass *pass, uint64_t counts[PART_COUNTS]);

#endif
