/* Invariants: evaluated where the build asks for it, nowhere else. */
#undef MLP_ASSERTIONS
#define MLP_ASSERTIONS
#include "base/assert.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

/* How a child ends that checks a condition. */
static int end_of_child(bool condition)
{
    const pid_t child = fork();
    int status = -1;
    if (child == 0) {
        fclose(stderr);
        MLP_ASSERT(condition);
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

static void what_does_not_hold_ends_the_program(void **state)
{
    (void)state;
    const int status = end_of_child(false);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void what_holds_has_no_effect(void **state)
{
    (void)state;
    assert_int_equal(end_of_child(true), 0);
}

#undef MLP_ASSERT
#undef MLP_ASSERTIONS
#undef MLP_BASE_ASSERT_H
#include "base/assert.h"

static int evaluated;

static int evaluate(void)
{
    evaluated++;
    return 0;
}

static void release_builds_evaluate_nothing(void **state)
{
    (void)state;
    MLP_ASSERT(evaluate());
    assert_int_equal(evaluated, 0);
    assert_int_equal(evaluate(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_hold_ends_the_program),
        cmocka_unit_test(what_holds_has_no_effect),
        cmocka_unit_test(release_builds_evaluate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
