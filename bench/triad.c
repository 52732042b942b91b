/* The triad a = b + s·c. */
#include "triad.h"

#include "base/team.h"

static void triad_member(const struct team *team, void *context)
{
    const struct triad *t = context;
    const struct range share = team_share(team, t->count);
    float *restrict a = t->arrays;
    const float *restrict b = t->arrays + t->count, *restrict c = t->arrays + 2 * t->count;
    for (size_t i = share.first; i < share.end; i++) {
        a[i] = b[i] + 3.0f * c[i];
    }
}

void triad_run(void *context)
{
    const struct triad *t = context;
    team_run(t->threads, triad_member, context);
}
