/* Ranks as threads of one process, which exchange through memory. */
#ifndef SUPPORT_RANKS_H
#define SUPPORT_RANKS_H

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <mlp/mlp.h>

#include "support/support.h"

enum { RANKS_MOST = 8 };

struct ranks {
    int size;
    size_t fail_after; /* calls of all kinds a rank makes until one fails; 0: none fails */
    pthread_barrier_t barrier;
    struct rank {
        struct ranks *ranks;
        int number;
        size_t calls;
        const char *send;
        const size_t *bytes;
    } rank[RANKS_MOST];
};

static inline void ranks_open(struct ranks *ranks, int size)
{
    *ranks = (struct ranks){ .size = size };
    pthread_barrier_init(&ranks->barrier, NULL, (unsigned)size);
    for (int r = 0; r < size; r++) {
        ranks->rank[r] = (struct rank){ .ranks = ranks, .number = r };
    }
}

static inline void ranks_close(struct ranks *ranks)
{
    pthread_barrier_destroy(&ranks->barrier);
}

/* Runs work(job) for each of the `size` jobs, of `bytes` each, on a thread of its own, and waits for all. */
static inline void run_jobs(void *jobs, size_t bytes, int size, void *(*work)(void *job))
{
    pthread_t threads[RANKS_MOST];
    for (int r = 0; r < size; r++) {
        assert_int_equal(pthread_create(&threads[r], NULL, work, (char *)jobs + (size_t)r * bytes), 0);
    }
    for (int r = 0; r < size; r++) {
        pthread_join(threads[r], NULL);
    }
}

/* Shows what a rank sends; all fail at the same call. */
static inline mlp_status ranks_show(struct rank *rank, const void *send, const size_t *bytes)
{
    if (++rank->calls == rank->ranks->fail_after) {
        return mlp_exchange_fail("the line is cut"); /* before all others, who fail likewise */
    }
    rank->send = send;
    rank->bytes = bytes;
    pthread_barrier_wait(&rank->ranks->barrier);
    return MLP_OK;
}

static inline mlp_status ranks_all_to_all(void *context, const void *send, const size_t *send_bytes,
                                          void *receive, const size_t *receive_bytes)
{
    struct rank *rank = context;
    char *to = receive;
    mlp_status status = ranks_show(rank, send, send_bytes);
    if (status != MLP_OK) {
        return status;
    }
    for (int r = 0; r < rank->ranks->size && status == MLP_OK; r++) {
        const struct rank *other = &rank->ranks->rank[r];
        const char *from = other->send;
        for (int i = 0; i < rank->number; i++) {
            from += other->bytes[i];
        }
        if (other->bytes[rank->number] != receive_bytes[r] || receive_bytes[r] % 8 != 0) {
            status = mlp_exchange_fail("sizes do not agree");
        } else {
            memcpy(to, from, receive_bytes[r]);
            to += receive_bytes[r];
        }
    }
    pthread_barrier_wait(&rank->ranks->barrier);
    return status;
}

static inline mlp_status ranks_all_gather(void *context, const void *send, void *receive, const size_t *bytes)
{
    struct rank *rank = context;
    char *to = receive;
    const mlp_status status = ranks_show(rank, send, bytes);
    if (status != MLP_OK) {
        return status;
    }
    for (int r = 0; r < rank->ranks->size; r++) {
        if (bytes[r] > 0) {
            memcpy(to, rank->ranks->rank[r].send, bytes[r]);
        }
        to += bytes[r];
    }
    pthread_barrier_wait(&rank->ranks->barrier);
    return MLP_OK;
}

static inline mlp_status ranks_broadcast(void *context, void *bytes, size_t count, int root)
{
    struct rank *rank = context;
    const mlp_status status = ranks_show(rank, bytes, NULL);
    if (status != MLP_OK) {
        return status;
    }
    if (rank->number != root && count > 0) {
        memcpy(bytes, rank->ranks->rank[root].send, count);
    }
    pthread_barrier_wait(&rank->ranks->barrier);
    return MLP_OK;
}

static inline mlp_exchange ranks_exchange(struct ranks *ranks, int number)
{
    mlp_exchange exchange = MLP_EXCHANGE_INIT;
    exchange.rank = number;
    exchange.size = ranks->size;
    exchange.all_to_all = ranks_all_to_all;
    exchange.all_gather = ranks_all_gather;
    exchange.broadcast = ranks_broadcast;
    exchange.context = &ranks->rank[number];
    return exchange;
}

#endif
