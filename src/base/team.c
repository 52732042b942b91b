/* A team of threads inside one parallel region (OpenMP; one thread in a serial build). */
#include "base/team.h"

#include <stddef.h>

#include "base/denormals.h"
#include "base/platform.h"
#include "base/processors.h"

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- the barrier --------------------------------------------------------------------------------------- */

/* OpenMP's own spins for milliseconds before it sleeps, which on a machine that is busy or limited takes the
 * processor from the thread that is waited for. This one spins for a quarter of a millisecond, or not at all
 * where the team has more members than there are processors. On a busy machine that is far less than the turn
 * which a thread loses that sleeps: woken, it waits until another's turn is over, 4 ms, and the others of the
 * team then wait for it. Beside two busy processes a training of 64-1024-1024-10 on two cores takes 1.16
 * times what fair shares allow; 1.40 where threads sleep after a fifth of that, and sooner the more often
 * they do. */
enum { SPINS = 10000, CACHE_LINE = 64 };

struct barrier {
    _Alignas(CACHE_LINE) atomic_uint arrived;
    _Alignas(CACHE_LINE) atomic_uint phase; /* grows when all have arrived; sleepers wait for it */
    atomic_uint sleepers;
    int spins;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void open_barrier(struct barrier *barrier)
{
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    atomic_fetch_add(&barrier->phase, 1);
    if (atomic_load(&barrier->sleepers) > 0) {
        platform_wake_all(&barrier->phase);
    }
}

/* Waits of this thread, and those that ended in sleep, one after the other. Many of these in a row mean that
 * who is waited for is queued behind this very thread, on its processor: it then hardly spins, but for a wait
 * now and then. Two threads on one processor would otherwise take 3.6 times as long through 64-512-512-10. */
static _Thread_local struct {
    unsigned waits, slept;
} patience;

enum { PATIENT_WAITS = 8, TRIED_WAIT = 256 };

static int spins_of(const struct barrier *barrier)
{
    const bool tries = ++patience.waits % TRIED_WAIT == 0;
    return patience.slept < PATIENT_WAITS || tries ? barrier->spins : barrier->spins / TRIED_WAIT;
}

/* Whether the phase ended before the spins did. */
static bool spin(struct barrier *barrier, unsigned phase)
{
    const int spins = spins_of(barrier);
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(&barrier->phase, memory_order_acquire) != phase) {
            patience.slept = 0;
            return true;
        }
        relax();
    }
    patience.slept++;
    return false;
}

static void await_barrier(struct barrier *barrier, unsigned phase)
{
    if (spin(barrier, phase)) {
        return;
    }
    atomic_fetch_add(&barrier->sleepers, 1);
    while (atomic_load(&barrier->phase) == phase) {
        platform_wait(&barrier->phase, phase);
    }
    atomic_fetch_sub(&barrier->sleepers, 1);
}

void team_barrier(const struct team *team)
{
    struct barrier *barrier = team->barrier;
    if (team->size == 1) {
        return;
    }
    const unsigned phase = atomic_load_explicit(&barrier->phase, memory_order_relaxed);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == (unsigned)team->size) {
        open_barrier(barrier);
    } else {
        await_barrier(barrier, phase);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------- */

/* OpenMP keeps, for each thread that opens regions, the threads of its last one; it ends the process when one
 * more cannot be created. */
static _Thread_local struct {
    int last;    /* threads of this thread's last region */
    int started; /* as many have been seen to start */
} region_threads = { 1, 1 };

struct trial {
    pthread_mutex_t all_started;
};

static void *try_thread(void *context)
{
    struct trial *trial = context;
    pthread_mutex_lock(&trial->all_started);
    pthread_mutex_unlock(&trial->all_started);
    return NULL;
}

/* Threads that start beside those of the last region, up to `wanted`, all at once. */
static int startable(int wanted)
{
    struct trial trial = { PTHREAD_MUTEX_INITIALIZER };
    pthread_t threads[TEAM_MAX];
    int started = 0;
    pthread_mutex_lock(&trial.all_started);
    while (started < wanted && pthread_create(&threads[started], NULL, try_thread, &trial) == 0) {
        started++;
    }
    pthread_mutex_unlock(&trial.all_started);
    for (int t = 0; t < started; t++) {
        pthread_join(threads[t], NULL);
    }
    pthread_mutex_destroy(&trial.all_started);
    return started;
}

/* Set in the child of a fork that was made inside a region: the threads of its OpenMP are gone, and it waits
 * for them. */
static atomic_bool alone;

/* More members than a quota pays for would only wait, for each other and for the next period. */
static int team_size(int threads)
{
    threads = threads < processors_within_quota() ? threads : processors_within_quota();
    if (threads > region_threads.started && !alone) {
        region_threads.started = region_threads.last + startable(threads - region_threads.last);
    }
    if (alone) {
        return 1;
    }
    return threads < region_threads.started ? threads : region_threads.started;
}

struct region {
    struct barrier barrier;
    void (*work)(const struct team *team, void *context);
    void *context;
};

/* All leave OpenMP's region at the same time, where nobody then waits long for another. */
static void run_member(struct region *region)
{
    const struct team team = { omp_get_num_threads(), omp_get_thread_num(), &region->barrier };
    FLUSH_DENORMALS;
    region->work(&team, region->context);
    team_barrier(&team);
}

/* Apart, so that a thread which never opens a region is none of OpenMP's: its runtime takes memory for each
 * that it knows. */
static __attribute__((noinline)) void
run_region(int threads, void (*work)(const struct team *team, void *context), void *context)
{
    struct region region = { .barrier.spins = threads <= processors_allowed() ? SPINS : 0,
                             .work = work,
                             .context = context };
    region_threads.last = threads;
#pragma omp parallel num_threads(threads)
    run_member(&region);
}

/* Of LLVM's OpenMP, which prepares for a fork by itself. */
extern int __kmpc_global_thread_num(void *) __attribute__((weak));

void team_before_fork(void)
{
    if (PLATFORM_FORKS && __kmpc_global_thread_num == NULL) {
        /* The child has none of the pool's threads: OpenMP is to start new ones there, and here. */
        alone = omp_pause_resource_all(omp_pause_hard) != 0;
    }
    region_threads.last = region_threads.started = 1;
}

void team_after_fork(bool child)
{
    alone = alone && child;
}
#else
void team_barrier(const struct team *team)
{
    (void)team;
}

void team_before_fork(void)
{
}

void team_after_fork(bool child)
{
    (void)child;
}
#endif

/* ---- teams --------------------------------------------------------------------------------------------- */

void team_run(int threads, void (*work)(const struct team *team, void *context), void *context)
{
    const struct team one = { 1, 0, NULL };
#ifdef _OPENMP
    const int size = threads > 1 ? team_size(threads) : 1;
    if (size > 1) {
        run_region(size, work, context);
        return;
    }
#endif
    (void)threads;
    FLUSH_DENORMALS;
    work(&one, context);
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
    const int wanted = omp_get_max_threads(), allowed = processors_allowed();
    return wanted < allowed ? wanted : allowed;
#else
    return 1;
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
