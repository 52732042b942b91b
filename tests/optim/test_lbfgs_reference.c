/* L-BFGS step by step against the textbook in double (Nocedal & Wright, Numerical Optimization, algorithms
 * 7.4, 3.5 and 3.6) on a naive network: the way there, not only the minimum. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "optim/optimizer.h"
#include "support/reference.h"

enum { COUNT = 24, INPUTS = 4, HIDDEN = 5, CLASSES = 3, MOST = 64, LAYERS = 2, PAIRS = 10, TRIALS = 25 };

struct problem {
    float x[COUNT * INPUTS];
    int32_t classes[COUNT];
    mlp_targets targets;
    mlp_network *network;
    struct reference naive;
    double decay, layer_decay[LAYERS]; /* of weights; biases too where decay_biases */
    bool decay_biases, frozen_bias;    /* the first layer's */
    size_t size;
};

/* The naive network's parameters as one vector, and back. */
static void exchange(struct problem *p, double *w, bool into_network)
{
    struct reference *r = &p->naive;
    for (size_t l = 0; l < LAYERS; l++) {
        const size_t weights = r->units[l] * (l > 0 ? r->units[l - 1] : r->inputs);
        for (size_t i = 0; i < weights + r->units[l]; i++, w++) {
            double *at = i < weights ? &r->w[l][i] : &r->b[l][i - weights];
            *(into_network ? at : w) = into_network ? *w : *at;
        }
    }
}

/* Loss with its decay, and the gradient, at w. */
static double objective(struct problem *p, double *w, double *gradient)
{
    static const struct reference_loss loss = { .loss = MLP_LOSS_CROSS_ENTROPY };
    struct reference *r = &p->naive;
    exchange(p, w, true);
    reference_forward(r, p->x);
    double value = reference_evaluate(r, &loss, &p->targets);
    reference_backward(r, p->x, &loss, &p->targets, NULL);
    for (size_t l = 0; l < LAYERS; l++) {
        const size_t weights = r->units[l] * (l > 0 ? r->units[l - 1] : r->inputs);
        for (size_t i = 0; i < weights + r->units[l]; i++, w++, gradient++) {
            const bool bias = i >= weights, frozen = bias && l == 0 && p->frozen_bias;
            const double decay = bias && !p->decay_biases ? 0.0 : p->decay * p->layer_decay[l];
            *gradient = (bias ? r->db[l][i - weights] : r->dw[l][i]) + decay * *w;
            value += frozen ? 0.0 : 0.5 * decay * *w * *w;
            *gradient = frozen ? 0.0 : *gradient;
        }
    }
    return value;
}

/* ---- the textbook -------------------------------------------------------------------------------------- */

struct textbook {
    struct problem *problem;
    double w[MOST], gradient[MOST], direction[MOST];
    double s[PAIRS][MOST], y[PAIRS][MOST];
    int pairs;
    double rate;
};

struct point {
    double step, value, slope, w[MOST], gradient[MOST];
};

static double inner(const double *a, const double *b, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static void evaluate_at(struct textbook *t, double step, struct point *point)
{
    for (size_t i = 0; i < t->problem->size; i++) {
        point->w[i] = t->w[i] + step * t->direction[i];
    }
    point->step = step;
    point->value = objective(t->problem, point->w, point->gradient);
    point->slope = inner(point->gradient, t->direction, t->problem->size);
}

/* Where between two points the cubic with their values and slopes, f = v + s·u + c·u² + d·u³ from a, has its
 * minimum; not within a tenth of either end. */
static double cubic_minimum(const struct point *a, const struct point *b)
{
    const double h = b->step - a->step, rise = (b->value - a->value) / h;
    const double c = (3.0 * rise - 2.0 * a->slope - b->slope) / h,
                 d = (a->slope + b->slope - 2.0 * rise) / (h * h);
    const double u = (-c + sqrt(c * c - 3.0 * d * a->slope)) / (3.0 * d); /* f″ = 2c + 6du > 0 there */
    const double low = fmin(a->step, b->step), margin = 0.1 * fabs(h);
    return isfinite(u) ? fmin(fmax(a->step + u, low + margin), low + fabs(h) - margin) : a->step + 0.5 * h;
}

static bool falls_enough(const struct point *start, const struct point *at)
{
    return at->value <= start->value + 1e-4 * at->step * start->slope;
}

static struct point zoom(struct textbook *t, const struct point *start, struct point low, struct point high,
                         int left)
{
    while (left-- > 0) {
        struct point at;
        evaluate_at(t, cubic_minimum(&low, &high), &at);
        if (!falls_enough(start, &at) || at.value >= low.value) {
            high = at;
        } else if (fabs(at.slope) <= 0.9 * fabs(start->slope)) {
            return at;
        } else {
            if (at.slope * (high.step - low.step) >= 0.0) {
                high = low;
            }
            low = at;
        }
    }
    return low;
}

static struct point search(struct textbook *t, const struct point *start, double first)
{
    struct point before = *start, at;
    for (int trial = 1; trial <= TRIALS; trial++, first *= 2.0) {
        evaluate_at(t, first, &at);
        if (!falls_enough(start, &at) || (trial > 1 && at.value >= before.value)) {
            return zoom(t, start, before, at, TRIALS - trial);
        }
        if (fabs(at.slope) <= 0.9 * fabs(start->slope)) {
            return at;
        }
        if (at.slope >= 0.0) {
            return zoom(t, start, at, before, TRIALS - trial);
        }
        before = at;
    }
    return before;
}

/* −H·g, the newest pair last. */
static void two_loops(struct textbook *t)
{
    double alpha[PAIRS], *q = t->direction;
    const size_t n = t->problem->size;
    for (size_t i = 0; i < n; i++) {
        q[i] = -t->gradient[i];
    }
    for (int k = t->pairs; k-- > 0;) {
        alpha[k] = inner(t->s[k], q, n) / inner(t->s[k], t->y[k], n);
        for (size_t i = 0; i < n; i++) {
            q[i] -= alpha[k] * t->y[k][i];
        }
    }
    const double *s = t->s[t->pairs > 0 ? t->pairs - 1 : 0], *y = t->y[t->pairs > 0 ? t->pairs - 1 : 0];
    const double gamma = t->pairs > 0 ? inner(s, y, n) / inner(y, y, n) : 1.0;
    for (size_t i = 0; i < n; i++) {
        q[i] *= gamma;
    }
    for (int k = 0; k < t->pairs; k++) {
        const double beta = inner(t->y[k], q, n) / inner(t->s[k], t->y[k], n);
        for (size_t i = 0; i < n; i++) {
            q[i] += (alpha[k] - beta) * t->s[k][i];
        }
    }
}

static void textbook_step(struct textbook *t)
{
    struct point start;
    double magnitudes = 0.0;
    memcpy(start.w, t->w, sizeof t->w);
    start.step = 0.0;
    start.value = objective(t->problem, t->w, t->gradient);
    two_loops(t);
    start.slope = inner(t->gradient, t->direction, t->problem->size);
    for (size_t i = 0; i < t->problem->size; i++) {
        magnitudes += fabs(t->gradient[i]);
    }
    const struct point end =
        search(t, &start, t->pairs > 0 ? t->rate : t->rate * fmin(1.0, 1.0 / magnitudes));
    if (t->pairs == PAIRS) {
        memmove(t->s[0], t->s[1], sizeof t->s - sizeof t->s[0]);
        memmove(t->y[0], t->y[1], sizeof t->y - sizeof t->y[0]);
        t->pairs--;
    }
    for (size_t i = 0; i < t->problem->size; i++) {
        t->s[t->pairs][i] = end.w[i] - t->w[i];
        t->y[t->pairs][i] = end.gradient[i] - t->gradient[i];
    }
    t->pairs++;
    memcpy(t->w, end.w, sizeof t->w);
}

/* ---- side by side -------------------------------------------------------------------------------------- */

static void make(struct problem *p, uint64_t seed, double rate, mlp_optimizer **optimizer)
{
    const mlp_layer layers[] = { { .units = HIDDEN, .activation = MLP_ACTIVATION_TANH },
                                 { .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options network = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    uint64_t state = seed;
    memset(p, 0, sizeof *p);
    test_fill(&state, -1.0, 1.0, p->x, COUNT * INPUTS);
    for (size_t i = 0; i < COUNT; i++) {
        p->classes[i] = (int32_t)test_uniform(&state, 0.0, CLASSES - 1e-6);
    }
    p->targets = (mlp_targets){ .classes = p->classes };
    p->decay = 0.03;
    p->layer_decay[0] = 2.0;
    p->layer_decay[1] = 0.5;
    p->decay_biases = seed % 2 == 1;
    p->frozen_bias = seed % 3 == 0;
    network.seed = seed;
    options.rule = MLP_OPTIMIZER_LBFGS;
    options.weight_decay = p->decay;
    options.decay_biases = p->decay_biases;
    options.learning_rate = rate;
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, &network, &p->network));
    assert_ok(mlp_optimizer_create(p->network, &options, optimizer));
    for (size_t l = 0; l < LAYERS; l++) {
        const mlp_layer_factors factors = { 1.0, l == 0 && p->frozen_bias ? 0.0 : 1.0, p->layer_decay[l] };
        assert_ok(mlp_optimizer_set_factors(*optimizer, l, &factors));
    }
    reference_make(&p->naive, p->network, COUNT);
    p->size = HIDDEN * (INPUTS + 1) + CLASSES * (HIDDEN + 1);
}

/* The library's parameters, as one vector. */
static void read_network(struct problem *p, double *w)
{
    for (size_t l = 0; l < LAYERS; l++) {
        mlp_const_matrix weights, bias;
        assert_ok(mlp_network_weights(p->network, l, &weights));
        assert_ok(mlp_network_bias(p->network, l, &bias));
        for (size_t i = 0; i < weights.rows * weights.columns; i++) {
            *w++ = weights.data[i % weights.rows + i / weights.rows * weights.leading_dimension];
        }
        for (size_t i = 0; i < weights.rows; i++) {
            *w++ = bias.data[i];
        }
    }
}

/* From the same start, each by itself. Floats' rounding of 10⁻⁷ in a gradient is some 10⁻⁶ in a step and
 * grows slowly as long as both take the same decisions; steps move by 0.01 to 1. */
static void every_step_is_the_textbooks(void **unused)
{
    static const double rates[] = { 1.0, 0.02,
                                    30.0 }; /* most end at once; lengthened first; shortened first */
    static struct textbook t;
    static struct problem p;
    (void)unused;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        mlp_optimizer *optimizer;
        mlp_workspace *workspace;
        double w[MOST];
        make(&p, seed, rates[seed % 3], &optimizer);
        assert_ok(mlp_workspace_create(p.network, COUNT, NULL, &workspace));
        t = (struct textbook){ .problem = &p, .rate = rates[seed % 3] };
        exchange(&p, t.w, false);
        for (int step = 0; step < 14; step++) {
            textbook_step(&t);
            assert_ok(mlp_train_step(p.network, optimizer, workspace, p.x, &p.targets, COUNT, NULL));
            read_network(&p, w);
            for (size_t i = 0; i < p.size; i++) {
                assert_close(w[i], t.w[i], 1e-4);
            }
            assert_int_equal(mlp_optimizer_updates(optimizer), step + 1);
            assert_int_equal(optimizer->pairs, step + 1);
        }
        mlp_workspace_destroy(&workspace);
        mlp_optimizer_destroy(&optimizer);
        reference_free(&p.naive);
        mlp_network_destroy(&p.network);
    }
}

/* ---- searches that do not end by themselves ------------------------------------------------------------ */

/* Values and slopes by the number of the call: the first, the second, then, each `fall` below the last. */
struct script {
    double values[3], slopes[3], fall;
    int calls;
};

static mlp_status play(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                       size_t leading_dimension, float *gradient, double *loss, void *context)
{
    struct script *script = context;
    const int call = script->calls < 2 ? script->calls : 2;
    (void)outputs, (void)targets, (void)units, (void)count, (void)leading_dimension;
    *loss = script->values[call] - script->fall * script->calls++;
    if (gradient != NULL) {
        gradient[0] = (float)script->slopes[call];
    }
    return MLP_OK;
}

/* 25 trials in all, bracketing and zoom together, and one pass more where the point to stay at is not the
 * last that was tried. */
static void a_search_ends_after_so_many_trials(void **unused)
{
    static const struct {
        struct script script;
        double rate;
        int calls;
        bool moves;
    } cases[] = {
        { { { 1.0, 9.0, 9.0 }, { 0.1, 0.1, 0.1 }, 0.0, 0 }, 1.0, 1 + 25, false }, /* nothing is lower */
        { { { 9.0, 1.0, 1e300 }, { 0.1, -9.0, 0.1 }, 0.0, 0 },
          1.0,
          1 + 25 + 1,
          true },                                                                /* only the first is */
        { { { 9.0, 9.0, 9.0 }, { 0.1, 0.1, 0.1 }, 1e9, 0 }, 1.0, 1 + 25, true }, /* falls for ever */
        { { { 9.0, 9.0, 9.0 }, { 0.1, 0.1, 0.1 }, 1e9, 0 }, 1e5, 1 + 17, true }, /* 10⁵·2¹⁶ < 10¹⁰ */
        { { { 9.0, 1.0, 9.0 }, { 0.1, 0.0, 0.1 }, 0.0, 0 }, 1.0, 1 + 1, true },  /* ends at once */
    };
    const mlp_layer layer = { .units = 1, .init = MLP_INIT_ZEROS };
    const float x = 1.0f, y = 0.0f;
    const mlp_targets targets = { .values = &y };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script = cases[i].script;
        mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
        mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_network *network;
        mlp_optimizer *optimizer;
        mlp_workspace *workspace;
        mlp_const_matrix w;
        options.loss = MLP_LOSS_CUSTOM;
        options.custom_loss = play;
        options.custom_loss_context = &script;
        rule.rule = MLP_OPTIMIZER_LBFGS;
        rule.learning_rate = cases[i].rate;
        assert_ok(mlp_network_create(1, &layer, 1, &options, &network));
        assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
        assert_ok(mlp_workspace_create(network, 1, NULL, &workspace));
        assert_ok(mlp_train_step(network, optimizer, workspace, &x, &targets, 1, NULL));
        assert_int_equal(script.calls, cases[i].calls);
        assert_ok(mlp_network_weights(network, 0, &w));
        assert_int_equal(w.data[0] != 0.0f, cases[i].moves);
        assert_int_equal(mlp_optimizer_updates(optimizer), cases[i].moves);
        mlp_workspace_destroy(&workspace);
        mlp_optimizer_destroy(&optimizer);
        mlp_network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_the_textbooks),
        cmocka_unit_test(a_search_ends_after_so_many_trials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
