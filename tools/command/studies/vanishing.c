/* Vanishing gradients: ||dZ|| going back through deep sigmoid and tanh networks, against the square root of
 * chi_1. */
#include <math.h>

#include "studies/study.h"

enum { DEPTH = 12, WIDTHS = 5, REMEDIES = 5, REMEDY_DEPTH = 8, REMEDY_WIDTH = 64 };

static const double widths[WIDTHS] = { 10, 30, 64, 128, 256 };
static const struct choice sigmoid = ACTIVATION(SIGMOID), tangent = ACTIVATION(TANH);

/* ---- at the start -------------------------------------------------------------------------------------- */

struct start {
    struct shape shape;
    double expected; /* √χ₁ */
    struct scatter factor;
    struct scatter saturated; /* share of |a| > 0.99 */
};

/* Layers near the ends are left out: they have not come to the fixed point, or have another number of units
 * above. */
static int measure_start(const struct experiment *experiment, struct start *start, size_t seeds)
{
    int code = EXIT_DONE;
    for (size_t s = 0; s < seeds && code == EXIT_DONE; s++) {
        mlp_diagnosis *diagnosis;
        code = diagnose_start(experiment, &start->shape, s, &diagnosis);
        if (code == EXIT_DONE) {
            scatter_add(&start->factor, backward_factor(diagnosis, 2, DEPTH - 1));
            scatter_add(&start->saturated, layer_signal(diagnosis, DEPTH / 2).saturated);
        }
        mlp_diagnosis_destroy(&diagnosis);
    }
    return code;
}

static bool near(const struct start *start, double tolerance)
{
    return fabs(scatter_mean(&start->factor) / start->expected - 1.0) <= tolerance;
}

static int chart_widths(struct sheet *sheet, const struct start *starts)
{
    double expected[2][WIDTHS], measured[2][WIDTHS], deviation[2][WIDTHS], one[WIDTHS];
    for (size_t i = 0; i < 2 * WIDTHS; i++) {
        expected[i % 2][i / 2] = starts[i].expected;
        measured[i % 2][i / 2] = scatter_mean(&starts[i].factor);
        deviation[i % 2][i / 2] = scatter_deviation(&starts[i].factor);
        one[i / 2] = 1.0;
    }
    const struct curve curves[] = {
        { "sigmoid, measured", CURVE_MEASURED, 0, widths, measured[0], deviation[0], WIDTHS },
        { "sigmoid, theory", CURVE_THEORY, 0, widths, expected[0], NULL, WIDTHS },
        { "tanh, measured", CURVE_MEASURED, 1, widths, measured[1], deviation[1], WIDTHS },
        { "tanh, theory", CURVE_THEORY, 1, widths, expected[1], NULL, WIDTHS },
        { "1: kept", CURVE_THEORY, 6, widths, one, NULL, WIDTHS },
    };
    const struct chart chart = { .title = "Weights N(0, 1): gradient going back a layer",
                                 .x_label = "units of each layer",
                                 .y_label = "||dZ|| by that of the layer above",
                                 .log_x = true,
                                 .curves = curves,
                                 .curve_count = sizeof curves / sizeof curves[0] };
    return sheet_charts(sheet, &chart, 1);
}

static int study_widths(struct experiment *experiment, struct sheet *sheet, size_t seeds, bool *good)
{
    struct start starts[2 * WIDTHS] = { 0 };
    sheet_row(sheet, "units | sigmoid: theory | measured | tanh: theory | measured | saturated");
    for (size_t i = 0; i < 2 * WIDTHS; i++) {
        const struct choice *activation = i % 2 == 0 ? &sigmoid : &tangent;
        starts[i].shape = (struct shape){ .depth = DEPTH,
                                          .width = (size_t)widths[i / 2],
                                          .activation = *activation,
                                          .init = INIT_A(NORMAL, 1.0),
                                          .same_output = true };
        starts[i].expected = sqrt(field_of(activation, widths[i / 2]).chi);
        TRY(measure_start(experiment, &starts[i], seeds));
        *good = *good && near(&starts[i], i / 2 == 0 ? 0.20 : 0.10);
        if (i % 2 == 1) {
            const struct start *s = &starts[i - 1], *t = &starts[i];
            sheet_row(sheet, "%.0f | %.3f | %.3f ± %.3f | %.3f | %.3f ± %.3f | %.0f %%", widths[i / 2],
                      s->expected, scatter_mean(&s->factor), scatter_deviation(&s->factor), t->expected,
                      scatter_mean(&t->factor), scatter_deviation(&t->factor),
                      100.0 * scatter_mean(&t->saturated));
        }
        TRY(advance(experiment, i + 1, 2 * WIDTHS + 3 + REMEDIES));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "Weights N(0, 1), %d layers, %zu seeds: by what ||dZ|| is multiplied per layer going back, "
               "geometric mean of layers 2 to %d; ±: standard deviation over seeds; saturated: share of |a| "
               "> 0.99 of tanh in layer %d.",
               DEPTH, seeds, DEPTH - 1, DEPTH / 2);
    return chart_widths(sheet, starts);
}

static int study_scales(struct experiment *experiment, struct sheet *sheet, size_t seeds, bool *good)
{
    struct start starts[] = {
        { .shape = { .activation = sigmoid, .init = INIT(LECUN_NORMAL) },
          .expected = sqrt(field_of(&sigmoid, 1.0).chi) },
        { .shape = { .activation = tangent, .init = INIT(LECUN_NORMAL) }, .expected = 1.0 },
        { .shape = { .activation = tangent,
                     .init = { .value = MLP_INIT_VARIANCE_SCALING, .numbers = { .gain = 0.5 } } },
          .expected = sqrt(field_of(&tangent, 0.25).chi) },
    };
    static const char *const names[] = { "sigmoid, σ² = 1/n (Xavier)", "tanh, σ² = 1/n (Xavier)",
                                         "tanh, σ² = 0.25/n (small)" };
    sheet_row(sheet, "start | theory | measured");
    for (size_t i = 0; i < 3; i++) {
        starts[i].shape.depth = DEPTH;
        starts[i].shape.width = 128;
        TRY(measure_start(experiment, &starts[i], seeds));
        sheet_row(sheet, "%s | %.3f | %.3f ± %.3f", names[i], starts[i].expected,
                  scatter_mean(&starts[i].factor), scatter_deviation(&starts[i].factor));
        TRY(advance(experiment, 2 * WIDTHS + i + 1, 2 * WIDTHS + 3 + REMEDIES));
    }
    sheet_table_end(sheet);
    sheet_text(sheet, "The same with scaled weights, 128 units. For tanh at σ² = 1/n the fixed point is q = "
                      "0 with χ₁ = 1, which the signal comes to slowly: a mild loss, no exponential one.");
    const double mild = scatter_mean(&starts[1].factor);
    *good = *good && near(&starts[0], 0.10) && near(&starts[2], 0.10) && mild > 0.8 && mild < 1.0;
    return EXIT_DONE;
}

/* ---- over training ------------------------------------------------------------------------------------- */

struct remedy {
    const char *name;
    struct shape shape;
    struct scatter accuracy;
    struct scatter change[REMEDY_DEPTH]; /* ||W after - W before||/||W before|| */
};

static double relative_change(const mlp_network *before, const mlp_network *after, size_t l)
{
    mlp_const_matrix old = { 0 }, new = { 0 };
    double change = 0.0, size = 0.0;
    mlp_network_weights(before, l, &old);
    mlp_network_weights(after, l, &new);
    for (size_t j = 0; j < old.columns; j++) {
        for (size_t i = 0; i < old.rows; i++) {
            const double start = (double)old.data[i + j * old.leading_dimension];
            const double moved = (double)new.data[i + j * new.leading_dimension] - start;
            change += moved * moved;
            size += start * start;
        }
    }
    return sqrt(change / size);
}

static int train_remedy(const struct experiment *experiment, struct remedy *remedy, uint64_t seed)
{
    static const struct training training = {
        .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .epochs = 20, .batch = 64
    };
    mlp_network *network, *before = NULL;
    struct outcome outcome;
    int code = make_network(experiment, &remedy->shape, seed, &network);
    if (code == EXIT_DONE && mlp_network_copy(network, &before) != MLP_OK) {
        code = work_error("%s", mlp_last_error());
    }
    if (code == EXIT_DONE) {
        code = train_network(experiment, network, &training, seed, &outcome);
    }
    if (code == EXIT_DONE) {
        scatter_add(&remedy->accuracy, outcome.accuracy);
        for (size_t l = 0; l < REMEDY_DEPTH; l++) {
            scatter_add(&remedy->change[l], relative_change(before, network, l));
        }
    }
    mlp_network_destroy(&before);
    mlp_network_destroy(&network);
    return code;
}

static int chart_layers(struct sheet *sheet, const struct remedy *remedies)
{
    double layer[REMEDY_DEPTH], change[REMEDIES][REMEDY_DEPTH];
    struct curve curves[REMEDIES];
    for (size_t r = 0; r < REMEDIES; r++) {
        for (size_t l = 0; l < REMEDY_DEPTH; l++) {
            layer[l] = (double)l;
            change[r][l] = scatter_mean(&remedies[r].change[l]);
        }
        curves[r] =
            (struct curve){ remedies[r].name, CURVE_MEASURED, (int)r, layer, change[r], NULL, REMEDY_DEPTH };
    }
    const struct chart chart = { .title = "How far training moves each layer",
                                 .x_label = "hidden layer, from the input",
                                 .y_label = "||W after - W before|| / ||W before||",
                                 .log_y = true,
                                 .curves = curves,
                                 .curve_count = REMEDIES };
    return sheet_charts(sheet, &chart, 1);
}

/* ||dW|| goes as ||dZ||·||A||. A sigmoid's A stays near 1/2, so that dW falls with dZ; tanh of small weights
 * lets A fall by the same factor from the other end, so that all layers move alike. */
static bool training_as_expected(const struct remedy *remedy, size_t row)
{
    const double first = scatter_mean(&remedy->change[0]),
                 last = scatter_mean(&remedy->change[REMEDY_DEPTH - 1]);
    const double accuracy = scatter_mean(&remedy->accuracy);
    switch (row) {
    case 0: return first < 0.1 * last && accuracy < 0.5;
    case 1: return first < 3.0 * last && last < 3.0 * first;
    default: return accuracy > 0.9;
    }
}

static int study_training(struct experiment *experiment, struct sheet *sheet, size_t seeds, bool *good)
{
    struct remedy remedies[REMEDIES] = {
        { .name = "sigmoid, 1/n", .shape = { .activation = sigmoid, .init = INIT(LECUN_NORMAL) } },
        { .name = "tanh, 0.25/n",
          .shape = { .activation = tangent, .init = INIT_GAIN(VARIANCE_SCALING, 0.5) } },
        { .name = "tanh, 1/n", .shape = { .activation = tangent, .init = INIT(LECUN_NORMAL) } },
        { .name = "tanh, critical", .shape = { .activation = tangent, .init = INIT_A(CRITICAL, 0.2) } },
        { .name = "ReLU, he-normal", .shape = { .activation = ACTIVATION(RELU), .init = INIT(HE_NORMAL) } },
    };
    sheet_row(sheet, "network | change of layer 0 | of layer %d | test accuracy", REMEDY_DEPTH - 1);
    for (size_t r = 0; r < REMEDIES; r++) {
        remedies[r].shape.depth = REMEDY_DEPTH;
        remedies[r].shape.width = REMEDY_WIDTH;
        for (size_t s = 0; s < seeds; s++) {
            TRY(train_remedy(experiment, &remedies[r], s));
        }
        sheet_row(sheet, "%s | %.2g | %.2g | %.3f ± %.3f", remedies[r].name,
                  scatter_mean(&remedies[r].change[0]), scatter_mean(&remedies[r].change[REMEDY_DEPTH - 1]),
                  scatter_mean(&remedies[r].accuracy), scatter_deviation(&remedies[r].accuracy));
        *good = *good && training_as_expected(&remedies[r], r);
        TRY(advance(experiment, 2 * WIDTHS + 3 + r + 1, 2 * WIDTHS + 3 + REMEDIES));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "%d layers of %d units, 20 epochs of momentum at 0.01, %zu seeds: how far training moves the "
               "weights.",
               REMEDY_DEPTH, REMEDY_WIDTH, seeds);
    return chart_layers(sheet, remedies);
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    *as_predicted = true;
    TRY(study_widths(experiment, sheet, seeds_or(experiment, 20), as_predicted));
    TRY(study_scales(experiment, sheet, seeds_or(experiment, 20), as_predicted));
    return study_training(experiment, sheet, seeds_or(experiment, 3), as_predicted);
}

const struct study vanishing_study = {
    .name = "vanishing",
    .summary = "gradients of deep sigmoid and tanh networks",
    .claim = "With weights from N(0, 1) the gradients of deep networks with sigmoid or tanh vanish: the "
             "early layers learn slowest.",
    .theory = "Going back a layer multiplies ||dZ|| by √χ₁, χ₁ = σ_w²·E[φ'(√q·z)²], and N(0, 1) in layers of "
              "n units is σ_w² = n. For sigmoid √χ₁ passes 1 near n = 100: narrow layers vanish, wide ones "
              "explode. For tanh it is above 1 at every width: gradients grow, though most units saturate. "
              "What makes gradients vanish for sure is small weights (tanh: √χ₁ → σ_w), and sigmoid with "
              "scaled ones (0.236 at σ_w² = 1). ||dW|| goes as ||dZ||·||A||: with sigmoid A stays near 1/2 "
              "and the first layers learn slowest; with tanh and small weights A falls as dZ does, from the "
              "other end, and all layers learn alike, slowly.",
    .criterion = "the measured factor is within 10 % of √χ₁ (20 % at 10 units, where fluctuations count) for "
                 "N(0, 1) at every width, for sigmoid with 1/n and tanh with 0.25/n; tanh with 1/n loses "
                 "less than 20 % a layer; and training moves layer 0 of sigmoid with 1/n less than a tenth "
                 "as far as the last hidden one and stays under 50 % accuracy, that of tanh with 0.25/n as "
                 "far within a factor of 3, while the remedies reach 90 %.",
    .sources =
        "Poole et al. 2016, Exponential expressivity in deep neural networks, section 2\n"
        "Schoenholz et al. 2017, Deep information propagation, sections 3 and 4\n"
        "Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward networks, section 4",
    .holds = "The claim holds for sigmoid in layers narrower than about 100 units, and for any activation "
             "with small weights; with N(0, 1) tanh saturates, but its gradients grow going back. He's, "
             "Xavier's and critical weights are the remedy with ReLU and tanh.",
    .run = run,
};
