/* Depth: how deep a tanh network can be and still be trained, against the scale of its weights. */
#include <math.h>
#include <stdio.h>

#include "studies/study.h"

enum { SCALES = 8, DEPTHS = 6, WIDTH = 64, EPOCHS = 8, LABEL = 16, LINE = 151 };

static const double scales[SCALES] = { 0.25, 0.5, 0.8, 1.0, 1.3, 1.7, 2.5, 4.0 };
static const size_t depths[DEPTHS] = { 5, 10, 20, 30, 50, 80 };
static const struct choice tangent = ACTIVATION(TANH);

struct cell {
    struct scatter loss; /* of the last epoch, by that of guessing; at most 1 */
    size_t trained;      /* draws that come below a half */
};

static int fill_cell(const struct experiment *experiment, size_t scale, size_t depth, size_t seeds,
                     struct cell *cell)
{
    static const struct training training = {
        .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .epochs = EPOCHS, .batch = 64
    };
    const struct shape shape = { .depth = depths[depth],
                                 .width = WIDTH,
                                 .activation = tangent,
                                 .init = INIT_GAIN(VARIANCE_SCALING, sqrt(scales[scale])) };
    for (size_t s = 0; s < seeds; s++) {
        struct outcome outcome;
        TRY(train_start(experiment, &shape, &training, s, &outcome));
        const double loss = fmin(outcome.loss / log((double)experiment->classes), 1.0);
        scatter_add(&cell->loss, loss);
        cell->trained += loss < 0.5;
    }
    return EXIT_DONE;
}

/* The largest of the depths up to which all are trained by at least half of the draws; 0: none. */
static size_t trainable_depth(const struct cell cells[DEPTHS], size_t seeds)
{
    size_t d = 0;
    while (d < DEPTHS && 2 * cells[d].trained >= seeds) {
        d++;
    }
    return d > 0 ? depths[d - 1] : 0;
}

static int chart_cells(struct sheet *sheet, struct cell cells[SCALES][DEPTHS], size_t seeds)
{
    char labels[SCALES][LABEL], numbers[DEPTHS][LABEL];
    const char *rows[DEPTHS], *columns[SCALES];
    double values[DEPTHS * SCALES], line[LINE], expected[LINE], found[SCALES];
    for (size_t i = 0; i < SCALES * DEPTHS; i++) {
        const size_t s = i / DEPTHS, d = i % DEPTHS;
        snprintf(labels[s], LABEL, "%g", scales[s]);
        snprintf(numbers[d], LABEL, "%zu", depths[d]);
        columns[s] = labels[s];
        rows[d] = numbers[d];
        values[d * SCALES + s] = scatter_mean(&cells[s][d].loss);
        found[s] = (double)trainable_depth(cells[s], seeds);
    }
    for (size_t i = 0; i < LINE; i++) {
        line[i] = scales[0] + (scales[SCALES - 1] - scales[0]) * (double)i / (LINE - 1);
        expected[i] = 6.0 * field_of(&tangent, line[i]).depth;
        expected[i] = expected[i] < 100.0 ? expected[i] : NAN;
    }
    const struct heat_map heat = { .rows = rows,
                                   .columns = columns,
                                   .row_count = DEPTHS,
                                   .column_count = SCALES,
                                   .values = values,
                                   .low = 0.0,
                                   .high = 1.0 };
    const struct curve curves[] = {
        { "trained", CURVE_MEASURED, 0, scales, found, NULL, SCALES },
        { "6 ξ", CURVE_THEORY, 1, line, expected, NULL, LINE },
    };
    /* clang-format off */
    const struct chart charts[] = {
        { .title = "Loss after training, by that of guessing", .x_label = "σ_w²", .y_label = "hidden "
                                                                                             "layers",
            .heat = &heat },
        { .title = "Depth that can be trained", .x_label = "σ_w²", .y_label = "hidden layers",
          .curves = curves, .curve_count = 2 },
    };
    /* clang-format on */
    return sheet_charts(sheet, charts, 2);
}

/* The largest trainable depth lies at σ_w² of 1 to 1.3, and farther out none is larger than nearer by. */
static bool as_expected(const size_t trainable[SCALES])
{
    enum { CRITICAL = 3 };
    bool good = true;
    size_t best = 0;
    for (size_t s = 0; s < SCALES; s++) {
        best = trainable[s] > best ? trainable[s] : best;
        good = good && (s == 0 || s > CRITICAL || trainable[s] >= trainable[s - 1]);
        good = good && (s <= CRITICAL + 1 || trainable[s] <= trainable[s - 1]);
    }
    const size_t critical =
        trainable[CRITICAL] > trainable[CRITICAL + 1] ? trainable[CRITICAL] : trainable[CRITICAL + 1];
    return good && critical == best && 2 * trainable[0] < best && 2 * trainable[SCALES - 1] < best;
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    struct cell cells[SCALES][DEPTHS] = { 0 };
    size_t trainable[SCALES];
    const size_t seeds = seeds_or(experiment, 3);
    sheet_row(sheet, "σ_w² | χ₁ | 6 ξ | trainable depth | loss at 10 | at 30 | at 80");
    for (size_t i = 0; i < SCALES * DEPTHS; i++) {
        const size_t s = i / DEPTHS, d = i % DEPTHS;
        TRY(fill_cell(experiment, s, d, seeds, &cells[s][d]));
        if (d == DEPTHS - 1) {
            const mlp_mean_field point = field_of(&tangent, scales[s]);
            char six[LABEL];
            snprintf(six, LABEL, isfinite(point.depth) ? "%.0f" : "∞", 6.0 * point.depth);
            trainable[s] = trainable_depth(cells[s], seeds);
            sheet_row(sheet, "%g | %.3f | %s | %zu | %.2f | %.2f | %.2f", scales[s], point.chi, six,
                      trainable[s], scatter_mean(&cells[s][1].loss), scatter_mean(&cells[s][3].loss),
                      scatter_mean(&cells[s][5].loss));
        }
        TRY(advance(experiment, i + 1, SCALES * DEPTHS));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "tanh layers of %d units with weights of variance σ_w²/n, %d epochs of momentum at 0.01, %zu "
               "seeds. loss: of the last epoch by that of guessing, ln of the number of classes; trainable "
               "depth: the largest of 5, 10, 20, 30, 50, 80 up to which at least half of the draws come "
               "below 0.5; ξ = 1/|ln χ₁|.",
               WIDTH, EPOCHS, seeds);
    *as_predicted = as_expected(trainable);
    return chart_cells(sheet, cells, seeds);
}

const struct study depth_study = {
    .name = "depth",
    .summary = "trainable depth of tanh networks against the scale of their weights",
    .claim = "How deep a network can be trained is decided by the scale of its weights: there is a best one, "
             "and away from it depth is lost.",
    .theory = "Signal and gradient carry over a number of layers of the order of ξ = 1/|ln χ₁|, which is "
              "infinite at the critical σ_w² = 1 of tanh with biases 0. Below it they vanish, above it they "
              "are scrambled and the gradient explodes; trainable depth was found to be about 6 ξ.",
    .criterion = "the trainable depth is largest at σ_w² = 1 or 1.3, falls towards both sides, and is less "
                 "than half of it at 0.25 and 4.",
    .sources = "Schoenholz et al. 2017, Deep information propagation, section 5\n"
               "Poole et al. 2016, Exponential expressivity in deep neural networks, section 2",
    .holds =
        "The claim holds for tanh: at and just above the critical scale networks train at depths at which "
        "all others do not. A finite width and little training blur the line: 6 ξ is a guide, no limit.",
    .run = run,
};
