/* Exploding signals and gradients: N(0, 1) in deep ReLU networks, large constants, and steps that are too
 * large. */
#include <math.h>
#include <stdlib.h>

#include "studies/study.h"

enum { DEPTH = 20, WIDTH = 256, STAGES = 5 };

static const struct choice relu = ACTIVATION(RELU);

/* ---- growth per layer ---------------------------------------------------------------------------------- */

struct start {
    const char *name;
    struct choice init;
    double expected; /* growth of rms Z per layer */
    struct scatter growth;
    struct scatter rms[DEPTH]; /* log10 of rms Z */
    struct scatter loss;       /* log10 */
    size_t refused;            /* first steps */
    struct scatter accuracy;   /* after training, where the first step was taken */
};

static int train_one(const struct experiment *experiment, struct start *start, const struct shape *shape,
                     uint64_t seed)
{
    static const struct training training = {
        .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.005, .epochs = 10, .batch = 64
    };
    struct outcome outcome;
    TRY(train_start(experiment, shape, &training, seed, &outcome));
    start->refused += outcome.refused;
    scatter_add(&start->accuracy, outcome.accuracy);
    return EXIT_DONE;
}

static int measure_start(const struct experiment *experiment, struct start *start, uint64_t seed)
{
    const struct shape shape = {
        .depth = DEPTH, .width = WIDTH, .activation = relu, .init = start->init, .same_output = true
    };
    mlp_diagnosis *diagnosis;
    TRY(diagnose_start(experiment, &shape, seed, &diagnosis));
    scatter_add(&start->growth, forward_factor(diagnosis, 1, DEPTH - 1));
    scatter_add(&start->loss, log10(mlp_diagnosis_loss(diagnosis)));
    for (size_t l = 0; l < DEPTH; l++) {
        scatter_add(&start->rms[l], 0.5 * log10(layer_signal(diagnosis, l).z.mean_square));
    }
    mlp_diagnosis_destroy(&diagnosis);
    return train_one(experiment, start, &shape, seed);
}

static int chart_growth(struct sheet *sheet, const struct start *starts, size_t count)
{
    double layer[DEPTH], measured[3][DEPTH], expected[3][DEPTH];
    struct curve curves[6];
    for (size_t i = 0; i < count; i++) {
        for (size_t l = 0; l < DEPTH; l++) {
            layer[l] = (double)l;
            measured[i][l] = pow(10.0, scatter_mean(&starts[i].rms[l]));
            expected[i][l] = measured[i][0] * pow(starts[i].expected, (double)l);
        }
        curves[2 * i] =
            (struct curve){ starts[i].name, CURVE_MEASURED, (int)i, layer, measured[i], NULL, DEPTH };
        curves[2 * i + 1] = (struct curve){ "theory", CURVE_THEORY, (int)i, layer, expected[i], NULL, DEPTH };
    }
    const struct chart chart = { .title = "Signal through 20 ReLU layers of 256 units",
                                 .x_label = "layer",
                                 .y_label = "rms Z",
                                 .log_y = true,
                                 .curves = curves,
                                 .curve_count = 2 * count };
    return sheet_charts(sheet, &chart, 1);
}

static int study_growth(struct experiment *experiment, struct sheet *sheet, bool *good)
{
    struct start starts[] = {
        { .name = "N(0, 1)", .init = INIT_A(NORMAL, 1.0), .expected = sqrt((double)WIDTH / 2.0) },
        { .name = "constant 0.1", .init = INIT_A(CONSTANT, 0.1), .expected = 0.1 * (double)WIDTH },
        { .name = "he-normal", .init = INIT(HE_NORMAL), .expected = 1.0 },
    };
    enum { STARTS = sizeof starts / sizeof starts[0] };
    const size_t seeds = seeds_or(experiment, 10);
    for (size_t s = 0; s < seeds; s++) {
        for (size_t i = 0; i < STARTS; i++) {
            TRY(measure_start(experiment, &starts[i], s));
        }
        TRY(advance(experiment, s + 1, seeds + STAGES));
    }
    sheet_row(sheet, "start | theory | growth | loss | refused | accuracy");
    for (size_t i = 0; i < STARTS; i++) {
        const struct start *s = &starts[i];
        sheet_row(sheet, "%s | %.2f | %.2f ± %.2f | %.1e | %zu of %zu | %.3f", s->name, s->expected,
                  scatter_mean(&s->growth), scatter_deviation(&s->growth), pow(10.0, scatter_mean(&s->loss)),
                  s->refused, seeds, scatter_mean(&s->accuracy));
        *good = *good && fabs(scatter_mean(&s->growth) / s->expected - 1.0) < 0.05;
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "%d ReLU layers of %d units, %zu seeds. growth: of rms Z per layer; loss: at the start "
               "(geometric mean); refused: a step whose loss or gradient is not finite, which leaves the "
               "parameters as they are; accuracy: after 10 epochs of momentum at 0.005, or at the refused "
               "step.",
               DEPTH, WIDTH, seeds);
    *good = *good && starts[0].refused == seeds && starts[2].refused == 0 &&
            scatter_mean(&starts[2].accuracy) > 0.9;
    return chart_growth(sheet, starts, STARTS);
}

/* ---- learning rate ------------------------------------------------------------------------------------- */

enum { STEPS = 200, RATES = 4 };

/* Full-batch gradient descent: the loss at each step, ∞ from a refused one on. */
static int descend(const struct experiment *experiment, double rate, uint64_t seed, double *losses)
{
    const struct shape shape = { .depth = 2, .width = 64, .activation = relu, .init = INIT(HE_NORMAL) };
    const mlp_targets targets = { .classes = experiment->sample_classes };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network;
    mlp_optimizer *optimizer = NULL;
    mlp_workspace *workspace = NULL;
    TRY(make_network(experiment, &shape, seed, &network));
    options.learning_rate = rate;
    mlp_status status = mlp_optimizer_create(network, &options, &optimizer);
    if (status == MLP_OK) {
        status = mlp_workspace_create(network, experiment->sample_count, NULL, &workspace);
    }
    for (size_t t = 0; t < STEPS; t++) {
        mlp_step_report report = { .loss = INFINITY };
        if (status == MLP_OK) {
            status = mlp_train_step(network, optimizer, workspace, experiment->samples, &targets,
                                    experiment->sample_count, &report);
        }
        losses[t] = status == MLP_OK ? report.loss : INFINITY;
    }
    mlp_workspace_destroy(&workspace);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    return status == MLP_ERROR_NONFINITE ? EXIT_DONE : work_code(status);
}

/* What a learning rate does over the draws. */
struct rate {
    size_t rising;         /* draws whose loss rises at some step */
    size_t refused;        /* draws with a step that was refused */
    struct scatter height; /* log10 of the highest loss by the first */
};

static void classify_descent(struct rate *rate, const double *losses)
{
    bool rises = false;
    double highest = losses[0];
    for (size_t t = 1; t < STEPS; t++) {
        rises = rises || !(losses[t] <= losses[t - 1]);
        highest = isfinite(losses[t]) ? fmax(highest, losses[t]) : highest;
    }
    rate->rising += rises;
    rate->refused += isfinite(losses[STEPS - 1]) ? 0 : 1;
    scatter_add(&rate->height, log10(highest / losses[0]));
}

static int study_rates(struct experiment *experiment, struct sheet *sheet, bool *good)
{
    static const double rates[RATES] = { 0.02, 0.2, 2.0, 6.0 };
    static const char *const names[RATES] = { "rate 0.02", "rate 0.2", "rate 2", "rate 6" };
    static double step[STEPS], losses[RATES][STEPS];
    struct curve curves[RATES];
    struct rate found[RATES] = { 0 };
    const size_t seeds = seeds_or(experiment, 5);
    sheet_row(sheet, "learning rate | draws whose loss rises | highest loss by the first | refused");
    for (size_t r = 0; r < RATES; r++) {
        for (size_t s = seeds; s-- > 0;) {
            TRY(descend(experiment, rates[r], s, losses[r]));
            classify_descent(&found[r], losses[r]);
        }
        sheet_row(sheet, "%g | %zu of %zu | %.3g | %zu", rates[r], found[r].rising, seeds,
                  pow(10.0, scatter_mean(&found[r].height)), found[r].refused);
        curves[r] = (struct curve){ names[r], CURVE_MEASURED, (int)r, step, losses[r], NULL, STEPS };
        TRY(advance(experiment, (size_t)(STAGES - RATES) + r, STAGES));
    }
    for (size_t t = 0; t < STEPS; t++) {
        step[t] = (double)t;
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "Gradient descent on %zu samples at once, 2 hidden ReLU layers of 64 units with he-normal, %d "
               "steps, %zu seeds; the chart has seed 0.",
               experiment->sample_count, STEPS, seeds);
    *good = *good && found[0].rising == 0 && found[RATES - 1].rising == seeds;
    const struct chart chart = { .title = "Gradient descent at four learning rates",
                                 .x_label = "step",
                                 .y_label = "loss",
                                 .log_y = true,
                                 .curves = curves,
                                 .curve_count = RATES };
    return sheet_charts(sheet, &chart, 1);
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    *as_predicted = true;
    TRY(study_growth(experiment, sheet, as_predicted));
    return study_rates(experiment, sheet, as_predicted);
}

const struct study exploding_study = {
    .name = "exploding",
    .summary = "signals and gradients that grow without bound",
    .claim = "The same draw, N(0, 1), can make gradients explode: the loss oscillates and overshoots, "
             "overflows or becomes NaN.",
    .theory = "ReLU keeps half of the mean square: with N(0, 1) in layers of n units rms Z grows by √(n/2) a "
              "layer, 11.3 at n = 256; a constant weight c makes it grow by c·n, for all units alike. After "
              "20 layers the gradient of the first overflows float32. Gradient descent at a rate beyond 2/λ, "
              "λ the loss's largest curvature, overshoots: the loss rises.",
    .criterion =
        "the growth per layer is within 5 % of theory for N(0, 1), constant and he-normal weights; every "
        "first step with N(0, 1) is refused and none with he-normal, which reaches 90 % accuracy; and the "
        "loss of gradient descent rises at some step for every draw at rate 6 and for none at rate 0.02.",
    .sources = "He et al. 2015, Delving deep into rectifiers, section 2.2\n"
               "LeCun et al. 1998, Efficient backprop, section 5",
    .holds = "The claim holds for deep ReLU networks: N(0, 1) makes loss and gradient overflow before the "
             "first update, and he-normal weights train. Oscillation is the learning rate's doing and comes "
             "to well-started networks as well.",
    .run = run,
};
