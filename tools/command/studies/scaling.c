/* Scalings: mean squares of Z going forward and of dZ going back through 100 layers, against the theory's
 * lines. */
#include <float.h>
#include <math.h>

#include "studies/study.h"

enum {
    DEPTH = 100,
    WIDTH = 128,
    DEPTHS = 5,
    RELU_STARTS = 4,
    TANH_STARTS = 4,
    STARTS = RELU_STARTS + TANH_STARTS
};
enum { WIDE = 256, NARROW = 64, ALTERNATE_DEPTH = 40, ALTERNATES = 3 };

static const size_t depths[DEPTHS] = { 5, 10, 20, 50, 100 };
static const struct choice relu = ACTIVATION(RELU), tangent = ACTIVATION(TANH);

/* ---- equal widths -------------------------------------------------------------------------------------- */

struct start {
    const char *name;
    struct shape shape;
    double weight_variance;         /* σ_w² */
    struct scatter forward[DEPTH];  /* ln of rms Z by layer */
    struct scatter backward[DEPTH]; /* ln of ||dZ|| by layer, by that of the last hidden one */
    double expected_forward[DEPTH], expected_backward[DEPTH];
    size_t reached; /* layers that every draw reaches with finite values */
};

/* q <- σ_w²·E[φ(√q·z)²] from the measured q of layer 0; ||dZ||² falls by χ₁ of the layer's own q. */
static int predict(struct start *start)
{
    const mlp_activation_choice choice = { .activation = (mlp_activation)start->shape.activation.value };
    double chi[DEPTH];
    double q = exp(2.0 * scatter_mean(&start->forward[0]));
    for (size_t l = 0; l < DEPTH; l++) {
        mlp_activation_moments moments;
        const mlp_status status = mlp_activation_moments_at(&choice, q, &moments);
        TRY(work_code(status));
        start->expected_forward[l] = 0.5 * log(q);
        chi[l] = start->weight_variance * moments.slope_square;
        q = start->weight_variance * moments.square;
    }
    start->expected_backward[DEPTH - 1] = 0.0;
    for (size_t l = DEPTH - 1; l > 0; l--) {
        start->expected_backward[l - 1] = start->expected_backward[l] + 0.5 * log(chi[l - 1]);
    }
    return EXIT_DONE;
}

static int measure(const struct experiment *experiment, struct start *start, size_t seeds)
{
    start->reached = DEPTH;
    for (size_t s = 0; s < seeds; s++) {
        mlp_diagnosis *diagnosis;
        TRY(diagnose_start(experiment, &start->shape, s, &diagnosis));
        const double top = layer_signal(diagnosis, DEPTH - 1).dz.mean_square;
        for (size_t l = 0; l < DEPTH; l++) {
            const mlp_signal signal = layer_signal(diagnosis, l);
            scatter_add(&start->forward[l], 0.5 * log(signal.z.mean_square));
            scatter_add(&start->backward[l], 0.5 * log(signal.dz.mean_square / top));
            start->reached = isfinite(signal.z.mean_square) || start->reached <= l ? start->reached : l;
        }
        mlp_diagnosis_destroy(&diagnosis);
    }
    return predict(start);
}

/* Whether no depth's measurement is off by more than 5 % a layer; where float overflows, theory has to say so
 * too. */
static bool as_expected(const struct start *start)
{
    const double limit = log((double)FLT_MAX);
    bool good = true;
    for (size_t i = 0; i < DEPTHS; i++) {
        const size_t l = depths[i] - 1;
        const bool finite = l < start->reached;
        good = good && (finite ? fabs(scatter_mean(&start->forward[l]) - start->expected_forward[l]) <=
                                     0.05 * (double)l
                               : start->expected_forward[l] > 0.9 * limit);
        const double back =
            scatter_mean(&start->backward[DEPTH - 1 - l]) - start->expected_backward[DEPTH - 1 - l];
        good = good && (start->reached < DEPTH || fabs(back) <= 0.05 * (double)l);
    }
    return good;
}

static void write_table(struct sheet *sheet, const struct start *start)
{
    const size_t last = start->reached - 1;
    const double forward =
        (scatter_mean(&start->forward[last]) - scatter_mean(&start->forward[0])) / (double)last;
    const double expected = (start->expected_forward[last] - start->expected_forward[0]) / (double)last;
    const double back = exp(start->expected_backward[0] / ((double)DEPTH - 1.0));
    if (start->reached < DEPTH) {
        sheet_row(sheet, "%s | %.3f | %.3f | %.3f | – | ∞ in layer %zu", start->name, exp(expected),
                  exp(forward), back, start->reached);
        return;
    }
    sheet_row(sheet, "%s | %.3f | %.3f | %.3f | %.3f | %.0e, %.0e", start->name, exp(expected), exp(forward),
              back, exp(scatter_mean(&start->backward[0]) / ((double)DEPTH - 1.0)),
              exp(scatter_mean(&start->forward[last])), exp(scatter_mean(&start->backward[0])));
}

static int chart_starts(struct sheet *sheet, const struct start *starts, size_t count, const char *titles[2])
{
    static double layer[DEPTH], back[DEPTH], lines[4][TANH_STARTS][DEPTH];
    struct curve forward[2 * TANH_STARTS], backward[2 * TANH_STARTS];
    for (size_t i = 0; i < count; i++) {
        for (size_t l = 0; l < DEPTH; l++) {
            layer[l] = (double)(l + 1);
            back[l] = (double)(DEPTH - 1 - l);
            lines[0][i][l] = l < starts[i].reached ? exp(scatter_mean(&starts[i].forward[l])) : NAN;
            lines[1][i][l] = starts[i].expected_forward[l] < log((double)FLT_MAX)
                                 ? exp(starts[i].expected_forward[l])
                                 : NAN;
            lines[2][i][l] = starts[i].reached < DEPTH ? NAN : exp(scatter_mean(&starts[i].backward[l]));
            lines[3][i][l] = starts[i].reached < DEPTH ? NAN : exp(starts[i].expected_backward[l]);
        }
        const int colour = (int)i;
        forward[2 * i] =
            (struct curve){ starts[i].name, CURVE_MEASURED, colour, layer, lines[0][i], NULL, DEPTH };
        forward[2 * i + 1] = (struct curve){ NULL, CURVE_THEORY, colour, layer, lines[1][i], NULL, DEPTH };
        backward[2 * i] =
            (struct curve){ starts[i].name, CURVE_MEASURED, colour, back, lines[2][i], NULL, DEPTH };
        backward[2 * i + 1] = (struct curve){ NULL, CURVE_THEORY, colour, back, lines[3][i], NULL, DEPTH };
    }
    /* clang-format off */
    const struct chart charts[] = {
        { .title = titles[0], .x_label = "layer (dashed: theory)", .y_label = "rms Z", .log_y = true,
          .curves = forward,
          .curve_count = 2 * count },
        { .title = titles[1], .x_label = "layers back from the last hidden one", .y_label = "||dZ|| by "
                                                                                            "that of the "
                                                                                            "last hidden "
                                                                                            "layer",
          .log_y = true, .curves = backward, .curve_count = 2 * count },
    };
    /* clang-format on */
    return sheet_charts(sheet, charts, 2);
}

static int study_equal(struct experiment *experiment, struct sheet *sheet, size_t seeds, bool *good)
{
    static struct start starts[STARTS] = {
        { .name = "ReLU, he-normal", .weight_variance = 2.0, .shape = { .init = INIT(HE_NORMAL) } },
        { .name = "ReLU, orthogonal·√2",
          .weight_variance = 2.0,
          .shape = { .init = INIT_GAIN(ORTHOGONAL, 1.4142135623730951) } },
        { .name = "ReLU, 1/n", .weight_variance = 1.0, .shape = { .init = INIT(XAVIER_NORMAL) } },
        { .name = "ReLU, N(0, 1)", .weight_variance = WIDTH, .shape = { .init = INIT_A(NORMAL, 1.0) } },
        { .name = "tanh, he-normal", .weight_variance = 2.0, .shape = { .init = INIT(HE_NORMAL) } },
        { .name = "tanh, 1/n", .weight_variance = 1.0, .shape = { .init = INIT(LECUN_NORMAL) } },
        { .name = "tanh, orthogonal", .weight_variance = 1.0, .shape = { .init = INIT(ORTHOGONAL) } },
        { .name = "tanh, N(0, 1)", .weight_variance = WIDTH, .shape = { .init = INIT_A(NORMAL, 1.0) } },
    };
    sheet_row(sheet, "start | signal: theory | found | gradient: theory | found | after %d", DEPTH);
    for (size_t i = 0; i < STARTS; i++) {
        starts[i].shape.depth = DEPTH;
        starts[i].shape.width = WIDTH;
        starts[i].shape.activation = i < RELU_STARTS ? relu : tangent;
        TRY(measure(experiment, &starts[i], seeds));
        write_table(sheet, &starts[i]);
        *good = *good && as_expected(&starts[i]);
        TRY(advance(experiment, i + 1, STARTS + ALTERNATES));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "%d layers of %d units, %zu seeds: factors per layer of rms Z and, going back, of ||dZ||, "
               "geometric means; after %d: rms Z of the last hidden layer, and ||dZ|| of the first by the "
               "last. 1/n is LeCun's scale and, in layers of equal width, Xavier's √(2/(n_in + n_out)) as "
               "well. A finite layer loses a little against theory: the logarithm of rms Z drifts by −5/(4n) "
               "a ReLU layer, which 100 layers add up to a factor of %.2f.",
               DEPTH, WIDTH, seeds, DEPTH, exp(-1.25 * (double)DEPTH / (double)WIDTH));
    TRY(chart_starts(sheet, starts, RELU_STARTS, (const char *[]){ "ReLU: signal", "ReLU: gradient" }));
    return chart_starts(sheet, starts + RELU_STARTS, TANH_STARTS,
                        (const char *[]){ "tanh: signal", "tanh: gradient" });
}

/* ---- alternating widths -------------------------------------------------------------------------------- */

/* With fan-in or fan-out the factors of a wide and a narrow layer cancel; √(2/(n_in + n_out)) loses by the
 * geometric mean of the widths against the arithmetic one. */
static int study_alternating(struct experiment *experiment, struct sheet *sheet, size_t seeds, bool *good)
{
    const double geometric = sqrt((double)WIDE * (double)NARROW), arithmetic = 0.5 * (double)(WIDE + NARROW);
    const struct {
        const char *name;
        struct choice init;
        double expected;
    } starts[ALTERNATES] = {
        { "he-normal, fan-in", INIT(HE_NORMAL), 1.0 },
        { "he-normal, fan-out", { .value = MLP_INIT_HE_NORMAL, .numbers = { .fan = MLP_FAN_OUT } }, 1.0 },
        { "xavier-normal·√2", INIT_GAIN(XAVIER_NORMAL, 1.4142135623730951), sqrt(geometric / arithmetic) },
    };
    sheet_row(sheet, "start | theory | signal | gradient");
    for (size_t i = 0; i < ALTERNATES; i++) {
        const struct shape shape = { .depth = ALTERNATE_DEPTH,
                                     .width = WIDE,
                                     .other_width = NARROW,
                                     .activation = relu,
                                     .init = starts[i].init };
        struct scatter forward = { 0 }, backward = { 0 };
        for (size_t s = 0; s < seeds; s++) {
            mlp_diagnosis *diagnosis;
            TRY(diagnose_start(experiment, &shape, s, &diagnosis));
            scatter_add(&forward, forward_factor(diagnosis, 1, ALTERNATE_DEPTH - 1));
            scatter_add(&backward, backward_factor(diagnosis, 1, ALTERNATE_DEPTH - 1));
            mlp_diagnosis_destroy(&diagnosis);
        }
        sheet_row(sheet, "%s | %.3f | %.3f ± %.3f | %.3f ± %.3f", starts[i].name, starts[i].expected,
                  scatter_mean(&forward), scatter_deviation(&forward), scatter_mean(&backward),
                  scatter_deviation(&backward));
        *good = *good && fabs(scatter_mean(&forward) / starts[i].expected - 1.0) <= 0.05 &&
                fabs(scatter_mean(&backward) / starts[i].expected - 1.0) <= 0.05;
        TRY(advance(experiment, STARTS + i + 1, STARTS + ALTERNATES));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "%d ReLU layers of %d and %d units in turn, %zu seeds; ±: standard deviation over seeds. "
               "Fan-in and fan-out scale the same draws, which cancels over two layers.",
               ALTERNATE_DEPTH, WIDE, NARROW, seeds);
    return EXIT_DONE;
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    const size_t seeds = seeds_or(experiment, 10);
    *as_predicted = true;
    TRY(study_equal(experiment, sheet, seeds, as_predicted));
    return study_alternating(experiment, sheet, seeds, as_predicted);
}

const struct study scaling_study = {
    .name = "scaling",
    .summary = "which scale keeps signal and gradient through 100 layers",
    .claim = "Scaled weights (He's, Xavier's, LeCun's, √(2/(n_in + n_out)), orthogonal) keep the size of "
             "signal and gradient from layer to layer; plain N(0, 1) does not.",
    .theory = "With weights of variance σ_w²/n_in, rms Z goes from layer to layer as q ← σ_w²·E[φ(√q·z)²] "
              "and ||dZ|| back by √χ₁. ReLU keeps both at σ_w² = 2 alone: 1/n loses a factor of √2 a layer, "
              "N(0, 1) gains √(n/2) and overflows float. tanh keeps gradients near σ_w² = 1, where q falls "
              "slowly, about as 1/(2l); at 2 they grow. Where widths alternate, √(2/(n_in + n_out)) loses by "
              "the root of the geometric mean of the widths by the arithmetic one.",
    .criterion =
        "rms Z and ||dZ|| are within 5 % a layer of theory after 5, 10, 20, 50 and 100 layers, float "
        "overflows where theory says so, and the factors of the alternating widths are within 5 %.",
    .sources = "He et al. 2015, Delving deep into rectifiers, section 2.2\n"
               "Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward networks, "
               "section 4.2\n"
               "Saxe, McClelland, Ganguli 2013, Exact solutions to the nonlinear dynamics of learning, "
               "section 3\n"
               "Hanin & Rolnick 2018, How to start training: the effect of initialization and "
               "architecture, section 3",
    .holds = "The claim holds for the scale that belongs to the activation: σ_w² = 2 for ReLU, 1 for tanh. "
             "The other one loses or gains exponentially with depth, orthogonal or not; and √(2/(n_in + "
             "n_out)) is no match where widths alternate.",
    .run = run,
};
