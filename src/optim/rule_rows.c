/* The update rules: each an inline body over one parameter, and its row in the table at the end.
 *
 * A body gets the gradient g with clipping, L2 decay and L1 penalty in it, the parameter w and its state s,
 * and returns the parameter after the update. `keep` is 1 − η·λ of a decoupled decay. */
#include "optim/rule_rows.h"

#include "optim/lbfgs.h"

/* Stochastic gradient descent: w ← keep·w − η·g. */
static inline float sgd(const struct update_constants *k, float g, float w, float *s)
{
    (void)s;
    return w * k->keep - k->rate * g;
}

/* Momentum (Polyak 1964): v ← µ·v + g; w ← keep·w − η·v. */
static inline float momentum(const struct update_constants *k, float g, float w, float *s)
{
    s[0] = k->momentum * s[0] + g;
    return w * k->keep - k->rate * s[0];
}

/* Nesterov's accelerated gradient, in the form of Sutskever et al. 2013 as frameworks write it:
 * v ← µ·v + g; w ← keep·w − η·(g + µ·v). */
static inline float nesterov(const struct update_constants *k, float g, float w, float *s)
{
    s[0] = k->momentum * s[0] + g;
    return w * k->keep - k->rate * (g + k->momentum * s[0]);
}

/* RMSProp (Tieleman & Hinton 2012): s ← β₂·s + (1 − β₂)·g²; w ← keep·w − η·g/(√s + ε). */
static inline float rmsprop(const struct update_constants *k, float g, float w, float *s)
{
    s[0] = k->beta2 * s[0] + k->fresh2 * (g * g);
    return w * k->keep - k->rate * g / (sqrtf(s[0]) + k->epsilon);
}

/* Adagrad (Duchi, Hazan & Singer 2011): s ← s + g²; w ← keep·w − η·g/(√s + ε). */
static inline float adagrad(const struct update_constants *k, float g, float w, float *s)
{
    s[0] += g * g;
    return w * k->keep - k->rate * g / (sqrtf(s[0]) + k->epsilon);
}

/* Adadelta (Zeiler 2012, algorithm 1): s ← β₂·s + (1 − β₂)·g²; δ = √(d + ε)/√(s + ε)·g;
 * d ← β₂·d + (1 − β₂)·δ²; w ← keep·w − η·δ. */
static inline float adadelta(const struct update_constants *k, float g, float w, float *s)
{
    s[0] = k->beta2 * s[0] + k->fresh2 * (g * g);
    const float change = sqrtf(s[1] + k->epsilon) / sqrtf(s[0] + k->epsilon) * g;
    s[1] = k->beta2 * s[1] + k->fresh2 * (change * change);
    return w * k->keep - k->rate * change;
}

/* Adamax (Kingma & Ba 2015, algorithm 2): m ← β₁·m + (1 − β₁)·g; v ← max(β₂·v, |g| + ε);
 * w ← keep·w − η·m̂/v, m̂ = m/(1 − β₁ᵗ). ε as in torch.optim.Adamax; the paper has none. */
static inline float adamax(const struct update_constants *k, float g, float w, float *s)
{
    const float faded = k->beta2 * s[1], fresh = fabsf(g) + k->epsilon;
    s[0] = k->beta1 * s[0] + k->fresh1 * g;
    s[1] = faded > fresh ? faded : fresh;
    return w * k->keep - k->rate * (s[0] * k->correction1) / s[1];
}

/* AMSGrad (Reddi, Kale & Kumar 2018, algorithm 2) with Adam's corrections, as torch.optim.Adam(amsgrad=True):
 * the largest v so far takes v's place. */
static inline float amsgrad(const struct update_constants *k, float g, float w, float *s)
{
    follow_moments(k, g, s);
    s[2] = s[2] > s[1] ? s[2] : s[1];
    return w * k->keep - k->rate * (s[0] * k->correction1) / (sqrtf(s[2] * k->correction2) + k->epsilon);
}

/* NAdam (Dozat 2016): Adam with Nesterov's look ahead; the figures are the corrected weights of g and m. */
static inline float nadam(const struct update_constants *k, float g, float w, float *s)
{
    follow_moments(k, g, s);
    return w * k->keep -
           k->rate * (k->figures[0] * g + k->figures[1] * s[0]) / (sqrtf(s[1] * k->correction2) + k->epsilon);
}

/* Its momentum schedule: µₜ = β₁·(1 − 0.96^(t/250)/2). */
static double nadam_momentum(double beta1, double t)
{
    return beta1 * (1.0 - 0.5 * pow(0.96, t / 250.0));
}

static void prepare_nadam(const struct update_time *time, struct update_constants *k)
{
    const double now = nadam_momentum(time->beta1, time->t),
                 next = nadam_momentum(time->beta1, time->t + 1.0);
    *time->product *= now;
    k->figures[0] = (float)((1.0 - now) / (1.0 - *time->product));
    k->figures[1] = (float)(next / (1.0 - *time->product * next));
}

/* RAdam (Liu et al. 2020, algorithm 2): Adam whose v is trusted by the rectifier r·√(1 − β₂ᵗ), its figure,
 * and not at all (0) in the first steps. */
static inline float radam(const struct update_constants *k, float g, float w, float *s)
{
    follow_moments(k, g, s);
    const float root = sqrtf(s[1]) + k->epsilon, rectifier = k->figures[0];
    return w * k->keep - k->rate * (s[0] * k->correction1) * (rectifier > 0.0f ? rectifier / root : 1.0f);
}

/* From ρ > 5 on, as torch.optim.RAdam has it (the paper: 4). */
static void prepare_radam(const struct update_time *time, struct update_constants *k)
{
    const double fade = pow(time->beta2, time->t), end = 2.0 / (1.0 - time->beta2) - 1.0;
    const double rho = end - 2.0 * time->t * fade / (1.0 - fade);
    const double r = (rho - 4.0) * (rho - 2.0) * end / ((end - 4.0) * (end - 2.0) * rho);
    k->figures[0] = rho > 5.0 ? (float)(sqrt(r) * sqrt(1.0 - fade)) : 0.0f;
}

static inline float sign_of(float x)
{
    return (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f);
}

/* Lion (Chen et al. 2023, algorithm 2): w ← keep·w − η·sign(β₁·m + (1 − β₁)·g); m ← β₂·m + (1 − β₂)·g. */
static inline float lion(const struct update_constants *k, float g, float w, float *s)
{
    const float blend = k->beta1 * s[0] + k->fresh1 * g;
    s[0] = k->beta2 * s[0] + k->fresh2 * g;
    return w * k->keep - k->rate * sign_of(blend);
}

/* Rprop (Riedmiller & Braun 1993; without weight backtracking, as Igel & Hüsken's iRprop−): each parameter
 * has a step of its own, which grows by 1.2 while its gradient keeps its sign and halves when that turns;
 * then the gradient counts as 0 once. Steps stay within 10⁻⁶ and 50. The turn is the product of the signs: that
 * of two small gradients has no float. */
static inline float rprop(const struct update_constants *k, float g, float w, float *s)
{
    const float sign = sign_of(g), turn = sign * sign_of(s[0]);
    const float shorter = turn < 0.0f ? 0.5f : 1.0f, factor = turn > 0.0f ? 1.2f : shorter;
    const float wanted = (s[1] == 0.0f ? k->rate : s[1]) * factor;
    const float at_least = wanted < 1e-6f ? 1e-6f : wanted;
    const float length = at_least > 50.0f ? 50.0f : at_least;
    s[0] = turn < 0.0f ? 0.0f : g;
    s[1] = length;
    return w * k->keep - (turn < 0.0f ? 0.0f : sign * length);
}

UPDATE_PASS(static, sgd_update, sgd, 0)
UPDATE_PASS(static, momentum_update, momentum, 1)
UPDATE_PASS(static, nesterov_update, nesterov, 1)
UPDATE_PASS(static, rmsprop_update, rmsprop, 1)
UPDATE_PASS(static, adam_update, adam, 2)
UPDATE_PASS(static, adagrad_update, adagrad, 1)
UPDATE_PASS(static, adadelta_update, adadelta, 2)
UPDATE_PASS(static, adamax_update, adamax, 2)
UPDATE_PASS(static, amsgrad_update, amsgrad, 3)
UPDATE_PASS(static, nadam_update, nadam, 2)
UPDATE_PASS(static, radam_update, radam, 2)
UPDATE_PASS(static, lion_update, lion, 1)
UPDATE_PASS(static, rprop_steps, rprop, 2)

/* Steps are not proportional to η, which is where they begin; at 0 nothing changes. */
static void rprop_update(const struct update *u)
{
    if (u->constants.rate > 0.0f) {
        rprop_steps(u);
    }
}

/* clang-format off */
/* Defaults: η, µ, β₁, β₂, ε, λ. */
#define L2(...) .defaults = { __VA_ARGS__, .decay = MLP_DECAY_L2 }
#define DECOUPLED(...) .defaults = { __VA_ARGS__, .decay = MLP_DECAY_DECOUPLED }

static const struct update_rule rows[] = {
    [MLP_OPTIMIZER_SGD] = { .name = { "sgd", "w -= rate g" },
        .step = STEP_OF_GRADIENT, .update = sgd_update, L2(0.01, NAN, NAN, NAN, NAN, 0.0) },
    [MLP_OPTIMIZER_MOMENTUM] = { .name = { "momentum", "v = mu v + g; w -= rate v" },
        .step = STEP_OF_GRADIENT, .states = 1, .update = momentum_update, L2(0.01, 0.9, NAN, NAN, NAN, 0.0) },
    [MLP_OPTIMIZER_NESTEROV] = { .name = { "nesterov", "v = mu v + g; w -= rate (g + mu v)" },
        .step = STEP_OF_GRADIENT, .states = 1, .update = nesterov_update, L2(0.01, 0.9, NAN, NAN, NAN, 0.0) },
    [MLP_OPTIMIZER_RMSPROP] = { .name = { "rmsprop", "s = b2 s + (1-b2) g^2; w -= rate g / (sqrt s + eps)" },
        .direction = direction_of_gradient, .states = 1, .squares = true,
        .update = rmsprop_update, L2(0.01, NAN, NAN, 0.99, 1e-8, 0.0) },
    [MLP_OPTIMIZER_ADAM] = { .name = { "adam",
                "mean of g over root mean square of g, corrected for their start at 0" },
        .direction = direction_of_moments, .states = 2, .squares = true,
        .update = adam_update, L2(0.001, NAN, 0.9, 0.999, 1e-8, 0.0) },
    [MLP_OPTIMIZER_ADAMW] = { .name = { "adamw", "adam with decoupled weight decay, 0.01 by default" },
        .direction = direction_of_moments, .states = 2, .squares = true,
        .update = adam_update, DECOUPLED(0.001, NAN, 0.9, 0.999, 1e-8, 0.01) },
    [MLP_OPTIMIZER_ADAGRAD] = { .name = { "adagrad", "s += g^2; w -= rate g / (sqrt s + eps)" },
        .direction = direction_of_sum, .states = 1, .squares = true,
        .update = adagrad_update, L2(0.01, NAN, NAN, NAN, 1e-10, 0.0) },
    [MLP_OPTIMIZER_ADADELTA] = { .name = { "adadelta", "steps as large as the steps of late; rate 1" },
        .direction = direction_of_adadelta, .states = 2, .squares = true, .compounds = true,
        .update = adadelta_update,
        L2(1.0, NAN, NAN, 0.9, 1e-6, 0.0) },
    [MLP_OPTIMIZER_ADAMAX] = { .name = { "adamax", "mean of g over the largest |g| of late" },
        .direction = direction_of_adamax, .states = 2,
        .update = adamax_update, L2(0.002, NAN, 0.9, 0.999, 1e-8, 0.0) },
    [MLP_OPTIMIZER_AMSGRAD] = { .name = { "amsgrad", "adam with the largest mean square so far" },
        .direction = direction_of_moments, .states = 3, .squares = true,
        .update = amsgrad_update, L2(0.001, NAN, 0.9, 0.999, 1e-8, 0.0) },
    [MLP_OPTIMIZER_NADAM] = { .name = { "nadam", "adam with a look ahead" },
        .direction = direction_of_nadam, .states = 2, .prepare = prepare_nadam, .squares = true,
        .update = nadam_update,
        L2(0.002, NAN, 0.9, 0.999, 1e-8, 0.0) },
    [MLP_OPTIMIZER_RADAM] = { .name = { "radam", "adam with a warm-up of its own" },
        .direction = direction_of_radam, .states = 2, .prepare = prepare_radam, .squares = true,
        .update = radam_update,
        L2(0.001, NAN, 0.9, 0.999, 1e-8, 0.0) },
    [MLP_OPTIMIZER_LION] = { .name = { "lion", "the sign of a mean of g" },
        .states = 1, .update = lion_update, DECOUPLED(0.0001, NAN, 0.9, 0.99, NAN, 0.0) },
    [MLP_OPTIMIZER_RPROP] = { .name = { "rprop",
                "a step for each parameter, by the signs of its gradients; for full batches" },
        .states = 2, .update = rprop_update, L2(0.01, NAN, NAN, NAN, NAN, 0.0) },
    [MLP_OPTIMIZER_LAMB] = { .name = { "lamb",
                "adam's step, scaled to each tensor's norm; for large batches" },
        .step = STEP_OF_NORM, .direction = direction_of_moments, .states = 3,
        .squares = true, .update = LEVEL_NAME(lamb_update), .finish = LEVEL_NAME(lamb_finish),
        DECOUPLED(0.002, NAN, 0.9, 0.999, 1e-6, 0.01) },
    [MLP_OPTIMIZER_MUON] = { .name = { "muon",
                "orthogonalized momentum for hidden layers' weights, adamw for output and biases" },
        .step = STEP_ORTHOGONAL, .direction = direction_of_moments, .states = 3, .gram_matrices = 3,
        .squares = true, .update = adam_update, .update_hidden = LEVEL_NAME(muon_hidden_update),
        .finish = LEVEL_NAME(muon_finish),
        DECOUPLED(0.001, 0.95, 0.9, 0.999, 1e-8, 0.01) },
    [MLP_OPTIMIZER_LBFGS] = { .name = { "lbfgs",
                "quasi-Newton with 10 pairs and a strong-Wolfe line search; for full batches" },
        .step = STEP_SEARCHED, .states = RULE_STATES, .search = lbfgs_step,
        L2(1.0, NAN, NAN, NAN, NAN, 0.0) },
};
/* clang-format on */

const struct name_table LEVEL_NAME(rule_table) = NAME_ROWS("optimizer", rows);
