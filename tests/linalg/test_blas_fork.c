/* The gate between sections and forks: a fork waits for sections of other threads, a section for a fork under
 * way, neither for ever. */
#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "linalg/blas_section.h"

static void sleep_milliseconds(long milliseconds)
{
    const struct timespec pause = { .tv_nsec = milliseconds * 1000000 };
    nanosleep(&pause, NULL);
}

static atomic_bool inside, left, may_leave;

/* In a section for 200 ms, or until it may leave. */
static void *stay(void *waits)
{
    BLAS_SECTION(false);
    atomic_store(&inside, true);
    for (int turn = 0; waits != NULL ? !atomic_load(&may_leave) : turn < 200; turn++) {
        sleep_milliseconds(1);
    }
    atomic_store(&left, true);
    return NULL;
}

/* The thread once it is in its section. */
static pthread_t begin_to_stay(bool waits)
{
    pthread_t thread;
    atomic_store(&inside, false);
    atomic_store(&left, false);
    atomic_store(&may_leave, false);
    assert_int_equal(pthread_create(&thread, NULL, stay, waits ? &thread : NULL), 0);
    while (!atomic_load(&inside)) {
        sleep_milliseconds(1);
    }
    return thread;
}

/* What a child sees, 0 or 1, as its exit status. */
static int status_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_fork_waits_for_sections_of_other_threads(void **unused)
{
    (void)unused;
    const pthread_t thread = begin_to_stay(false);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        BLAS_SECTION(false); /* for which no fork is under way */
        _exit(atomic_load(&left) && blas_sections_elsewhere() == 0 ? 0 : 1);
    }
    assert_true(atomic_load(&left));
    assert_int_equal(status_of(child), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* One that is held until after the fork; its own section does not keep a thread from forking. */
static void a_fork_does_not_wait_for_ever(void **unused)
{
    (void)unused;
    const pthread_t thread = begin_to_stay(true);
    BLAS_SECTION(false);
    const pid_t child = fork();
    if (child == 0) { /* of the other thread nothing is left */
        _exit(!atomic_load(&left) && blas_sections_elsewhere() == 0 ? 0 : 1);
    }
    assert_false(atomic_load(&left));
    assert_int_equal(blas_sections_elsewhere(), 1);
    atomic_store(&may_leave, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(blas_sections_elsewhere(), 0);
    assert_int_equal(status_of(child), 0);
}

/* ---- a fork under way ---------------------------------------------------------------------------------- */

static atomic_bool starts_thread, entered_early;
static pthread_t late;

static void *enter(void *unused)
{
    BLAS_SECTION(false);
    atomic_store(&inside, true);
    return unused;
}

/* Registered before the library's handlers: this one runs after them, with the fork still to come. */
static void before_fork(void)
{
    if (atomic_load(&starts_thread)) {
        pthread_create(&late, NULL, enter, NULL);
        sleep_milliseconds(100);
        atomic_store(&entered_early, atomic_load(&inside));
    }
}

__attribute__((constructor(101))) static void come_first(void)
{
    pthread_atfork(before_fork, NULL, NULL);
}

static void a_section_waits_for_a_fork_under_way(void **unused)
{
    (void)unused;
    atomic_store(&inside, false);
    atomic_store(&starts_thread, true);
    const pid_t child = fork();
    if (child == 0) {
        _exit(blas_sections_elsewhere());
    }
    atomic_store(&starts_thread, false);
    assert_int_equal(pthread_join(late, NULL), 0);
    assert_true(atomic_load(&inside));
    assert_false(atomic_load(&entered_early));
    assert_int_equal(status_of(child), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_waits_for_sections_of_other_threads),
        cmocka_unit_test(a_fork_does_not_wait_for_ever),
        cmocka_unit_test(a_section_waits_for_a_fork_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
