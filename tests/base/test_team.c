/* Teams: every task has one owner, and a barrier shows all members what was written before it. */
#include "support/support.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/processors.h"
#include "base/team.h"

static void shares_cover_all_tasks_once(void **unused)
{
    (void)unused;
    for (int size = 1; size <= 20; size++) {
        for (size_t count = 0; count < 65; count++) {
            size_t next = 0;
            for (int rank = 0; rank < size; rank++) {
                const struct team team = { size, rank, NULL };
                const struct range share = team_share(&team, count);
                const size_t owned = share.end - share.first;
                assert_int_equal(share.first, next);
                assert_in_range(owned, count / (size_t)size, (count + (size_t)size - 1) / (size_t)size);
                next = share.end;
            }
            assert_int_equal(next, count);
        }
    }
    const struct team last = { 3, 2, NULL };
    assert_int_equal(team_share(&last, SIZE_MAX).end, SIZE_MAX);
}

enum { MOST = 16, ROUNDS = 50 };

struct relay {
    int visits[MOST];
    int sizes[MOST];
    int rounds[2][MOST];
    int late;
};

/* Everyone writes its own cell, then, behind a barrier, reads everyone else's. */
static void run_relay(const struct team *team, void *context)
{
    struct relay *relay = context;
    relay->visits[team->rank]++;
    relay->sizes[team->rank] = team->size;
    for (int round = 0; round < ROUNDS; round++) {
        int *cells = relay->rounds[round % 2];
        cells[team->rank] = round + 1;
        team_barrier(team);
        for (int other = 0; other < team->size; other++) {
            if (cells[other] != round + 1) {
                __atomic_add_fetch(&relay->late, 1, __ATOMIC_RELAXED);
            }
        }
    }
}

static void barriers_hold(void **unused)
{
    static const int teams[] = { 1, 2, 3, 8, MOST };
    (void)unused;
    for (size_t t = 0; t < sizeof teams / sizeof teams[0]; t++) {
        struct relay relay = { .late = 0 };
        team_run(teams[t], run_relay, &relay);
        assert_int_equal(relay.late, 0);
        const int paid = processors_within_quota(), size = teams[t] < paid ? teams[t] : paid;
        assert_int_equal(relay.sizes[0], team_has_openmp() ? size : 1);
        for (int rank = 0; rank < MOST; rank++) {
            assert_int_equal(relay.visits[rank], rank < relay.sizes[0]);
        }
    }
}

static void defaults(void **unused)
{
    (void)unused;
    assert_true(team_default_threads() >= 1);
    assert_true(team_has_openmp() || team_default_threads() == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(shares_cover_all_tasks_once),
                                        cmocka_unit_test(barriers_hold), cmocka_unit_test(defaults) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
