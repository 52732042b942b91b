/* A second thread takes half of the work, and costs: each of the two reads what the other has written, and
 * takes back lines that the other has read. What that costs does not follow from the shapes. Two cores of a
 * Zen 5 that share a third-level cache have barriers of 0.06 µs, and a step of 30-2000-30-10 with 32 samples
 * takes them 75 µs; of two cores that share none, 0.27 and 152 µs; of one 120. Nor is it known whether a
 * processor is free, or a thread asleep. So the clock decides. */
#include "model/team_choice.h"

#include "base/clock.h"

/* Calls of a trial of the team, and then of one thread. Those before the timed ones bring what is read to
 * where it is read from then on, and wake threads. */
enum { TRIED_CALLS = 16, TIMED_FROM = 8 };

/* The time of a trial in that of all calls. */
static const double trial_share = 0.01;

/* Calls until the next trial. */
static size_t cycle_of(const struct team_choice *choice)
{
    const double least = choice->alone ? choice->least_alone : choice->least_of_team;
    const double calls = choice->trial / (trial_share * least);
    return calls < 1e9 ? 2 * TRIED_CALLS + (size_t)calls : (size_t)1000000000;
}

/* One call of a trial, whose time is taken. */
static void try_call(struct team_choice *choice, int threads, team_work *work, void *context)
{
    const size_t call = choice->calls - 1;
    const bool alone = call >= TRIED_CALLS;
    double *least = alone ? &choice->least_alone : &choice->least_of_team;
    const double start = seconds_now();
    team_run(alone ? 1 : threads, work, context);
    const double seconds = seconds_now() - start;
    choice->trial = call == 0 ? seconds : choice->trial + seconds;
    if (call % TRIED_CALLS == TIMED_FROM || (call % TRIED_CALLS > TIMED_FROM && seconds < *least)) {
        *least = seconds;
    }
    if (choice->calls == 2 * TRIED_CALLS) {
        choice->alone = choice->least_alone < choice->least_of_team;
        choice->cycle = cycle_of(choice);
    }
}

static bool same_pass(const struct tried_pass *a, const struct tried_pass *b)
{
    return a->work == b->work && a->count == b->count;
}

void team_choice_run(struct team_choice *choice, int threads, size_t count, team_work *work, void *context)
{
    const struct tried_pass pass = { work, count };
    const bool again = same_pass(&choice->last, &pass);
    choice->last = pass;
    if (!same_pass(&choice->tried, &pass)) {
        if (choice->calls > 0 && !again) { /* one by itself, as the short last batch of an epoch is */
            team_run(choice->alone ? 1 : threads, work, context);
            return;
        }
        *choice = (struct team_choice){ .tried = pass, .last = pass };
    }
    choice->calls = choice->calls > 2 * TRIED_CALLS && choice->calls >= choice->cycle ? 1 : choice->calls + 1;
    if (choice->calls <= 2 * TRIED_CALLS) {
        try_call(choice, threads, work, context);
    } else {
        team_run(choice->alone ? 1 : threads, work, context);
    }
}
