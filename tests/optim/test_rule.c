/* Update rules: each against a scalar reference in double, over 100 steps. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "optim/rule.h"
#include "optim/rule_rows.h"
#include "pytorch_rules.h"

enum { STEPS = 100, COUNT = 33 };

/* Large enough that its place, inside or outside the root, shows. */
#define EPSILON 0.05

struct scalar {
    double w, s0, s1, s2;
};

static double beta2_of(mlp_optimizer_rule rule)
{
    return rule == MLP_OPTIMIZER_RMSPROP || rule == MLP_OPTIMIZER_LION ? 0.99
           : rule == MLP_OPTIMIZER_ADADELTA                            ? 0.9
                                                                       : 0.999;
}

/* NAdam's µ at step t. */
static double look_ahead(int t)
{
    return 0.9 * (1.0 - 0.5 * pow(0.96, 0.004 * t));
}

/* The step of iRprop−. */
static double rprop(struct scalar *p, double g, double first)
{
    const double turn = g * p->s0, old = p->s1 == 0.0 ? first : p->s1;
    p->s1 = fmin(50.0, fmax(1e-6, old * (turn > 0.0 ? 1.2 : turn < 0.0 ? 0.5 : 1.0)));
    p->s0 = turn < 0.0 ? 0.0 : g;
    return p->s0 > 0.0 ? p->s1 : p->s0 < 0.0 ? -p->s1 : 0.0;
}

/* The rules as their papers have them, one parameter at a time. */
static void reference(mlp_optimizer_rule rule, struct scalar *p, double g, double rate, double l2,
                      double keep, int t)
{
    const double mu = 0.9, b1 = 0.9, b2 = beta2_of(rule), eps = EPSILON;
    g += l2 * p->w;
    double step = 0.0;
    switch (rule) {
    case MLP_OPTIMIZER_SGD: step = g; break;
    case MLP_OPTIMIZER_MOMENTUM: step = p->s0 = mu * p->s0 + g; break;
    case MLP_OPTIMIZER_NESTEROV:
        p->s0 = mu * p->s0 + g;
        step = g + mu * p->s0;
        break;
    case MLP_OPTIMIZER_RMSPROP:
        p->s0 = b2 * p->s0 + (1.0 - b2) * g * g;
        step = g / (sqrt(p->s0) + eps);
        break;
    case MLP_OPTIMIZER_ADAGRAD:
        p->s0 += g * g;
        step = g / (sqrt(p->s0) + eps);
        break;
    case MLP_OPTIMIZER_ADADELTA:
        p->s0 = b2 * p->s0 + (1.0 - b2) * g * g;
        step = sqrt(p->s1 + eps) / sqrt(p->s0 + eps) * g;
        p->s1 = b2 * p->s1 + (1.0 - b2) * step * step;
        break;
    case MLP_OPTIMIZER_LION: {
        const double blend = b1 * p->s0 + (1.0 - b1) * g;
        step = blend > 0.0 ? 1.0 : blend < 0.0 ? -1.0 : 0.0;
        p->s0 = b2 * p->s0 + (1.0 - b2) * g;
        break;
    }
    case MLP_OPTIMIZER_ADAMAX:
        p->s0 = b1 * p->s0 + (1.0 - b1) * g;
        p->s1 = fmax(b2 * p->s1, fabs(g) + eps);
        step = p->s0 / (1.0 - pow(b1, t)) / p->s1;
        break;
    case MLP_OPTIMIZER_RADAM: {
        const double end = 2.0 / (1.0 - b2) - 1.0, rho = end - 2.0 * t * pow(b2, t) / (1.0 - pow(b2, t));
        p->s0 = b1 * p->s0 + (1.0 - b1) * g;
        p->s1 = b2 * p->s1 + (1.0 - b2) * g * g;
        step = p->s0 / (1.0 - pow(b1, t));
        if (rho > 5.0) {
            step *= sqrt((rho - 4.0) / (end - 4.0) * (rho - 2.0) / (end - 2.0) * end / rho) *
                    sqrt(1.0 - pow(b2, t)) / (sqrt(p->s1) + eps);
        }
        break;
    }
    case MLP_OPTIMIZER_NADAM: {
        double product = 1.0;
        for (int i = 1; i <= t; i++) {
            product *= look_ahead(i);
        }
        const double next = product * look_ahead(t + 1);
        p->s0 = b1 * p->s0 + (1.0 - b1) * g;
        p->s1 = b2 * p->s1 + (1.0 - b2) * g * g;
        step = (look_ahead(t + 1) * p->s0 / (1.0 - next) + (1.0 - look_ahead(t)) * g / (1.0 - product)) /
               (sqrt(p->s1 / (1.0 - pow(b2, t))) + eps);
        break;
    }
    case MLP_OPTIMIZER_RPROP: step = rprop(p, g, rate) / rate; break;
    case MLP_OPTIMIZER_AMSGRAD:
        p->s0 = b1 * p->s0 + (1.0 - b1) * g;
        p->s1 = b2 * p->s1 + (1.0 - b2) * g * g;
        p->s2 = fmax(p->s2, p->s1);
        step = p->s0 / (1.0 - pow(b1, t)) / (sqrt(p->s2 / (1.0 - pow(b2, t))) + eps);
        break;
    default:
        p->s0 = b1 * p->s0 + (1.0 - b1) * g;
        p->s1 = b2 * p->s1 + (1.0 - b2) * g * g;
        step = p->s0 / (1.0 - pow(b1, t)) / (sqrt(p->s1 / (1.0 - pow(b2, t))) + eps);
        break;
    }
    p->w = p->w * keep - rate * step;
}

static void run(const struct update_rule *row, mlp_optimizer_rule rule, size_t count, size_t offset,
                double l2, double keep)
{
    float w[COUNT + 8], g[COUNT + 8], s0[COUNT + 8] = { 0 }, s1[COUNT + 8] = { 0 }, s2[COUNT + 8] = { 0 };
    struct scalar expected[COUNT];
    uint64_t state = 3;
    const double beta2 = beta2_of(rule), rate = 0.01;
    double product = 1.0;
    test_fill(&state, -1.0, 1.0, w, COUNT + 8);
    for (size_t i = 0; i < count; i++) {
        expected[i] = (struct scalar){ .w = w[offset + i] };
    }
    const float before = w[offset + count], after_state = s0[offset + count];
    for (int t = 1; t <= STEPS; t++) {
        /* clang-format off */
        struct update update = {
            .parameters = w + offset, .gradients = g + offset, .state = { s0 + offset, s1 + offset,
            s2 + offset }, .count = count,
            .constants = { .scale = 0.5f, .bound = 0.4f, .l2 = (float)l2,
            .keep = (float)keep, .rate = (float)rate,
            .momentum = 0.9f,
            .beta1 = 0.9f, .beta2 = (float)beta2, .fresh1 = (float)(1.0 - 0.9),
            .fresh2 = (float)(1.0 - beta2),
            .epsilon = (float)EPSILON, .correction1 = (float)(1.0 / (1.0 - pow(0.9, t))),
            .correction2 = (float)(1.0 / (1.0 - pow(beta2, t))) },
        };
        /* clang-format on */
        const struct update_time time = { .beta1 = 0.9, .beta2 = beta2, .t = t, .product = &product };
        if (row->prepare != NULL) {
            row->prepare(&time, &update.constants);
        }
        const double size = t / 20 % 2 == 0 ? 1.0 : 0.05; /* the largest moments are not always the last */
        test_fill(&state, -size, size, g, COUNT + 8);
        row->update(&update);
        for (size_t i = 0; i < count; i++) {
            const double clipped = fmin(fmax(0.5 * g[offset + i], -(double)0.4f), (double)0.4f);
            reference(rule, &expected[i], clipped, rate, l2, keep, t);
        }
    }
    for (size_t i = 0; i < count; i++) {
        /* 100 steps of float rounding, each 2⁻²⁴ of a parameter of size 1, and of a step of size 0.1 at most
         */
        assert_close(w[offset + i], expected[i].w, 3e-5);
    }
    assert_true(w[offset + count] == before && s0[offset + count] == after_state);
}

static const struct update_rule *row_of(mlp_optimizer_rule rule, enum cpu_level level)
{
    return (const struct update_rule *)LEVEL_PICK(rule_table, level)->rows + rule;
}

static void every_rule_at_every_level(void **unused)
{
    (void)unused;
    for (int level = 0; level <= (int)cpu_level_best(); level++) {
        for (size_t rule = 0; rule < mlp_optimizer_count(); rule++) {
            const struct update_rule *row = row_of((mlp_optimizer_rule)rule, (enum cpu_level)level);
            if (row->finish != NULL || row->search != NULL) {
                continue; /* test_tensor_rules.c, test_lbfgs.c */
            }
            for (size_t count = 1; count <= COUNT; count += 4) {
                run(row, (mlp_optimizer_rule)rule, count, count % 7, 0.0, 1.0);
            }
            run(row, (mlp_optimizer_rule)rule, COUNT, 1, 0.03, 1.0);
            run(row, (mlp_optimizer_rule)rule, COUNT, 0, 0.0, 0.999);
        }
    }
}

/* PyTorch's own numbers, with the defaults of both but for the decay. */
static void compare_with_pytorch(mlp_optimizer_rule rule, mlp_decay mode, double decay,
                                 const double *expected)
{
    const struct update_rule *row = row_of(rule, cpu_level_best());
    const struct rule_defaults *d = &row->defaults;
    float w[PYTORCH_PARAMETERS], g[PYTORCH_PARAMETERS], s[3][PYTORCH_PARAMETERS] = { { 0 } };
    const double beta1 = isnan(d->beta1) ? 0.0 : d->beta1, beta2 = isnan(d->beta2) ? 0.0 : d->beta2;
    double product = 1.0;
    for (int i = 0; i < PYTORCH_PARAMETERS; i++) {
        w[i] = ((float)i - 3.5f) / 4.0f;
    }
    for (int t = 0; t < PYTORCH_STEPS; t++) {
        /* clang-format off */
        struct update update = {
            .parameters = w, .gradients = g, .state = { s[0], s[1], s[2] }, .count = PYTORCH_PARAMETERS,
            .constants = { .scale = 1.0f,
            .bound = INFINITY, .l2 = mode == MLP_DECAY_L2 ? (float)decay : 0.0f,
            .keep = mode == MLP_DECAY_DECOUPLED ? (float)(1.0 - d->learning_rate * decay) : 1.0f,
            .rate = (float)d->learning_rate,
            .momentum = (float)d->momentum, .beta1 = (float)beta1, .beta2 = (float)beta2,
            .fresh1 = (float)(1.0 - beta1),
            .fresh2 = (float)(1.0 - beta2), .epsilon = (float)d->epsilon,
            .correction1 = (float)(1.0 / (1.0 - pow(beta1, t + 1))),
            .correction2 = (float)(1.0 / (1.0 - pow(beta2, t + 1))) },
        };
        /* clang-format on */
        const struct update_time time = { .beta1 = beta1, .beta2 = beta2, .t = t + 1, .product = &product };
        if (row->prepare != NULL) {
            row->prepare(&time, &update.constants);
        }
        for (int i = 0; i < PYTORCH_PARAMETERS; i++) {
            g[i] = (float)((7 * i + 5 * t) % 11 - 5) / 8.0f;
        }
        row->update(&update);
    }
    for (int i = 0; i < PYTORCH_PARAMETERS; i++) {
        assert_close(w[i], expected[i], 3e-6); /* 40 roundings of 2⁻²⁴ */
    }
}

static void rules_are_pytorchs(void **unused)
{
    (void)unused;
    for (size_t r = 0; r < sizeof pytorch_rules / sizeof pytorch_rules[0]; r++) {
        const struct rule_defaults *d = &row_of(pytorch_rules[r].rule, cpu_level_best())->defaults;
        compare_with_pytorch(pytorch_rules[r].rule, d->decay, d->weight_decay, pytorch_rules[r].parameters);
    }
    for (size_t r = 0; r < sizeof pytorch_decays / sizeof pytorch_decays[0]; r++) {
        compare_with_pytorch(pytorch_decays[r].rule, pytorch_decays[r].decay, PYTORCH_DECAY,
                             pytorch_decays[r].parameters);
    }
}

/* No fused multiply-add, no reassociation: the levels agree to the bit, wherever a range is cut; and a bound
 * that no gradient reaches, which takes another loop than none, changes no bit, not the sign of a 0. */
static void levels_and_cuts_agree(void **unused)
{
    enum { LONG = 2000 };
    static float w[2][LONG], g[LONG], s[2][3][LONG];
    (void)unused;
    for (size_t rule = 0; rule < mlp_optimizer_count(); rule++) {
        if (rule == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        for (int side = 0; side < 2; side++) {
            uint64_t state = 8;
            const struct update_rule *row =
                row_of((mlp_optimizer_rule)rule, side ? cpu_level_best() : CPU_BASELINE);
            memset(s[side], 0, sizeof s[side]);
            test_fill(&state, -1.0, 1.0, w[side], LONG);
            test_fill(&state, -1.0, 1.0, g, LONG);
            for (size_t i = 0; i < LONG; i += 5) {
                g[i] = i % 2 == 0 ? 0.0f : -0.0f;
                w[side][i] = i % 3 == 0 ? 0.0f : w[side][i];
            }
            for (size_t first = 0, step = side ? 37 : LONG; first < LONG; first += step) {
                /* clang-format off */
                const struct update update = {
                    .parameters = w[side] + first, .gradients = g + first,
                    .state = { s[side][0] + first, s[side][1] + first, s[side][2] + first },
                    .count = LONG - first < step ? LONG - first : step,
                    .constants = { .scale = 1.0f, .bound = side ? FLT_MAX : INFINITY, .keep = 1.0f,
                    .rate = 0.1f, .momentum = 0.9f,
                    .beta1 = 0.9f,
                    .beta2 = 0.999f, .fresh1 = 0.1f, .fresh2 = 0.001f, .epsilon = 1e-8f, .correction1 = 10.0f,
                    .correction2 = 1000.0f, .figures = { 0.2f, 0.9f } },
                };
                /* clang-format on */
                row->update(&update);
            }
        }
        assert_memory_equal(w[0], w[1], sizeof w[0]);
        assert_memory_equal(s[0], s[1], sizeof s[0]);
    }
}

static void names_go_there_and_back(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < mlp_optimizer_count(); i++) {
        mlp_optimizer_rule found;
        assert_ok(mlp_optimizer_from_name(mlp_optimizer_name((mlp_optimizer_rule)i), &found));
        assert_int_equal(found, i);
        assert_non_null(mlp_optimizer_description((mlp_optimizer_rule)i));
    }
    mlp_optimizer_rule found;
    assert_refused(mlp_optimizer_from_name("adamm", &found), MLP_ERROR_ARGUMENT, "'adamm'", "adamw", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_rule_at_every_level),
                                        cmocka_unit_test(rules_are_pytorchs),
                                        cmocka_unit_test(levels_and_cuts_agree),
                                        cmocka_unit_test(names_go_there_and_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
