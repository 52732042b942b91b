/* Sections: OpenBLAS kept to one thread while the library runs its own, and a fork kept out of OpenBLAS. */
#include "linalg/blas_section.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/platform.h"
#include "base/team.h"
#include "linalg/blas.h"

static void pause_briefly(unsigned round)
{
    const struct timespec nap = { .tv_nsec = 50000 };
    if (round < 100) {
        sched_yield();
    } else {
        nanosleep(&nap, NULL);
    }
}

/* ---- OpenBLAS's thread count --------------------------------------------------------------------------- */

/* The count belongs to the whole process. Sections that hold it at 1 are counted; `holders` is that count
 * below a number which grows whenever the first one sets it. CHANGING stands for the count while a thread
 * sets or restores it. */
#define COUNT_BITS 32
#define CHANGING UINT32_MAX

static _Atomic uint64_t holders;
static int callers_threads; /* the setting to restore when the last holder ends */

static uint32_t count_of(uint64_t state)
{
    return (uint32_t)state;
}

static uint64_t with_count(uint64_t state, uint32_t count)
{
    return (state >> COUNT_BITS << COUNT_BITS) | count;
}

/* OpenBLAS's OpenMP build, for one, also sets the calling thread's OpenMP default, which is the
 * caller's too. */
static void set_blas_threads(int threads)
{
#ifdef _OPENMP
    const int openmp_default = omp_get_max_threads();
#endif
    blas_set_threads(threads);
#ifdef _OPENMP
    if (omp_get_max_threads() != openmp_default) {
        omp_set_num_threads(openmp_default);
    }
#endif
}

/* Whether the caller has OpenBLAS on one thread: it is, and no section had begun to hold it there when the
 * count was read. */
static bool callers_setting_is_one(void)
{
    const uint64_t before = atomic_load(&holders);
    return count_of(before) == 0 && blas_threads() == 1 && atomic_load(&holders) == before;
}

/* Waits until no thread is changing the setting. */
static uint64_t holders_at_rest(void)
{
    uint64_t state = atomic_load(&holders);
    for (unsigned round = 0; count_of(state) == CHANGING; round++) {
        pause_briefly(round);
        state = atomic_load(&holders);
    }
    return state;
}

static void hold_one_thread(void)
{
    for (;;) {
        uint64_t state = holders_at_rest();
        const uint32_t count = count_of(state);
        const uint64_t next = count == 0 ? with_count(state, CHANGING) : state + 1;
        if (!atomic_compare_exchange_strong(&holders, &state, next)) {
            continue;
        }
        if (count == 0) {
            callers_threads = blas_threads();
            if (callers_threads != 1) {
                set_blas_threads(1);
            }
            atomic_store(&holders, with_count(state + ((uint64_t)1 << COUNT_BITS), 1));
        }
        return;
    }
}

static void release_one_thread(void)
{
    for (;;) {
        uint64_t state = holders_at_rest();
        const uint32_t count = count_of(state);
        const uint64_t next = count == 1 ? with_count(state, CHANGING) : state - 1;
        if (!atomic_compare_exchange_strong(&holders, &state, next)) {
            continue;
        }
        if (count == 1) {
            if (callers_threads != 1) {
                set_blas_threads(callers_threads);
            }
            atomic_store(&holders, with_count(state, 0));
        }
        return;
    }
}

/* ---- fork ---------------------------------------------------------------------------------------------- */

/* A child of fork() has the forking thread alone. Were another one inside OpenBLAS, which takes a lock for
 * its buffers, the lock would stay taken in the child. So a fork waits until no other thread is in a section,
 * at most a second (a callback within a section may wait for the thread that forks). Threads share out the
 * counters, so that each has its cache line to itself. */
enum { SLOTS = 64, CACHE_LINE = 64, FORK_WAIT_MS = 1000 };

static struct slot {
    _Alignas(CACHE_LINE) atomic_int inside;
} slots[SLOTS];

static atomic_uint threads_seen;
static atomic_int forks; /* under way */
static _Thread_local struct {
    struct slot *slot;
    int depth;   /* sections of this thread */
    int holding; /* those of them that hold OpenBLAS's threads */
} this_thread;

static void enter_gate(void)
{
    if (this_thread.slot == NULL) {
        this_thread.slot = &slots[atomic_fetch_add(&threads_seen, 1) % SLOTS];
    }
    atomic_fetch_add(&this_thread.slot->inside, 1);
    for (unsigned round = 0; this_thread.depth == 0 && atomic_load(&forks) > 0; round++) {
        atomic_fetch_sub(&this_thread.slot->inside, 1);
        pause_briefly(round);
        atomic_fetch_add(&this_thread.slot->inside, 1);
    }
    this_thread.depth++;
}

static void exit_gate(void)
{
    this_thread.depth--;
    atomic_fetch_sub_explicit(&this_thread.slot->inside, 1, memory_order_release);
}

int blas_sections_elsewhere(void)
{
    int inside = -this_thread.depth;
    for (size_t s = 0; s < SLOTS; s++) {
        inside += atomic_load(&slots[s].inside);
    }
    return inside;
}

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void before_fork(void)
{
    const int64_t start = milliseconds();
    atomic_fetch_add(&forks, 1);
    for (unsigned round = 0; blas_sections_elsewhere() > 0 && milliseconds() - start < FORK_WAIT_MS;
         round++) {
        pause_briefly(round);
    }
    team_before_fork();
}

static void in_parent(void)
{
    team_after_fork(false);
    atomic_fetch_sub(&forks, 1);
}

/* Sections of other threads, where a fork has not waited for their end, do not exist here. */
static void in_child(void)
{
    const uint64_t state = atomic_load(&holders);
    for (size_t s = 0; s < SLOTS; s++) {
        atomic_store(&slots[s].inside, &slots[s] == this_thread.slot ? this_thread.depth : 0);
    }
    atomic_store(&forks, 0);
    if (count_of(state) != (uint32_t)this_thread.holding) {
        atomic_store(&holders, with_count(state, (uint32_t)this_thread.holding));
        if (this_thread.holding == 0 && callers_threads != 1) {
            set_blas_threads(callers_threads);
        }
    }
    team_after_fork(true);
}

/* What is to happen before a fork happens in reverse order of registration. LLVM's OpenMP, which registers
 * when it is first used, then takes the lock that regions begin with, and no section would end: it is used
 * here first. */
static __attribute__((constructor)) void watch_forks(void)
{
#ifdef _OPENMP
    (void)omp_get_max_threads();
#endif
    platform_watch_forks(before_fork, in_parent, in_child);
}

/* ---- sections ------------------------------------------------------------------------------------------ */

struct blas_section blas_section_begin(bool threaded)
{
    struct blas_section section = { .denormals = denormals_flush() };
    enter_gate();
    if (threaded && !callers_setting_is_one()) {
        hold_one_thread();
        this_thread.holding++;
        section.holds_threads = true;
    }
    return section;
}

void blas_section_end(const struct blas_section *section)
{
    if (section->holds_threads) {
        this_thread.holding--;
        release_one_thread();
    }
    exit_gate();
    denormals_restore(&section->denormals);
}
