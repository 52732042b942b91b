/* Initializers: one row of behaviour for each value of mlp_init. */
#include "strategy/init.h"

#include <math.h>

#include "base/names.h"
#include "base/status.h"
#include "strategy/init_draw.h"

/* Which fields of mlp_init_parameters an initializer takes. */
enum { TAKES_A = 1, TAKES_B = 2, TAKES_GAIN = 4, TAKES_FAN = 8, TAKES_DISTRIBUTION = 16 };

/* Martens 2010, section 5. */
enum { DEFAULT_INCOMING = 15 };

enum { DEFAULT_BASE_WIDTH = 64 };

struct init_row {
    struct name name; /* must be first */
    int takes;
    bool for_bias;
    mlp_fan fan; /* the family's own */
    mlp_distribution distribution;
    double (*default_gain)(const struct init_task *task);
    struct init_scale (*scale)(const struct init_row *row, const struct init_task *task);
    mlp_status (*fill)(const struct init_row *row, const struct init_task *task, const struct target *target);
};

static double gain_of_one(const struct init_task *task)
{
    (void)task;
    return 1.0;
}

/* He et al. 2015, equation 15: √(2/(1 + a²)), a the slope on the negative side. */
static double gain_of_he(const struct init_task *task)
{
    const double slope =
        task->activation.activation == MLP_ACTIVATION_LEAKY_RELU ? task->activation.parameter : 0.0;
    return sqrt(2.0 / (1.0 + slope * slope));
}

static double gain_of_activation(const struct init_task *task)
{
    double gain = 1.0;
    mlp_activation_gain(MLP_GAIN_EXACT, &task->activation, &gain); /* there is one for each activation */
    return gain;
}

static double gain_in_force(const struct init_row *row, const struct init_task *task)
{
    return task->parameters.gain != 0.0 ? task->parameters.gain : row->default_gain(task);
}

static double fan_in_force(const struct init_row *row, const struct init_task *task)
{
    const double in = (double)task->fan_in, out = (double)task->fan_out;
    const mlp_fan fan = task->parameters.fan != MLP_FAN_AUTOMATIC ? task->parameters.fan : row->fan;
    switch (fan) {
    case MLP_FAN_OUT: return out;
    case MLP_FAN_AVERAGE: return 0.5 * (in + out);
    case MLP_FAN_GEOMETRIC: return sqrt(in * out);
    default: return in;
    }
}

/* σ² = gain²/fan */
static struct init_scale family_scale(const struct init_row *row, const struct init_task *task)
{
    const double gain = gain_in_force(row, task), fan = fan_in_force(row, task);
    return (struct init_scale){ gain, fan, gain / sqrt(fan) };
}

static mlp_status family_fill(const struct init_row *row, const struct init_task *task,
                              const struct target *target)
{
    const mlp_distribution distribution =
        (row->takes & TAKES_DISTRIBUTION) != 0 ? task->parameters.distribution : row->distribution;
    return draw_scaled(task, distribution, family_scale(row, task).deviation, target);
}

static struct init_scale fixed_scale(const struct init_row *row, const struct init_task *task)
{
    return (struct init_scale){ gain_in_force(row, task), 0.0, 0.0 };
}

static mlp_status zeros_fill(const struct init_row *row, const struct init_task *task,
                             const struct target *target)
{
    (void)row;
    (void)task;
    return fill_constant(0.0, target);
}

static mlp_status constant_fill(const struct init_row *row, const struct init_task *task,
                                const struct target *target)
{
    (void)row;
    return fill_constant(task->parameters.a, target);
}

static mlp_status identity_fill(const struct init_row *row, const struct init_task *task,
                                const struct target *target)
{
    return fill_identity(gain_in_force(row, task), target);
}

/* N(0, a²), whole or truncated. */
static struct init_scale given_scale(const struct init_row *row, const struct init_task *task)
{
    (void)row;
    return (struct init_scale){ 1.0, 0.0, task->parameters.a != 0.0 ? task->parameters.a : 1.0 };
}

static mlp_status given_fill(const struct init_row *row, const struct init_task *task,
                             const struct target *target)
{
    return draw_scaled(task, row->distribution, given_scale(row, task).deviation, target);
}

static void uniform_bounds(const struct init_task *task, double *low, double *high)
{
    const bool given = task->parameters.a != 0.0 || task->parameters.b != 0.0;
    *low = given ? task->parameters.a : -1.0;
    *high = given ? task->parameters.b : 1.0;
}

static struct init_scale uniform_scale(const struct init_row *row, const struct init_task *task)
{
    double low, high;
    (void)row;
    uniform_bounds(task, &low, &high);
    return (struct init_scale){ 1.0, 0.0, (high - low) / sqrt(12.0) };
}

static mlp_status uniform_fill(const struct init_row *row, const struct init_task *task,
                               const struct target *target)
{
    double low, high;
    (void)row;
    uniform_bounds(task, &low, &high);
    return draw_uniform(task, low, high, target);
}

/* σ_w² from the critical line for biases N(0, a²). The gain is σ_w. */
static struct init_scale critical_scale(const struct init_row *row, const struct init_task *task)
{
    mlp_mean_field point;
    (void)row;
    const mlp_status status =
        mlp_mean_field_critical(&task->activation, task->parameters.a * task->parameters.a, &point);
    const double gain = status == MLP_OK ? sqrt(point.weight_variance) : NAN, fan = (double)task->fan_in;
    return (struct init_scale){ gain, fan, gain / sqrt(fan) };
}

static mlp_status critical_fill(const struct init_row *row, const struct init_task *task,
                                const struct target *target)
{
    const struct init_scale scale = critical_scale(row, task);
    return isnan(scale.deviation)
               ? fail_in(MLP_ERROR_UNSUPPORTED, "layer %zu: initializer critical", task->layer)
               : draw_scaled(task, MLP_DISTRIBUTION_NORMAL, scale.deviation, target);
}

/* The output's fan is fan_in²/a: the variance falls with the square of the width. */
static struct init_scale mup_scale(const struct init_row *row, const struct init_task *task)
{
    const double base = task->parameters.a != 0.0 ? task->parameters.a : (double)DEFAULT_BASE_WIDTH;
    const double gain = gain_in_force(row, task), in = (double)task->fan_in,
                 fan = task->is_output ? in * in / base : in;
    return (struct init_scale){ gain, fan, gain / sqrt(fan) };
}

static mlp_status mup_fill(const struct init_row *row, const struct init_task *task,
                           const struct target *target)
{
    return draw_scaled(task, MLP_DISTRIBUTION_NORMAL, mup_scale(row, task).deviation, target);
}

static size_t incoming(const struct init_task *task)
{
    const double wanted = task->parameters.b != 0.0 ? task->parameters.b : (double)DEFAULT_INCOMING;
    return wanted < (double)task->fan_in ? (size_t)wanted : task->fan_in;
}

static struct init_scale sparse_scale(const struct init_row *row, const struct init_task *task)
{
    const double deviation = given_scale(row, task).deviation;
    return (struct init_scale){ 1.0, 0.0, deviation * sqrt((double)incoming(task) / (double)task->fan_in) };
}

static mlp_status sparse_fill(const struct init_row *row, const struct init_task *task,
                              const struct target *target)
{
    return draw_sparse(task, incoming(task), given_scale(row, task).deviation, target);
}

static mlp_status hadamard_fill(const struct init_row *row, const struct init_task *task,
                                const struct target *target)
{
    const double gain = gain_in_force(row, task);
    return target->rows > target->columns ? fill_hadamard(gain, target) : fill_identity(gain, target);
}

/* An entry of a Haar-distributed orthonormal matrix has variance 1/max(fan-in, fan-out). */
static struct init_scale orthogonal_scale(const struct init_row *row, const struct init_task *task)
{
    const double gain = gain_in_force(row, task);
    const double fan = (double)(task->fan_in > task->fan_out ? task->fan_in : task->fan_out);
    return (struct init_scale){ gain, fan, gain / sqrt(fan) };
}

static mlp_status orthogonal_fill(const struct init_row *row, const struct init_task *task,
                                  const struct target *target)
{
    return draw_orthogonal(task, gain_in_force(row, task), target);
}

static struct init_scale custom_scale(const struct init_row *row, const struct init_task *task)
{
    (void)row;
    (void)task;
    return (struct init_scale){ 1.0, 0.0, NAN };
}

static mlp_status custom_fill(const struct init_row *row, const struct init_task *task,
                              const struct target *target)
{
    (void)row;
    return fill_custom(task, target);
}

#define FAMILY(text, says, of_gain, of_fan, of_distribution)                                                 \
    {                                                                                                        \
        .name = { text, says }, .takes = TAKES_GAIN | TAKES_FAN, .fan = of_fan,                              \
        .distribution = of_distribution, .default_gain = of_gain, .scale = family_scale, .fill = family_fill \
    }

/* clang-format off */
static const struct init_row rows[] = {
    [MLP_INIT_AUTOMATIC] = { .name = { "automatic", "what suits the activation; zeros for biases" },
                             .for_bias = true, .default_gain = gain_of_one, .scale = fixed_scale,
                             .fill = zeros_fill },
    [MLP_INIT_ZEROS] = { .name = { "zeros", "0: hidden units stay identical for ever" }, .for_bias = true,
                         .default_gain = gain_of_one, .scale = fixed_scale, .fill = zeros_fill },
    [MLP_INIT_CONSTANT] = { .name = { "constant", "a" }, .takes = TAKES_A, .for_bias = true,
                            .default_gain = gain_of_one, .scale = fixed_scale, .fill = constant_fill },
    [MLP_INIT_NORMAL] = { .name = { "normal", "N(0, a^2), a = 1 by default" }, .takes = TAKES_A,
                          .for_bias = true,
                          .distribution = MLP_DISTRIBUTION_NORMAL, .default_gain = gain_of_one,
                          .scale = given_scale,
                          .fill = given_fill },
    [MLP_INIT_UNIFORM] = { .name = { "uniform", "U(a, b), -1 to 1 by default" }, .takes = TAKES_A | TAKES_B,
                           .for_bias = true, .default_gain = gain_of_one, .scale = uniform_scale,
                           .fill = uniform_fill },
    [MLP_INIT_TRUNCATED_NORMAL] = { .name = { "truncated-normal", "normal cut at two deviations, deviation "
                                                                  "a exactly" },
                                    .takes = TAKES_A, .for_bias = true,
                                    .distribution = MLP_DISTRIBUTION_TRUNCATED,
                                    .default_gain = gain_of_one, .scale = given_scale, .fill = given_fill },
    [MLP_INIT_LECUN_NORMAL] = FAMILY("lecun-normal", "variance 1/fan-in (LeCun 1998)", gain_of_one,
                                     MLP_FAN_IN,
                                     MLP_DISTRIBUTION_NORMAL),
    [MLP_INIT_LECUN_UNIFORM] = FAMILY("lecun-uniform", "variance 1/fan-in, uniform", gain_of_one, MLP_FAN_IN,
                                      MLP_DISTRIBUTION_UNIFORM),
    [MLP_INIT_LECUN_TRUNCATED] = FAMILY("lecun-truncated", "variance 1/fan-in, truncated normal", gain_of_one,
                                        MLP_FAN_IN, MLP_DISTRIBUTION_TRUNCATED),
    [MLP_INIT_XAVIER_NORMAL] = FAMILY("xavier-normal", "variance 2/(fan-in + fan-out) (Glorot 2010)",
                                      gain_of_one,
                                      MLP_FAN_AVERAGE, MLP_DISTRIBUTION_NORMAL),
    [MLP_INIT_XAVIER_UNIFORM] = FAMILY("xavier-uniform", "variance 2/(fan-in + fan-out), uniform",
                                       gain_of_one,
                                       MLP_FAN_AVERAGE, MLP_DISTRIBUTION_UNIFORM),
    [MLP_INIT_XAVIER_TRUNCATED] = FAMILY("xavier-truncated", "variance 2/(fan-in + fan-out), truncated "
                                                             "normal",
                                         gain_of_one, MLP_FAN_AVERAGE, MLP_DISTRIBUTION_TRUNCATED),
    [MLP_INIT_HE_NORMAL] = FAMILY("he-normal", "variance 2/((1 + slope^2) fan-in) (He 2015)", gain_of_he,
                                  MLP_FAN_IN,
                                  MLP_DISTRIBUTION_NORMAL),
    [MLP_INIT_HE_UNIFORM] = FAMILY("he-uniform", "variance 2/((1 + slope^2) fan-in), uniform", gain_of_he,
                                   MLP_FAN_IN,
                                   MLP_DISTRIBUTION_UNIFORM),
    [MLP_INIT_HE_TRUNCATED] = FAMILY("he-truncated", "variance 2/((1 + slope^2) fan-in), truncated normal",
                                     gain_of_he, MLP_FAN_IN, MLP_DISTRIBUTION_TRUNCATED),
    [MLP_INIT_VARIANCE_SCALING] = { .name = { "variance-scaling", "variance gain^2/fan, fan and "
                                                                  "distribution as given" },
                                    .takes = TAKES_GAIN | TAKES_FAN | TAKES_DISTRIBUTION, .fan = MLP_FAN_IN,
                                    .default_gain = gain_of_one, .scale = family_scale, .fill = family_fill },
    [MLP_INIT_ORTHOGONAL] = { .name = { "orthogonal", "orthonormal rows or columns, times gain (Saxe 2013)" },
                              .takes = TAKES_GAIN, .default_gain = gain_of_one, .scale = orthogonal_scale,
                              .fill = orthogonal_fill },
    [MLP_INIT_IDENTITY] = { .name = { "identity", "gain on the diagonal, 0 elsewhere" }, .takes = TAKES_GAIN,
                            .default_gain = gain_of_one, .scale = fixed_scale, .fill = identity_fill },
    [MLP_INIT_CUSTOM] = { .name = { "custom", "the caller's own function" }, .for_bias = true,
                          .default_gain = gain_of_one, .scale = custom_scale, .fill = custom_fill },
    [MLP_INIT_CRITICAL] = { .name = { "critical", "mean-field critical for the activation and biases N(0, "
                                                  "a^2)" },
                            .takes = TAKES_A, .default_gain = gain_of_one, .scale = critical_scale,
                            .fill = critical_fill },
    [MLP_INIT_SPARSE] = { .name = { "sparse", "b incoming weights of each unit N(0, a^2), a 1, b 15 "
                                              "(Martens 2010)" },
                          .takes = TAKES_A | TAKES_B, .default_gain = gain_of_one, .scale = sparse_scale,
                          .fill = sparse_fill },
    [MLP_INIT_HADAMARD] = { .name = { "hadamard", "ZerO: identity, or a corner of a Hadamard matrix (Zhao "
                                                  "2021)" },
                            .takes = TAKES_GAIN, .default_gain = gain_of_one, .scale = fixed_scale,
                            .fill = hadamard_fill },
    [MLP_INIT_MUP] = { .name = { "mup", "maximal update: variance gain^2/fan-in, output a/fan-in^2 (Yang "
                                        "2022)" },
                       .takes = TAKES_A | TAKES_GAIN, .default_gain = gain_of_activation,
                       .scale = mup_scale, .fill = mup_fill },
};
/* clang-format on */

static const struct name fan_names[] = {
    [MLP_FAN_AUTOMATIC] = { "automatic", "the initializer's own" },
    [MLP_FAN_IN] = { "in", "units of the layer below" },
    [MLP_FAN_OUT] = { "out", "units of the layer" },
    [MLP_FAN_AVERAGE] = { "average", "mean of the two" },
    [MLP_FAN_GEOMETRIC] = { "geometric", "geometric mean of the two" },
};

static const struct name distribution_names[] = {
    [MLP_DISTRIBUTION_NORMAL] = { "normal", "Gaussian" },
    [MLP_DISTRIBUTION_UNIFORM] = { "uniform", "uniform on an interval about 0" },
    [MLP_DISTRIBUTION_TRUNCATED] = { "truncated", "Gaussian cut at two deviations" },
};

static const struct name_table names = NAME_ROWS("initializer", rows);

STRATEGY_FUNCTIONS(mlp_init, mlp_init, &names);

static const struct name_table fans = NAME_ROWS("fan", fan_names);

NAME_FUNCTIONS(mlp_fan, mlp_fan, &fans);

static const struct name_table distributions = NAME_ROWS("distribution", distribution_names);

NAME_FUNCTIONS(mlp_distribution, mlp_distribution, &distributions);

/* Refuses what the initializer would not look at. */
static mlp_status check_unused(const struct init_row *row, const mlp_init_parameters *p)
{
    const struct {
        const char *field;
        bool given;
        int flag;
    } fields[] = { { "a", p->a != 0.0, TAKES_A },
                   { "b", p->b != 0.0, TAKES_B },
                   { "gain", p->gain != 0.0 || p->gain_rule != MLP_GAIN_OWN, TAKES_GAIN },
                   { "fan", p->fan != MLP_FAN_AUTOMATIC, TAKES_FAN },
                   { "distribution", p->distribution != MLP_DISTRIBUTION_NORMAL, TAKES_DISTRIBUTION } };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        FAIL_IF(fields[i].given && (row->takes & fields[i].flag) == 0, MLP_ERROR_ARGUMENT,
                "initializer %s takes no %s, expected 0", row->name.name, fields[i].field);
    }
    return MLP_OK;
}

static mlp_status check_numbers(mlp_init init, const struct init_row *row, const mlp_init_parameters *p)
{
    FAIL_IF(!isfinite(p->a) || !isfinite(p->b), MLP_ERROR_RANGE,
            "initializer %s: %s is %g, expected a finite number", row->name.name, isfinite(p->a) ? "b" : "a",
            isfinite(p->a) ? p->b : p->a);
    FAIL_IF(!(p->gain >= 0.0) || !isfinite(p->gain), MLP_ERROR_RANGE,
            "initializer %s: gain is %g, expected a finite number above 0 (0: the default)", row->name.name,
            p->gain);
    FAIL_IF(init == MLP_INIT_CRITICAL && p->a < 0.0, MLP_ERROR_RANGE,
            "initializer critical: a is %g, expected the biases' deviation, at least 0", p->a);
    FAIL_IF(init == MLP_INIT_MUP && p->a != 0.0 && p->a < 1.0, MLP_ERROR_RANGE,
            "initializer mup: a is %g, expected the base width, at least 1 (0: the default, %d)", p->a,
            DEFAULT_BASE_WIDTH);
    FAIL_IF(init == MLP_INIT_SPARSE && (p->b < 0.0 || p->b != floor(p->b)), MLP_ERROR_RANGE,
            "initializer sparse: b is %g, expected a whole number of incoming weights above 0 (0: "
            "the default, %d)",
            p->b, DEFAULT_INCOMING);
    FAIL_IF((row->scale == given_scale || row->scale == sparse_scale) && p->a < 0.0, MLP_ERROR_RANGE,
            "initializer %s: a is %g, expected a deviation above 0 (0: the default, 1)", row->name.name,
            p->a);
    FAIL_IF(init == MLP_INIT_UNIFORM && (p->a != 0.0 || p->b != 0.0) && !(p->a < p->b), MLP_ERROR_RANGE,
            "initializer uniform: a is %g and b is %g, expected a < b", p->a, p->b);
    FAIL_IF(init == MLP_INIT_CUSTOM && p->custom == NULL, MLP_ERROR_ARGUMENT,
            "initializer custom: the function is NULL");
    return MLP_OK;
}

mlp_status init_check(mlp_init init, const mlp_init_parameters *parameters, bool is_bias)
{
    TRY(name_check(&names, (int)init));
    TRY(name_check(&fans, (int)parameters->fan));
    TRY(name_check(&distributions, (int)parameters->distribution));
    const struct init_row *row = &rows[init];
    FAIL_IF(is_bias && !row->for_bias, MLP_ERROR_ARGUMENT,
            "initializer %s does not suit a bias, expected zeros, constant, normal, "
            "uniform, truncated-normal or custom",
            row->name.name);
    TRY(check_unused(row, parameters));
    return check_numbers(init, row, parameters);
}

struct init_scale init_scale(const struct init_task *task)
{
    const struct init_row *row = &rows[task->init];
    return row->scale(row, task);
}

mlp_status init_fill(const struct init_task *task, float *values, size_t rows_count, size_t columns,
                     size_t leading_dimension)
{
    const struct init_row *row = &rows[task->init];
    const struct target target = { values, rows_count, columns, leading_dimension };
    TRY(row->fill(row, task, &target));
    return check_drawn(task, &target);
}
