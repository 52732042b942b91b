/* How many threads a pass takes: one, or all that its work may keep busy, whichever is faster. */
#ifndef MODEL_TEAM_CHOICE_H
#define MODEL_TEAM_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"

/* What every member of a team does in a pass. */
typedef void team_work(const struct team *team, void *context);

struct tried_pass {
    team_work *work;
    size_t count; /* of samples */
};

/* What is known of a workspace's passes of one kind; starts as zeros. */
struct team_choice {
    struct tried_pass tried;           /* another pass is tried anew when it comes twice in a row */
    struct tried_pass last;            /* that was run */
    size_t calls;                      /* since the trial began */
    size_t cycle;                      /* calls from one trial to the next */
    bool alone;                        /* one thread is faster */
    double least_alone, least_of_team; /* seconds of the fastest timed call of the trial */
    double trial;                      /* seconds of the trial so far */
};

/* Runs work(team, context) on one thread or on `threads`, whichever was faster in the last trial: the first
 * calls, and further ones now and then, which take a hundredth of the time. The same bits either way. */
void team_choice_run(struct team_choice *choice, int threads, size_t count, team_work *work, void *context);

#endif
