/* A team of threads inside one parallel region. */
#ifndef BASE_TEAM_H
#define BASE_TEAM_H

#include <stdbool.h>
#include <stddef.h>

/* Threads that a team can have. */
enum { TEAM_MAX = 1024 };

struct barrier;

/* One member's view of its team. */
struct team {
    int size; /* threads in the team, ≥ 1 */
    int rank; /* 0 … size − 1; 0 is the calling thread */
    struct barrier *barrier;
};

/* A half-open range of tasks. */
struct range {
    size_t first;
    size_t end;
};

/* Calls work(team, context) on `threads` threads, the caller among them, and waits for all; on fewer where
 * the system gives no more, or a CPU quota pays for no more. Each member flushes denormals meanwhile
 * (base/denormals.h). With one thread it is a plain call: no region is opened. */
void team_run(int threads, void (*work)(const struct team *team, void *context), void *context);

/* Threads for `work` units of work where a thread should have `least` of them: 1 … threads. */
static inline int team_size_for(size_t work, size_t least, int threads)
{
    const size_t useful = work / least;
    if (useful < 1) {
        return 1;
    }
    return useful < (size_t)threads ? (int)useful : threads;
}

/* Waits for all members; what they wrote before is then visible to all. Every member must come by. */
void team_barrier(const struct team *team);

/* This member's share of `count` tasks: contiguous, sizes differing by at most one. */
struct range team_share(const struct team *team, size_t count);

/* Threads of a team by default: the smallest of OpenMP's setting, the affinity mask and the control groups'
 * quota; 1 in a serial build. */
int team_default_threads(void);

/* On the thread that forks, around the fork: its OpenMP threads end, and start anew with the next team, in
 * the parent and in the child. Within a region they cannot: the child's teams are then of one. */
void team_before_fork(void);
void team_after_fork(bool child);

/* 1 when built with OpenMP. */
int team_has_openmp(void);

#endif
