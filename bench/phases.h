/* What a training step spends its time on. */
#ifndef BENCH_PHASES_H
#define BENCH_PHASES_H

#include "workload.h"

/* As seen by the calling thread; waiting for the others counts to the phase that waits. */
enum phase {
    PHASE_FORWARD,
    PHASE_LOSS,
    PHASE_BACKWARD, /* dZ, dW, db and, while they are in cache, their magnitudes */
    PHASE_DECIDE,   /* the sums of the magnitudes, the clip scale; by one thread */
    PHASE_UPDATE,
    PHASE_CALL,     /* arguments, locks, opening and closing the parallel region */
    PHASE_NORM,     /* the part of the backward phase that takes magnitudes; measured by itself */
    PHASE_BARRIERS, /* the barriers of the step, were all threads to arrive together; measured by itself */
    PHASES
};

const char *phase_name(enum phase phase);

/* Least seconds of each phase over steps of this problem. */
void phases_measure(struct problem *problem, mlp_optimizer *optimizer, size_t calls, double phases[PHASES]);

#endif
