/* The batches of a training, one after the other; where it pays, a thread of its own gathers the next one
 * while a step runs. */
#ifndef SESSION_PREFETCH_H
#define SESSION_PREFETCH_H

#include <pthread.h>

#include "session/batch.h"
#include "session/sample_order.h"

enum { PREFETCH_TEXT = 1024 };

/* Who gathers. */
enum prefetch_mode {
    PREFETCH_WHERE_IT_PAYS = 0,
    PREFETCH_NEVER = 1, /* the steps' own threads, between steps */
    PREFETCH_ALWAYS = 2 /* a thread of its own, meanwhile */
};

struct prefetch_options {
    size_t batch;
    size_t window; /* 0: see sample_order_make() */
    uint64_t seed;
    bool keep_order;
    size_t epochs; /* nothing is gathered beyond */
    int threads;   /* of the steps, and to gather with where no other thread does */
    enum prefetch_mode ahead;
    const mlp_network *network; /* whose output scaling target values are gathered by; NULL: none */
};

struct prefetch {
    struct prefetch_options options;
    const mlp_data *data;
    struct sample_order order;
    struct batch batches[2]; /* the second only where the next one is gathered ahead */
    size_t handed_out;       /* which of them */
    bool ahead;
    /* the gathering thread's; under the mutex but for the batch and the order, which are its alone while it
     * is busy */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool busy, stopping;
    size_t epoch, first;      /* of the batch that was not handed out; SIZE_MAX: none */
    mlp_status status;        /* of its gathering ... */
    char text[PREFETCH_TEXT]; /* ... and what went wrong */
};

/* prefetch_free() in any case. Errors: SHAPE, MEMORY. */
mlp_status prefetch_make(struct prefetch *prefetch, const mlp_data *data,
                         const struct prefetch_options *options);
void prefetch_free(struct prefetch *prefetch);

/* The batch of an epoch's samples `first` and after; `first` is a multiple of the batch size. It is the
 * caller's to change until the next call. Errors: IO, FORMAT from data in files. */
mlp_status prefetch_take(struct prefetch *prefetch, size_t epoch, size_t first, struct batch **batch);

#endif
