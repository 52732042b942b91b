/* Schedules: one row of behaviour for each value of mlp_schedule. */
#include "strategy/schedule.h"

#include <math.h>
#include <stdbool.h>

#include "base/names.h"
#include "base/options.h"
#include "base/status.h"

#define PI 3.14159265358979323846

/* Which fields a schedule takes. */
enum {
    TAKES_PERIOD = 1,
    TAKES_FACTOR = 2,
    TAKES_MINIMUM = 4,
    TAKES_POWER = 8,
    TAKES_GROWTH = 16,
    TAKES_SHARE = 32,
    TAKES_PATIENCE = 64,
    TAKES_MILESTONES = 128
};

enum { DEFAULT_PATIENCE = 5 };

/* One cycle (Smith 2018): where it begins, and the ends of the momentum. */
#define ONE_CYCLE_START (1.0 / 25.0)
#define ONE_CYCLE_END 4e-6
#define MOMENTUM_HIGH 0.95
#define MOMENTUM_LOW 0.85

/* A growth that no training reaches the second restart of. */
#define ENDLESS 1e100

/* A step of a schedule: t and T after the warm-up, with every default resolved. */
struct place {
    const mlp_schedule_options *options;
    double t, total;
    double period;
    double factor;
    double share;
};

struct schedule_row {
    struct name name; /* must be first */
    int takes;
    double period;                               /* default, by T; 0: none */
    double factor;                               /* default */
    double share;                                /* default */
    bool stretches;                              /* over all of T, whatever the period */
    double (*height)(const struct place *place); /* 0 … 1: the factor is minimum + (1 − minimum)·height */
};

static double constant(const struct place *p)
{
    (void)p;
    return 1.0;
}

static double staircase(const struct place *p)
{
    return pow(p->factor, floor(p->t / p->period));
}

static double milestones(const struct place *p)
{
    size_t passed = 0;
    while (passed < p->options->milestone_count && (double)p->options->milestones[passed] <= p->t) {
        passed++;
    }
    return pow(p->factor, (double)passed);
}

static double exponential(const struct place *p)
{
    return pow(p->factor, p->t / p->period);
}

static double polynomial(const struct place *p)
{
    return pow(1.0 - p->t / p->total, p->options->power != 0.0 ? p->options->power : 1.0);
}

/* Half a cosine from 1 down to 0, x in 0 … 1. */
static double half_cosine(double x)
{
    return 0.5 * (1.0 + cos(PI * x));
}

static double cosine(const struct place *p)
{
    return half_cosine(p->t / p->total);
}

/* Where period number n begins, in first periods: 1 + g + … + g^(n − 1) = (gⁿ − 1)/(g − 1), g > 1. */
static double restart_of(double n, double growth)
{
    const double grown = growth < 1.5 ? expm1(n * log1p(growth - 1.0)) : pow(growth, n) - 1.0;
    return grown / (growth - 1.0);
}

static double cosine_restarts(const struct place *p)
{
    const double growth = fmin(p->options->growth != 0.0 ? p->options->growth : 2.0, ENDLESS);
    const double x = p->t / p->period;
    if (growth == 1.0) {
        return half_cosine(fmod(x, 1.0));
    }
    double n = floor(log1p(x * (growth - 1.0)) / log(growth)); /* rounding may miss by one */
    n = fmax(restart_of(n, growth) > x ? n - 1.0 : n, 0.0);
    n = restart_of(n + 1.0, growth) <= x ? n + 1.0 : n;
    return half_cosine((x - restart_of(n, growth)) / pow(growth, n));
}

/* Smith 2015: 0 at the ends of a period, 1 in its middle. */
static double triangle(const struct place *p)
{
    const double x = fmod(p->t / p->period, 1.0);
    return 1.0 - fabs(2.0 * x - 1.0);
}

static double triangle_halving(const struct place *p)
{
    return triangle(p) * pow(0.5, floor(p->t / p->period));
}

static double triangle_falling(const struct place *p)
{
    return triangle(p) * pow(p->factor, p->t);
}

/* The step of a cycle's peak; it ends at the last step, T − 1 (PyTorch's OneCycleLR). */
static double cycle_peak(const struct place *p)
{
    return p->share * p->total - 1.0;
}

/* How far a cycle has risen, 0 … 1, and on its way down 1 … 0. */
static double cycle_height(const struct place *p)
{
    const double peak = cycle_peak(p);
    return p->t < peak ? 1.0 - half_cosine(p->t / peak)
                       : half_cosine((p->t - peak) / (p->total - 1.0 - peak));
}

static double one_cycle(const struct place *p)
{
    const double end = p->options->minimum > 0.0 ? p->options->minimum : ONE_CYCLE_END;
    const double low = p->t < cycle_peak(p) ? ONE_CYCLE_START : end;
    return low + (1.0 - low) * cycle_height(p);
}

static double inverse_sqrt(const struct place *p)
{
    return sqrt(p->period / (p->period + p->t));
}

static double stable_then_down(const struct place *p)
{
    return fmin((p->total - p->t) / (p->share * p->total), 1.0);
}

static double custom(const struct place *p)
{
    return p->options->custom((size_t)p->t, (size_t)p->total, p->options->context);
}

/* clang-format off */
static const struct schedule_row rows[] = {
    [MLP_SCHEDULE_CONSTANT] = { .name = { "constant", "1" }, .height = constant },
    [MLP_SCHEDULE_STEP] = { .name = { "step", "times factor every period" },
                            .takes = TAKES_PERIOD | TAKES_FACTOR,
                            .period = 1.0 / 3.0, .factor = 0.1, .height = staircase },
    [MLP_SCHEDULE_MULTI_STEP] = { .name = { "multi-step", "times factor at each milestone" },
                                  .takes = TAKES_FACTOR | TAKES_MILESTONES, .factor = 0.1,
                                  .height = milestones },
    [MLP_SCHEDULE_EXPONENTIAL] = { .name = { "exponential", "factor^(t/period)" },
                                   .takes = TAKES_PERIOD | TAKES_FACTOR,
                                   .period = 1.0, .factor = 0.01, .height = exponential },
    [MLP_SCHEDULE_POLYNOMIAL] = { .name = { "polynomial", "(1 - t/T)^power, down to minimum" },
                                  .takes = TAKES_MINIMUM | TAKES_POWER, .stretches = true,
                                  .height = polynomial },
    [MLP_SCHEDULE_COSINE] = { .name = { "cosine", "half a cosine, down to minimum" },
                              .takes = TAKES_MINIMUM, .stretches = true,
                              .height = cosine },
    [MLP_SCHEDULE_COSINE_RESTARTS] = { .name = { "cosine-restarts", "the same over growing periods (SGDR)" },
                                       .takes = TAKES_PERIOD | TAKES_MINIMUM | TAKES_GROWTH,
                                       .period = 1.0 / 7.0,
                                       .height = cosine_restarts },
    [MLP_SCHEDULE_TRIANGULAR] = { .name = { "triangular", "up and down in each period (Smith 2015)" },
                                  .takes = TAKES_PERIOD | TAKES_MINIMUM, .period = 0.2, .height = triangle },
    [MLP_SCHEDULE_TRIANGULAR2] = { .name = { "triangular2", "the same, halved with each period" },
                                   .takes = TAKES_PERIOD | TAKES_MINIMUM, .period = 0.2,
                                   .height = triangle_halving },
    [MLP_SCHEDULE_EXP_RANGE] = { .name = { "exp-range", "the same, times factor^t" },
                                 .takes = TAKES_PERIOD | TAKES_MINIMUM | TAKES_FACTOR, .period = 0.2,
                                 .factor = 0.99994,
                                 .height = triangle_falling },
    [MLP_SCHEDULE_ONE_CYCLE] = { .name = { "one-cycle", "up, and down to nearly 0; momentum the other way "
                                                        "(Smith 2018)" },
                                 .takes = TAKES_MINIMUM | TAKES_SHARE, .share = 0.3, .stretches = true,
                                 .height = one_cycle },
    [MLP_SCHEDULE_INVERSE_SQRT] = { .name = { "inverse-sqrt", "sqrt(period/(period + t))" },
                                    .takes = TAKES_PERIOD,
                                    .period = 0.01, .height = inverse_sqrt },
    [MLP_SCHEDULE_WARMUP_STABLE_DECAY] = { .name = { "warmup-stable-decay", "1, and down to minimum over "
                                                                            "the last share" },
                                           .takes = TAKES_MINIMUM | TAKES_SHARE, .share = 0.2,
                                           .stretches = true,
                                           .height = stable_then_down },
    [MLP_SCHEDULE_PLATEAU] = { .name = { "plateau", "times factor when the loss has not fallen for "
                                                    "patience epochs" },
                               .takes = TAKES_FACTOR | TAKES_MINIMUM | TAKES_PATIENCE, .factor = 0.1,
                               .height = constant },
    [MLP_SCHEDULE_CUSTOM] = { .name = { "custom", "the caller's own function" }, .stretches = true,
                              .height = custom },
};
/* clang-format on */

static const struct name_table names = NAME_ROWS("schedule", rows);

STRATEGY_FUNCTIONS(mlp_schedule, mlp_schedule, &names);

/* ---- checks -------------------------------------------------------------------------------------------- */

/* Refuses what the schedule would not look at. */
static mlp_status check_unused(const struct schedule_row *row, const mlp_schedule_options *o)
{
    const struct {
        const char *field;
        bool given;
        int flag;
    } fields[] = { { "period", o->period != 0, TAKES_PERIOD },
                   { "factor", o->factor != 0.0, TAKES_FACTOR },
                   { "minimum", o->minimum != 0.0, TAKES_MINIMUM },
                   { "power", o->power != 0.0, TAKES_POWER },
                   { "growth", o->growth != 0.0, TAKES_GROWTH },
                   { "share", o->share != 0.0, TAKES_SHARE },
                   { "patience", o->patience != 0, TAKES_PATIENCE },
                   { "milestones", o->milestone_count != 0, TAKES_MILESTONES } };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        FAIL_IF(fields[i].given && (row->takes & fields[i].flag) == 0, MLP_ERROR_ARGUMENT,
                "schedule %s takes no %s, expected 0", row->name.name, fields[i].field);
    }
    return MLP_OK;
}

static mlp_status check_number(const char *schedule, const char *field, double value, bool holds,
                               const char *expected)
{
    return holds && isfinite(value) ? MLP_OK
                                    : fail(MLP_ERROR_RANGE, "schedule %s: %s is %g, expected %s", schedule,
                                           field, value, expected);
}

static mlp_status check_milestones(const mlp_schedule_options *o)
{
    FAIL_IF(o->milestone_count == 0 || o->milestones == NULL, MLP_ERROR_ARGUMENT,
            "schedule multi-step: there are no milestones, expected at least one");
    for (size_t i = 1; i < o->milestone_count; i++) {
        FAIL_IF(o->milestones[i] <= o->milestones[i - 1], MLP_ERROR_RANGE,
                "schedule multi-step: milestone %zu is %zu, expected more than the %zu before it", i,
                o->milestones[i], o->milestones[i - 1]);
    }
    return MLP_OK;
}

mlp_status schedule_accept(const mlp_schedule_options *given, mlp_schedule_options *o)
{
    TRY(ACCEPT_OPTIONS(mlp_schedule_options, MLP_SCHEDULE_OPTIONS_INIT, given, o));
    TRY(name_check(&names, (int)o->rule));
    const char *name = rows[o->rule].name.name;
    TRY(check_unused(&rows[o->rule], o));
    TRY(check_number(name, "factor", o->factor, o->factor >= 0.0 && o->factor <= 1.0,
                     "above 0, at most 1 (0: the default)"));
    TRY(check_number(name, "minimum", o->minimum, o->minimum >= 0.0 && o->minimum <= 1.0, "0 to 1"));
    TRY(check_number(name, "power", o->power, o->power >= 0.0, "a finite number above 0 (0: the default)"));
    TRY(check_number(name, "growth", o->growth, o->growth == 0.0 || o->growth >= 1.0,
                     "at least 1 (0: the default)"));
    TRY(check_number(name, "share", o->share, o->share >= 0.0 && o->share < 1.0,
                     "above 0, below 1 (0: the default)"));
    FAIL_IF(o->rule == MLP_SCHEDULE_ONE_CYCLE && o->warmup > 0, MLP_ERROR_ARGUMENT,
            "schedule one-cycle: warmup is %zu, expected 0: it begins with one", o->warmup);
    FAIL_IF(o->rule == MLP_SCHEDULE_CUSTOM && o->custom == NULL, MLP_ERROR_ARGUMENT,
            "schedule custom: the function is NULL");
    return o->rule == MLP_SCHEDULE_MULTI_STEP ? check_milestones(o) : MLP_OK;
}

/* ---- points -------------------------------------------------------------------------------------------- */

static double default_period(const struct schedule_row *row, const mlp_schedule_options *o, double total)
{
    const bool warm = o->rule == MLP_SCHEDULE_INVERSE_SQRT && o->warmup > 0;
    return warm ? (double)o->warmup : fmax(row->period * total, 1.0);
}

bool schedule_stretches(const mlp_schedule_options *o)
{
    const struct schedule_row *row = &rows[o->rule];
    const bool period_does =
        row->period > 0.0 && o->period == 0 && default_period(row, o, 1e6) != default_period(row, o, 2e6);
    return row->stretches || period_does;
}

static struct place place_of(const mlp_schedule_options *o, size_t t, size_t total)
{
    const struct schedule_row *row = &rows[o->rule];
    const double left = total > o->warmup ? (double)(total - o->warmup) : 1.0;
    return (struct place){
        .options = o,
        .t = t > o->warmup ? (double)(t - o->warmup) : 0.0,
        .total = left,
        .period = o->period > 0 ? (double)o->period : default_period(row, o, left),
        .factor = o->factor != 0.0 ? o->factor : row->factor,
        .share = o->share != 0.0 ? o->share : row->share,
    };
}

mlp_schedule_point schedule_at(const mlp_schedule_options *o, size_t t, size_t total)
{
    const size_t last = total > 0 ? total - 1 : 0;
    t = t < last ? t : last;
    const struct place place = place_of(o, t, total);
    if (t < o->warmup) {
        return (mlp_schedule_point){ (double)(t + 1) / (double)(o->warmup + 1), NAN };
    }
    const double height = rows[o->rule].height(&place);
    if (o->rule == MLP_SCHEDULE_ONE_CYCLE) {
        return (mlp_schedule_point){ height,
                                     MOMENTUM_HIGH - (MOMENTUM_HIGH - MOMENTUM_LOW) * cycle_height(&place) };
    }
    return (mlp_schedule_point){ o->minimum + (1.0 - o->minimum) * height, NAN };
}

mlp_status mlp_schedule_at(const mlp_schedule_options *options, size_t t, size_t total,
                           mlp_schedule_point *point)
{
    mlp_schedule_options accepted;
    REQUIRE_ARGUMENT(options);
    REQUIRE_ARGUMENT(point);
    TRY(schedule_accept(options, &accepted));
    FAIL_IF(total == 0, MLP_ERROR_RANGE, "mlp_schedule_at: total is 0, expected at least 1");
    FAIL_IF(accepted.rule == MLP_SCHEDULE_PLATEAU, MLP_ERROR_UNSUPPORTED,
            "mlp_schedule_at: plateau hangs on the loss; mlp_fit() follows it");
    *point = schedule_at(&accepted, t, total);
    return MLP_OK;
}

double schedule_gamma(const mlp_schedule_options *options)
{
    return options->factor != 0.0 ? options->factor : rows[options->rule].factor;
}

size_t schedule_patience(const mlp_schedule_options *options)
{
    return options->patience > 0 ? options->patience : DEFAULT_PATIENCE;
}
