/* A network in training: the step that several benchmarks time. */
#ifndef BENCH_TRAINING_H
#define BENCH_TRAINING_H

#include "workload.h"

struct training {
    struct problem problem;
    mlp_optimizer *optimizer;
    mlp_status status; /* of the first step that failed */
};

/* Learning rate 0: a small one, with which what is timed does not diverge. `regularization` may be NULL.
 * Prints the reason and returns false; training_free() either way. */
bool training_make(const struct workload *workload, int threads, const mlp_optimizer_options *options,
                   const mlp_regularization *regularization, struct training *training);
/* A step; `context` is the struct training. */
void training_step(void *context);
/* Prints why a step failed, under this name, and returns false; true where none did. */
bool training_went_well(const struct training *training, const char *name);
void training_free(struct training *training);

#endif
