/* Drawing, printing and shrinking problems, and making their objects. */
#include "properties/problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

static const size_t sizes[] = { 1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 48, 64, 65, 80, 100, 150 };
static const size_t counts[] = { 1, 2, 3, 5, 8, 16, 17, 31, 32, 33, 48, 64, 70, 80 };
static const double rates[] = { 0.01, 1e-30, 1e-4, 1.0, 1e3, 1e10, 1e30, 1e38, 1e150, 1e300 };
static const double thresholds[] = { 0.5, 1e-3, 1.0, 50.0, 1e-30, 1e30 };

#define LENGTH(array) (unsigned)(sizeof(array) / sizeof(array)[0])

#define COUNTED(text, most, share)                                                                           \
    {                                                                                                        \
        .name = text, .count = most, .often = share                                                          \
    }
#define STRATEGY(text, share, counter, has_custom)                                                           \
    {                                                                                                        \
        .name = text, .often = share, .strategies = counter, .custom = has_custom                            \
    }

/* `often`: of ten problems, how many have something other than the plainest. Of strategies with a custom row,
 * which comes last, that one is left out. */
static const struct {
    const char *name;
    unsigned count;
    int often;
    size_t (*strategies)(void); /* in the place of a count */
    bool custom;
} rows[CHOICES] = {
    [INPUTS] = COUNTED("inputs", LENGTH(sizes), 10),
    [LAYERS] = COUNTED("layers", REFERENCE_LAYERS, 9),
    [UNITS] = COUNTED("units0", LENGTH(sizes), 10),
    [UNITS + 1] = COUNTED("units1", LENGTH(sizes), 10),
    [UNITS + 2] = COUNTED("units2", LENGTH(sizes), 10),
    [UNITS + 3] = COUNTED("units3", LENGTH(sizes), 10),
    [ACTIVATION] = STRATEGY("activation0", 9, mlp_activation_count, true),
    [ACTIVATION + 1] = STRATEGY("activation1", 9, mlp_activation_count, true),
    [ACTIVATION + 2] = STRATEGY("activation2", 9, mlp_activation_count, true),
    [ACTIVATION + 3] = STRATEGY("activation3", 9, mlp_activation_count, true),
    [COUNT] = COUNTED("count", LENGTH(counts), 10),
    [BATCH] = COUNTED("batch", LENGTH(counts), 10),
    [FEATURES] = COUNTED("features", MAGNITUDES, 4),
    [PARAMETERS] = COUNTED("parameters", MAGNITUDES, 3),
    [CONSTANT] = COUNTED("constant", 3, 3),
    [STANDARDIZE] = COUNTED("standardize", 2, 3),
    [LOSS] = STRATEGY("loss", 7, mlp_loss_count, true),
    [REDUCTION] = COUNTED("reduction", 3, 5),
    [SMOOTHING] = COUNTED("smoothing", 3, 2),
    [CLASS_WEIGHTS] = COUNTED("class-weights", WEIGHTINGS, 3),
    [WEIGHTS] = COUNTED("weights", WEIGHTINGS, 4),
    [DENSE] = COUNTED("dense", 2, 4),
    [RULE] = STRATEGY("rule", 9, mlp_optimizer_count, false),
    [RATE] = COUNTED("rate", LENGTH(rates), 5),
    [CLIP] = STRATEGY("clip", 5, mlp_clip_count, true),
    [THRESHOLD] = COUNTED("threshold", LENGTH(thresholds), 5),
    [UPDATE_CLIP] = COUNTED("update-clip", MLP_CLIP_BLOCK_RMS + 1, 2), /* the last that clips updates */
    [DECAY] = COUNTED("decay", 4, 3),
    [L1] = COUNTED("l1", 3, 2),
    [MAX_NORM] = COUNTED("max-norm", 3, 2),
    [CENTRALIZE] = COUNTED("centralize", 2, 2),
    [NONFINITE] = COUNTED("nonfinite", 3, 3),
    [DROPOUT] = COUNTED("dropout", 3, 2),
    [INPUT_NOISE] = COUNTED("input-noise", 2, 2),
    [MIXUP] = COUNTED("mixup", 2, 2),
    [AVERAGE] = COUNTED("average", 3, 3),
    [SCHEDULE] = STRATEGY("schedule", 4, mlp_schedule_count, true),
    [PATIENCE] = COUNTED("patience", 3, 3),
    [MONITOR] = COUNTED("monitor", 3, 3),
    [KEEP_ORDER] = COUNTED("keep-order", 2, 3),
    [STOP] = COUNTED("stop", 20, 10),
};

static unsigned count_of(unsigned row)
{
    return rows[row].strategies != NULL ? (unsigned)rows[row].strategies() - rows[row].custom
                                        : rows[row].count;
}

static unsigned below(uint64_t *state, unsigned limit)
{
    return (unsigned)test_uniform(state, 0.0, (double)limit);
}

void problem_draw(struct problem *problem, uint64_t seed)
{
    uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
    problem->seed = seed;
    for (unsigned i = 0; i < CHOICES; i++) {
        const bool plain = (int)below(&state, 10) >= rows[i].often;
        const unsigned choice = below(&state, count_of(i));
        problem->choice[i] = plain ? 0 : choice;
    }
}

void problem_print(const struct problem *problem, FILE *stream)
{
    fprintf(stream, "seed=%llu", (unsigned long long)problem->seed);
    for (unsigned i = 0; i < CHOICES; i++) {
        if (problem->choice[i] != 0) {
            fprintf(stream, " %s=%u", rows[i].name, problem->choice[i]);
        }
    }
    fprintf(stream, "\n");
}

static bool read_word(struct problem *problem, const char *word)
{
    const char *sign = strchr(word, '=');
    if (sign == NULL) {
        return false;
    }
    const size_t length = (size_t)(sign - word);
    if (strncmp(word, "seed=", 5) == 0) {
        problem->seed = strtoull(sign + 1, NULL, 10);
        return true;
    }
    for (unsigned i = 0; i < CHOICES; i++) {
        if (strlen(rows[i].name) == length && strncmp(word, rows[i].name, length) == 0) {
            problem->choice[i] = (unsigned)strtoul(sign + 1, NULL, 10);
            return problem->choice[i] < count_of(i);
        }
    }
    return false;
}

bool problem_read(struct problem *problem, int count, char **words)
{
    memset(problem, 0, sizeof *problem);
    for (int i = 0; i < count; i++) {
        if (!read_word(problem, words[i])) {
            return false;
        }
    }
    return true;
}

bool problem_simplify(struct problem *problem, unsigned which, int attempt)
{
    unsigned *choice = &problem->choice[which];
    const unsigned simpler = attempt == 0 ? 0 : attempt == 1 ? *choice / 2 : *choice - (*choice > 0);
    if (attempt > 2 || *choice == 0) {
        return false;
    }
    *choice = simpler;
    return true;
}

bool problem_is_ordinary(const struct problem *problem)
{
    return problem->choice[FEATURES] <= ZERO && problem->choice[PARAMETERS] <= ZERO;
}

const char *complain(const char *format, ...)
{
    static char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}

/* ---- objects ------------------------------------------------------------------------------------ */

static float drawn(uint64_t *state, unsigned magnitude)
{
    static const float extremes[] = { 0.0f,  -0.0f, 1e-45f, -1e-45f, 1e-38f, 1e-20f, 1.0f,
                                      -1.0f, 1e10f, -1e10f, 1e19f,   -3e38f, 3e38f,  1e-3f };
    const double value = test_uniform(state, -1.5, 1.5);
    switch (magnitude) {
    case ZERO: return value < 0.0 ? -0.0f : 0.0f;
    case TINY: return (float)(value * 1e-42);
    case LARGE: return (float)(value * 1e8);
    case NEAR_LIMIT: return (float)(value * 1e37);
    case EXTREME: return extremes[below(state, LENGTH(extremes))];
    default: return (float)value;
    }
}

static void draw_weights(uint64_t *state, unsigned weighting, float *weights, size_t count, size_t first)
{
    for (size_t i = 0; i < count; i++) {
        const bool zero =
            (weighting == SOME_ZERO && below(state, 2) == 0) || (weighting == FIRST_ZERO && i < first);
        weights[i] = zero ? 0.0f : (float)test_uniform(state, 0.1, 2.0);
    }
    weights[count - 1] = weights[count - 1] > 0.0f ? weights[count - 1] : 1.0f; /* not all of them are 0 */
}

static bool combine(mlp_loss loss, mlp_activation output, size_t units)
{
    switch (loss) {
    case MLP_LOSS_CROSS_ENTROPY:
        return units > 1 && (output == MLP_ACTIVATION_SOFTMAX || output == MLP_ACTIVATION_IDENTITY);
    case MLP_LOSS_BINARY_CROSS_ENTROPY:
        return output == MLP_ACTIVATION_SIGMOID || output == MLP_ACTIVATION_IDENTITY;
    case MLP_LOSS_ABSOLUTE_ERROR:
    case MLP_LOSS_HUBER: return output != MLP_ACTIVATION_SOFTMAX;
    default: return true;
    }
}

static void choose_layers(const struct problem *p, mlp_layer *layers, size_t count)
{
    memset(layers, 0, count * sizeof *layers);
    for (size_t l = 0; l < count; l++) {
        layers[l].units = sizes[p->choice[UNITS + l]];
        layers[l].activation = (mlp_activation)p->choice[ACTIVATION + l];
        if (layers[l].activation == MLP_ACTIVATION_SOFTMAX && (l + 1 < count || layers[l].units == 1)) {
            layers[l].activation = MLP_ACTIVATION_TANH;
        }
    }
}

static bool set_parameters(struct subject *s, uint64_t *state)
{
    const unsigned magnitude = s->problem->choice[PARAMETERS];
    if (magnitude != ORDINARY) {
        for (size_t l = 0; l < mlp_network_layer_count(s->network); l++) {
            mlp_const_matrix w;
            mlp_network_weights(s->network, l, &w);
            float *values = malloc(w.rows * w.columns * sizeof *values);
            for (size_t i = 0; i < w.rows * w.columns; i++) {
                values[i] = drawn(state, magnitude);
            }
            const bool set = mlp_network_set_weights(s->network, l, values) == MLP_OK &&
                             mlp_network_set_bias(s->network, l, values) == MLP_OK;
            free(values);
            if (!set) {
                return false;
            }
        }
    }
    return true;
}

static bool make_network(struct subject *s, uint64_t *state)
{
    const struct problem *p = s->problem;
    const size_t count = p->choice[LAYERS] + 1;
    mlp_layer layers[REFERENCE_LAYERS];
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    choose_layers(p, layers, count);
    const mlp_layer *last = &layers[count - 1];
    options.seed = p->seed;
    options.loss = combine((mlp_loss)p->choice[LOSS], last->activation, last->units)
                       ? (mlp_loss)p->choice[LOSS]
                       : MLP_LOSS_AUTOMATIC;
    options.reduction = (mlp_reduction)p->choice[REDUCTION];
    s->inputs = sizes[p->choice[INPUTS]];
    s->outputs = last->units;
    const bool by_class = options.loss == MLP_LOSS_CROSS_ENTROPY ||
                          (options.loss == MLP_LOSS_AUTOMATIC && last->activation == MLP_ACTIVATION_SOFTMAX);
    if (by_class) {
        options.label_smoothing = 0.2 * p->choice[SMOOTHING];
        draw_weights(state, p->choice[CLASS_WEIGHTS], s->class_weights, s->outputs, 1);
        options.class_weights = p->choice[CLASS_WEIGHTS] != UNWEIGHTED ? s->class_weights : NULL;
    }
    return mlp_network_create(s->inputs, layers, count, &options, &s->network) == MLP_OK &&
           set_parameters(s, state) &&
           (p->choice[STANDARDIZE] == 0 || mlp_data_standardize(s->data, s->network) == MLP_OK);
}

/* Targets that every loss takes: distributions for the losses that want some. */
static void draw_targets(struct subject *s, uint64_t *state)
{
    for (size_t i = 0; i < s->count; i++) {
        double sum = 0.0;
        s->classes[i] = (int32_t)below(state, s->outputs > 1 ? (unsigned)s->outputs : 2);
        for (size_t j = 0; j < s->outputs; j++) {
            sum += (double)(s->values[i * s->outputs + j] = (float)test_uniform(state, 0.05, 0.95));
        }
        for (size_t j = 0; j < s->outputs; j++) {
            s->values[i * s->outputs + j] /= s->outputs > 1 ? (float)sum : 1.0f;
        }
    }
}

static bool make_data(struct subject *s, uint64_t *state)
{
    const struct problem *p = s->problem;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    for (size_t i = 0; i < s->count * s->inputs; i++) {
        s->x[i] = drawn(state, p->choice[FEATURES]);
    }
    for (size_t i = s->inputs; i < s->count * s->inputs; i++) {
        if (p->choice[CONSTANT] != 0 && i % s->inputs < p->choice[CONSTANT]) {
            s->x[i] = s->x[i % s->inputs];
        }
    }
    draw_targets(s, state);
    draw_weights(state, p->choice[WEIGHTS], s->weights, s->count, s->batch);
    const bool dense = p->choice[DENSE] != 0;
    s->targets = (mlp_targets){ dense ? NULL : s->classes, dense ? s->values : NULL,
                                p->choice[WEIGHTS] != UNWEIGHTED ? s->weights : NULL };
    arrays.count = s->count;
    arrays.inputs = s->inputs;
    arrays.features = s->x;
    arrays.classes = s->targets.classes;
    arrays.class_count = dense ? 0 : s->outputs > 1 ? s->outputs : 2;
    arrays.values = s->targets.values;
    arrays.outputs = dense ? s->outputs : 0;
    arrays.weights = s->targets.weights;
    return mlp_data_create(&arrays, &s->data) == MLP_OK &&
           (s->count < 2 || mlp_data_split(s->data, 0.3, p->seed, &s->train, &s->validation) == MLP_OK);
}

static void choose_rule(struct subject *s)
{
    const struct problem *p = s->problem;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    rule.rule = (mlp_optimizer_rule)p->choice[RULE];
    rule.learning_rate = p->choice[RATE] > 0 ? rates[p->choice[RATE]] : 0.0;
    rule.nonfinite = (mlp_nonfinite)p->choice[NONFINITE];
    if (rule.rule != MLP_OPTIMIZER_LBFGS) {
        rule.clip = (mlp_clip)p->choice[CLIP];
        rule.clip_threshold = rule.clip != MLP_CLIP_NONE ? thresholds[p->choice[THRESHOLD]] : 0.0;
        rule.update_clip = (mlp_clip)p->choice[UPDATE_CLIP];
        rule.update_clip_threshold =
            rule.update_clip != MLP_CLIP_NONE ? thresholds[p->choice[THRESHOLD]] : 0.0;
        rule.l1 = 1e-3 * p->choice[L1];
        rule.max_norm = 0.7 * p->choice[MAX_NORM];
        rule.centralize = (int)p->choice[CENTRALIZE];
    }
    rule.weight_decay = 1e-3 * p->choice[DECAY];
    s->rule = rule;
}

static void choose_fit(struct subject *s)
{
    const struct problem *p = s->problem;
    const mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    const mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
    const mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    const mlp_regularization noise = MLP_REGULARIZATION_INIT;
    static const size_t milestones[] = { 2, 5 };
    s->schedule = schedule;
    s->average = average;
    s->noise = noise;
    s->fit = fit;
    s->schedule.rule = (mlp_schedule)p->choice[SCHEDULE];
    if (s->schedule.rule == MLP_SCHEDULE_MULTI_STEP) {
        s->schedule.milestones = milestones;
        s->schedule.milestone_count = 2;
    }
    if (s->schedule.rule == MLP_SCHEDULE_PLATEAU && s->validation == NULL) {
        s->schedule.rule = MLP_SCHEDULE_CONSTANT;
    }
    s->average.rule = (mlp_average)p->choice[AVERAGE];
    s->noise.hidden_dropout = 0.3 * p->choice[DROPOUT];
    s->noise.input_noise = 0.1 * p->choice[INPUT_NOISE];
    s->noise.mixup = 0.3 * p->choice[MIXUP];
    s->noise.seed = p->seed;
    s->fit.epochs = 4;
    s->fit.batch = s->batch;
    s->fit.seed = p->seed;
    s->fit.threads = 1;
    s->fit.keep_order = (int)p->choice[KEEP_ORDER];
    s->fit.validation = s->validation;
    s->fit.patience = s->validation != NULL ? p->choice[PATIENCE] : 0;
    s->fit.monitor_interval = p->choice[MONITOR];
}

bool subject_make(struct subject *s, const struct problem *problem)
{
    uint64_t state = problem->seed + 77;
    memset(s, 0, sizeof *s);
    s->problem = problem;
    s->count = counts[problem->choice[COUNT]];
    s->batch = counts[problem->choice[BATCH]];
    s->batch = s->batch < s->count ? s->batch : s->count;
    s->inputs = sizes[problem->choice[INPUTS]];
    s->outputs = sizes[problem->choice[UNITS + problem->choice[LAYERS]]];
    s->x = malloc(s->count * s->inputs * sizeof *s->x);
    s->values = malloc(s->count * s->outputs * sizeof *s->values);
    s->weights = malloc(s->count * sizeof *s->weights);
    s->class_weights = malloc(s->outputs * sizeof *s->class_weights);
    s->classes = malloc(s->count * sizeof *s->classes);
    if (!make_data(s, &state) || !make_network(s, &state)) {
        return false;
    }
    choose_rule(s);
    choose_fit(s);
    return true;
}

void subject_free(struct subject *s)
{
    mlp_network_destroy(&s->network);
    mlp_data_destroy(&s->validation);
    mlp_data_destroy(&s->train);
    mlp_data_destroy(&s->data);
    free(s->x);
    free(s->values);
    free(s->weights);
    free(s->class_weights);
    free(s->classes);
}

mlp_network *subject_network(const struct subject *s)
{
    mlp_network *copy;
    if (mlp_network_copy(s->network, &copy) != MLP_OK) {
        abort();
    }
    return copy;
}
