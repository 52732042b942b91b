/* Random problems against what must hold of every one.
 *
 * usage: properties [FIRST [COUNT]]     problems of the seeds FIRST (1) … FIRST + COUNT − 1 (1000)
 *        properties CHOICE=VALUE…       one problem, as a failure prints it
 *
 * A failure prints the problem's seed, and the plainest problem found that still fails. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "properties/problem.h"

static const struct {
    const char *name;
    property holds;
} properties[] = {
    { "passes agree with the reference in double", passes_agree_with_the_reference },
    { "steps have the same bits on 1, 2 and 3 threads", steps_have_the_same_bits_on_any_team },
    { "a step has the bits of its parts", a_step_is_its_parts },
    { "after OK all is finite, after an error nothing has changed", what_is_not_finite_changes_nothing },
    { "predictions are those of forward", predictions_are_those_of_forward },
    { "evaluation does not depend on the batch", evaluation_does_not_depend_on_the_batch },
    { "the loss of an epoch at rest is the evaluation", the_loss_of_an_epoch_at_rest_is_the_evaluation },
    { "saved models come back", saved_models_come_back },
    { "a fit that is OK leaves finite parameters", a_fit_that_is_ok_leaves_finite_parameters },
    { "a stopped fit goes on to the same bits", a_stopped_fit_goes_on_to_the_same_bits },
};

enum { PROPERTIES = sizeof properties / sizeof properties[0] };

/* For a crash: what was being tried. */
static const struct problem *current;
static unsigned current_property;

static void tell_of_crash(int signal_number)
{
    fprintf(stderr, "signal %d in '%s':\n", signal_number, properties[current_property].name);
    problem_print(current, stderr);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* NULL: it holds, or the library refuses the problem. */
static const char *try_one(const struct problem *problem, unsigned which)
{
    struct subject subject;
    const char *wrong = NULL;
    current = problem;
    current_property = which;
    if (subject_make(&subject, problem)) {
        wrong = properties[which].holds(&subject);
    }
    subject_free(&subject);
    return wrong == NULL && memory_live_count() != 0 ? "something was not freed" : wrong;
}

/* Makes the problem plainer, choice by choice, as long as the property fails. */
static void shrink(struct problem *problem, unsigned which)
{
    bool simpler = true;
    while (simpler) {
        simpler = false;
        for (unsigned choice = 0; choice < CHOICES; choice++) {
            for (int attempt = 0; attempt < 3; attempt++) {
                struct problem plainer = *problem;
                if (problem_simplify(&plainer, choice, attempt) && try_one(&plainer, which) != NULL) {
                    *problem = plainer;
                    simpler = true;
                }
            }
        }
    }
}

static unsigned try_all(const struct problem *problem)
{
    unsigned failures = 0;
    for (unsigned which = 0; which < PROPERTIES; which++) {
        const char *wrong = try_one(problem, which);
        if (wrong == NULL) {
            continue;
        }
        struct problem plainest = *problem;
        failures++;
        printf("does not hold: %s\n    %s\n    ", properties[which].name, wrong);
        problem_print(problem, stdout);
        shrink(&plainest, which);
        wrong = try_one(&plainest, which);
        printf("  plainest: %s\n    ", wrong != NULL ? wrong : "(holds when tried again)");
        problem_print(&plainest, stdout);
        fflush(stdout);
    }
    return failures;
}

int main(int count, char **arguments)
{
    static const int signals[] = { SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL };
    struct problem problem;
    unsigned failures = 0;
    if (access("/dev/shm", W_OK) == 0) {
        setenv("MLP_TEST_FOLDER", "/dev/shm", 0); /* what is flushed to a disk takes most of the time */
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        signal(signals[i], tell_of_crash);
    }
    if (count > 1 && strchr(arguments[1], '=') != NULL) {
        if (!problem_read(&problem, count - 1, arguments + 1)) {
            fprintf(stderr, "properties: not a problem\n");
            return 2;
        }
        return try_all(&problem) > 0;
    }
    const uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t seeds = count > 2 ? strtoull(arguments[2], NULL, 10) : 1000;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        problem_draw(&problem, seed);
        failures += try_all(&problem);
    }
    printf("%llu problems, %u failures\n", (unsigned long long)seeds, failures);
    return failures > 0;
}
