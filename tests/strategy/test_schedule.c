/* Schedules: against recursions and formulas of their own, names, refusals. */
#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "strategy/schedule.h"
#include "support/support.h"

enum { TOTAL = 100 };

static double at(const mlp_schedule_options *options, size_t t)
{
    mlp_schedule_point point;
    assert_ok(mlp_schedule_at(options, t, TOTAL, &point));
    return point.factor;
}

static mlp_schedule_options options_of(mlp_schedule rule)
{
    mlp_schedule_options options = MLP_SCHEDULE_OPTIONS_INIT;
    options.rule = rule;
    return options;
}

static double by_step(size_t t, size_t total, void *context)
{
    return *(const double *)context * (double)(t + total);
}

/* By recursion from step to step, as a loop of training would have it. */
static void falls_are_products(void **unused)
{
    static const size_t marks[] = { 7, 30, 31 };
    mlp_schedule_options step = options_of(MLP_SCHEDULE_STEP), multi = options_of(MLP_SCHEDULE_MULTI_STEP);
    mlp_schedule_options steady = options_of(MLP_SCHEDULE_EXPONENTIAL);
    double stairs = 1.0, marked = 1.0, smooth = 1.0;
    (void)unused;
    step.period = 9;
    step.factor = 0.5;
    multi.milestones = marks;
    multi.milestone_count = 3;
    multi.factor = 0.3;
    steady.period = 1;
    steady.factor = 0.97;
    for (size_t t = 0; t < TOTAL; t++) {
        stairs *= t > 0 && t % 9 == 0 ? 0.5 : 1.0;
        marked *= t == 7 || t == 30 || t == 31 ? 0.3 : 1.0;
        smooth *= t > 0 ? 0.97 : 1.0;
        assert_close(at(&step, t), stairs, 1e-13);
        assert_close(at(&multi, t), marked, 1e-13);
        assert_close(at(&steady, t), smooth, 1e-13);
    }
    step = options_of(MLP_SCHEDULE_STEP); /* the defaults: a tenth at each third */
    steady = options_of(MLP_SCHEDULE_EXPONENTIAL);
    assert_close(at(&step, 33), 1.0, 0.0);
    assert_close(at(&step, 34), 0.1, 1e-15);
    assert_close(at(&step, 99), 0.01, 1e-15);
    assert_close(at(&steady, 50), 0.1, 1e-13);
}

/* η(t + 1) from η(t), the way of Loshchilov & Hutter's cosine written as a recursion: with c = cos(π/T), the
 * values about their middle satisfy x(t + 1) = 2c·x(t) − x(t − 1). */
static void cosines_follow_their_recursion(void **unused)
{
    mlp_schedule_options plain = options_of(MLP_SCHEDULE_COSINE),
                         again = options_of(MLP_SCHEDULE_COSINE_RESTARTS);
    const double pi = acos(-1.0), middle = 0.5 * (1.0 + 0.2);
    (void)unused;
    plain.minimum = 0.2;
    assert_close(at(&plain, 0), 1.0, 0.0);
    assert_close(at(&plain, 50), middle, 1e-15);
    for (size_t t = 2; t < TOTAL; t++) {
        const double x = at(&plain, t) - middle, y = at(&plain, t - 1) - middle,
                     z = at(&plain, t - 2) - middle;
        assert_close(x, 2.0 * cos(pi / TOTAL) * y - z, 1e-13);
    }
    again.period = 10; /* periods 0-9, 10-29, 30-69, 70-… */
    again.growth = 2.0;
    for (size_t t = 0; t < TOTAL; t++) {
        const size_t first = t < 10   ? 0
                             : t < 30 ? 10
                             : t < 70 ? 30
                                      : 70,
                     length = t < 10   ? 10
                              : t < 30 ? 20
                              : t < 70 ? 40
                                       : 80;
        assert_close(at(&again, t), pow(cos(0.5 * pi * (double)(t - first) / (double)length), 2.0),
                     1e-13); /* cos² x/2 */
    }
    again.growth = 1.0;
    assert_close(at(&again, 90), 1.0, 0.0);
    assert_close(at(&again, 95), 0.5, 1e-13);
}

static void lines_are_straight(void **unused)
{
    mlp_schedule_options line = options_of(MLP_SCHEDULE_POLYNOMIAL),
                         stable = options_of(MLP_SCHEDULE_WARMUP_STABLE_DECAY);
    (void)unused;
    line.minimum = 0.1;
    stable.warmup = 20;
    stable.share = 0.25;
    for (size_t t = 0; t < TOTAL; t++) {
        assert_close(at(&line, t), 1.0 - 0.9 * (double)t / TOTAL, 1e-13);
        /* 20 of warm-up, 60 stable, 20 down */
        assert_close(at(&stable, t),
                     t < 20    ? (double)(t + 1) / 21.0
                     : t <= 80 ? 1.0
                               : (100.0 - (double)t) / 20.0,
                     1e-13);
    }
    line.power = 3.0;
    line.minimum = 0.0;
    assert_close(at(&line, 50), 0.125, 1e-15);
    assert_close(at(&line, 1000), 1e-6, 1e-15); /* beyond the end: the last step */
}

/* Smith 2015, with his own formula: cycle = ⌊1 + t/2s⌋, x = |t/s − 2·cycle + 1|, base + (max − base)·max(0, 1
 * − x)·scale. */
static void cycles_are_smiths(void **unused)
{
    mlp_schedule_options options[3] = { options_of(MLP_SCHEDULE_TRIANGULAR),
                                        options_of(MLP_SCHEDULE_TRIANGULAR2),
                                        options_of(MLP_SCHEDULE_EXP_RANGE) };
    (void)unused;
    for (size_t k = 0; k < 3; k++) {
        options[k].period = 24;
        options[k].minimum = 0.25;
        for (size_t t = 0; t < TOTAL; t++) {
            const double s = 12.0, cycle = floor(1.0 + (double)t / (2.0 * s)),
                         x = fabs((double)t / s - 2.0 * cycle + 1.0);
            const double scale = k == 0   ? 1.0
                                 : k == 1 ? 1.0 / pow(2.0, cycle - 1.0)
                                          : pow(0.99994, (double)t);
            assert_close(at(&options[k], t), 0.25 + 0.75 * fmax(0.0, 1.0 - x) * scale, 1e-13);
        }
    }
}

/* PyTorch 2.13's OneCycleLR with its defaults (torch/optim/lr_scheduler.py): two phases, which end at steps
 * pct_start·T − 1 and T − 1, each annealed by (end + (start − end)/2·(cos(π·pct) + 1)), from max_lr/25 by max_lr
 * to max_lr/25/10⁴; momentum 0.95, 0.85, 0.95. */
static void one_cycle_is_that_of_pytorch(void **unused)
{
    static const size_t totals[] = { 1, 2, 3, 4, 7, 100, 1000 };
    const double pi = acos(-1.0);
    mlp_schedule_options options = options_of(MLP_SCHEDULE_ONE_CYCLE);
    mlp_schedule_point point;
    (void)unused;
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        const double end_of_rise = 0.3 * (double)totals[i] - 1.0, end = (double)totals[i] - 1.0;
        for (size_t t = 0; t < totals[i]; t++) {
            const bool rises = (double)t <= end_of_rise;
            const double way =
                rises ? (double)t / end_of_rise : ((double)t - end_of_rise) / (end - end_of_rise);
            const double first = rises ? 1.0 / 25.0 : 1.0, last = rises ? 1.0 : 1.0 / 25.0 / 1e4;
            const double cosine = 1.0 + cos(pi * way);
            assert_ok(mlp_schedule_at(&options, t, totals[i], &point));
            if (end_of_rise != 0.0 || t > 0) {
                assert_close(point.factor, last + (first - last) / 2.0 * cosine, 1e-13);
                assert_close(point.momentum, rises ? 0.85 + 0.05 * cosine : 0.95 - 0.05 * cosine, 1e-13);
            }
        }
        assert_close(point.factor, 4e-6, 1e-15);
        options.minimum = 0.01;
        assert_ok(mlp_schedule_at(&options, totals[i] - 1, totals[i], &point));
        assert_close(point.factor, 0.01, 1e-15);
        options.minimum = 0.0;
    }
}

/* By the loop that Loshchilov & Hutter describe, from period to period, for periods that hardly grow and ones
 * that never end. */
static void restarts_are_where_a_loop_finds_them(void **unused)
{
    static const double growths[] = { 1.0, 1.0 + 1e-15, 1.0 + 1e-9, 1.001, 1.37, 1.5, 2.0, 3.0, 17.5, 1e300 };
    mlp_schedule_options options = options_of(MLP_SCHEDULE_COSINE_RESTARTS);
    const double pi = acos(-1.0);
    (void)unused;
    for (size_t i = 0; i < sizeof growths / sizeof growths[0]; i++) {
        for (options.period = 1; options.period < 40; options.period += 6) {
            long double first = 0.0, length = options.period;
            options.growth = growths[i];
            for (size_t t = 0; t < 2000; t++) {
                mlp_schedule_point point;
                if ((long double)t >=
                    first + length - 1e-10L) { /* the steps' distance from a restart, rounded */
                    first += length;
                    length *= growths[i];
                }
                assert_ok(mlp_schedule_at(&options, t, 2000, &point));
                const double expected = 0.5 * (1.0 + cos(pi * (double)(((long double)t - first) / length)));
                const bool restarts = fabsl((long double)t - first) < 1e-9L; /* 0 or 1 by the last bit */
                if (!restarts || growths[i] == 1.0 || growths[i] == 2.0 || growths[i] == 3.0) {
                    assert_close(point.factor, expected, 1e-9);
                }
            }
        }
    }
}

/* Of every schedule, with warm-ups shorter and longer than it. */
static void past_the_end_the_last_factor_stays(void **unused)
{
    static const size_t mark[] = { 3 };
    (void)unused;
    for (size_t i = 0; i < mlp_schedule_count(); i++) {
        for (size_t warmup = 0; warmup < 12; warmup++) {
            mlp_schedule_options options = options_of((mlp_schedule)i);
            mlp_schedule_point last, point;
            double scale = 1.0;
            options.custom = i == MLP_SCHEDULE_CUSTOM ? by_step : NULL;
            options.context = &scale;
            options.milestones = i == MLP_SCHEDULE_MULTI_STEP ? mark : NULL;
            options.milestone_count = i == MLP_SCHEDULE_MULTI_STEP;
            options.warmup = i == MLP_SCHEDULE_ONE_CYCLE ? 0 : warmup;
            if (i != MLP_SCHEDULE_PLATEAU) {
                for (size_t t = 5; t < 30; t++) {
                    assert_ok(mlp_schedule_at(&options, 4, 5, &last));
                    assert_ok(mlp_schedule_at(&options, t, 5, &point));
                    assert_true(point.factor == last.factor);
                    assert_true(point.momentum == last.momentum || isnan(last.momentum));
                }
            }
        }
    }
}

static void roots_and_warm_ups(void **unused)
{
    mlp_schedule_options root = options_of(MLP_SCHEDULE_INVERSE_SQRT);
    (void)unused;
    root.warmup = 16;
    assert_close(at(&root, 0), 1.0 / 17.0, 1e-15);
    assert_close(at(&root, 16), 1.0, 0.0);
    assert_close(at(&root, 64), 0.5, 1e-15); /* √(16/64) */
    root.warmup = 0;
    root.period = 25;
    assert_close(at(&root, 75), 0.5, 1e-15);
    for (size_t i = 0; i < mlp_schedule_count(); i++) { /* a warm-up suits all but one */
        static const size_t mark[] = { 50 };
        mlp_schedule_options options = options_of((mlp_schedule)i);
        if (i == MLP_SCHEDULE_ONE_CYCLE || i == MLP_SCHEDULE_PLATEAU || i == MLP_SCHEDULE_CUSTOM) {
            continue;
        }
        options.milestones = i == MLP_SCHEDULE_MULTI_STEP ? mark : NULL;
        options.milestone_count = i == MLP_SCHEDULE_MULTI_STEP;
        options.warmup = 4;
        for (size_t t = 0; t < 4; t++) {
            assert_close(at(&options, t), 0.2 * (double)(t + 1), 1e-15);
        }
    }
}

static double fall(size_t t, size_t total, void *context)
{
    return *(const double *)context / (double)(t + total);
}

/* A schedule stretches when its points change with T: what decides whether a checkpoint can go on for more
 * epochs. */
static void those_that_stretch_hang_on_the_total(void **unused)
{
    static const size_t mark[] = { 7, 20 };
    size_t stretching = 0, steady = 0;
    (void)unused;
    for (size_t i = 0; i < mlp_schedule_count(); i++) {
        for (size_t way = 0; way < 4; way++) {
            mlp_schedule_options options = options_of((mlp_schedule)i);
            mlp_schedule_point a, b;
            bool same = true;
            options.period = way % 2 == 1 ? 9 : 0;
            options.warmup = way / 2 == 1 ? 5 : 0;
            options.milestones = i == MLP_SCHEDULE_MULTI_STEP ? mark : NULL;
            options.milestone_count = i == MLP_SCHEDULE_MULTI_STEP ? 2 : 0;
            for (size_t t = 0; t < 500 && mlp_schedule_at(&options, t, 600, &a) == MLP_OK; t++) {
                assert_ok(mlp_schedule_at(&options, t, 1200, &b));
                same = same && a.factor == b.factor;
            }
            if (mlp_schedule_at(&options, 0, 600, &a) == MLP_OK) {
                assert_int_equal(schedule_stretches(&options), !same);
                stretching += !same;
                steady += same;
            }
        }
    }
    assert_true(stretching > 10 && steady > 10);
}

static void own_functions_and_refusals(void **unused)
{
    static const size_t back[] = { 5, 5 };
    mlp_schedule_options options = options_of(MLP_SCHEDULE_CUSTOM);
    mlp_schedule_point point;
    double scale = 50.0;
    (void)unused;
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_ARGUMENT, "custom", "NULL", NULL);
    options.custom = fall;
    options.context = &scale;
    assert_close(at(&options, 25), 0.4, 1e-15);
    options = options_of(MLP_SCHEDULE_COSINE);
    options.period = 3;
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_ARGUMENT, "cosine takes no period",
                   NULL);
    options = options_of(MLP_SCHEDULE_STEP);
    options.factor = 1.5;
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_RANGE, "factor is 1.5", NULL);
    options = options_of(MLP_SCHEDULE_MULTI_STEP);
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_ARGUMENT, "no milestones", NULL);
    options.milestones = back;
    options.milestone_count = 2;
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_RANGE, "milestone 1 is 5", NULL);
    options = options_of(MLP_SCHEDULE_ONE_CYCLE);
    options.warmup = 1;
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_ARGUMENT, "one-cycle",
                   "warmup is 1", NULL);
    options = options_of(MLP_SCHEDULE_PLATEAU);
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_UNSUPPORTED, "plateau", NULL);
    options = options_of((mlp_schedule)99);
    assert_refused(mlp_schedule_at(&options, 0, TOTAL, &point), MLP_ERROR_ARGUMENT, "schedule", NULL);
    options = options_of(MLP_SCHEDULE_COSINE);
    assert_refused(mlp_schedule_at(&options, 0, 0, &point), MLP_ERROR_RANGE, "total is 0", NULL);
    options.struct_size = 4;
    assert_refused(mlp_schedule_at(&options, 0, 1, &point), MLP_ERROR_ARGUMENT, "struct_size is 4", NULL);
}

static void names_go_there_and_back(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < mlp_schedule_count(); i++) {
        mlp_schedule schedule;
        assert_ok(mlp_schedule_from_name(mlp_schedule_name((mlp_schedule)i), &schedule));
        assert_int_equal(schedule, i);
        assert_non_null(mlp_schedule_description((mlp_schedule)i));
    }
    assert_null(mlp_schedule_name((mlp_schedule)mlp_schedule_count()));
}

int main(void)
{
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(falls_are_products),         cmocka_unit_test(cosines_follow_their_recursion),
        cmocka_unit_test(lines_are_straight),         cmocka_unit_test(cycles_are_smiths),
        cmocka_unit_test(one_cycle_is_that_of_pytorch),
        cmocka_unit_test(restarts_are_where_a_loop_finds_them),
        cmocka_unit_test(past_the_end_the_last_factor_stays),
        cmocka_unit_test(roots_and_warm_ups),
        cmocka_unit_test(those_that_stretch_hang_on_the_total),
        cmocka_unit_test(own_functions_and_refusals), cmocka_unit_test(names_go_there_and_back),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
