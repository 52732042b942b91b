/* A team of threads inside one parallel region (OpenMP; one thread in a serial build). */
#include "base/team.h"

#ifdef _OPENMP
#include <omp.h>
#else
#include <sched.h>
#endif

#ifdef _OPENMP
/* Apart, so that a thread which never opens a region is none of OpenMP's: its runtime takes memory for each
 * that it knows. */
static __attribute__((noinline)) void
run_region(int threads, void (*work)(const struct team *team, void *context), void *context)
{
#pragma omp parallel num_threads(threads)
    {
        const struct team team = { omp_get_num_threads(), omp_get_thread_num() };
        work(&team, context);
    }
}
#endif

void team_run(int threads, void (*work)(const struct team *team, void *context), void *context)
{
    const struct team alone = { 1, 0 };
#ifdef _OPENMP
    if (threads > 1) {
        run_region(threads, work, context);
        return;
    }
#endif
    (void)threads;
    work(&alone, context);
}

void team_barrier(const struct team *team)
{
    (void)team;
#ifdef _OPENMP
    if (team->size > 1) {
#pragma omp barrier
    }
#endif
}

struct range team_share(const struct team *team, size_t count)
{
    const size_t size = (size_t)team->size, rank = (size_t)team->rank;
    const size_t each = count / size, rest = count % size;
    const size_t first = each * rank + (rank < rest ? rank : rest);
    return (struct range){ first, first + each + (rank < rest ? 1 : 0) };
}

int team_default_threads(void)
{
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

int team_processors(void)
{
#ifdef _OPENMP
    return omp_get_num_procs(); /* the process's, also where the calling thread is bound to one */
#else
    cpu_set_t own;
    return sched_getaffinity(0, sizeof own, &own) == 0 ? CPU_COUNT(&own) : 1;
#endif
}

int team_has_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}
