/* A grid of initializers, activations and depths: final loss, and whether mean field predicts which
 * cells train. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "studies/study.h"

enum { WIDTH = 64, EPOCHS = 40, LABEL = 48 };

static const struct choice usual_inits[] = { INIT(HE_NORMAL), INIT(XAVIER_NORMAL), INIT(ORTHOGONAL),
                                             INIT_A(NORMAL, 1.0), INIT_A(NORMAL, 0.01) };
static const struct choice usual_activations[] = { ACTIVATION(RELU), ACTIVATION(TANH), ACTIVATION(SIGMOID) };
static const size_t usual_depths[] = { 2, 6, 12 };

/* Cell (activation, depth, init) is number (activation·depth_count + depth)·init_count + init. */
struct grid {
    const struct choice *activations, *inits;
    const size_t *depths;
    size_t activation_count, init_count, depth_count, count;
    char (*rows)[LABEL], (*columns)[LABEL];
    double *loss;     /* of the last epoch by that of guessing, at most 1; mean over the draws */
    double *expected; /* log10 of ||dZ|| of the first hidden layer by that of the last, by mean field */
};

static struct grid make_grid(const struct experiment *experiment)
{
    struct grid grid = {
        .activations = experiment->activations.count > 0 ? experiment->activations.items : usual_activations,
        .activation_count = experiment->activations.count > 0
                                ? experiment->activations.count
                                : sizeof usual_activations / sizeof usual_activations[0],
        .inits = experiment->inits.count > 0 ? experiment->inits.items : usual_inits,
        .init_count = experiment->inits.count > 0 ? experiment->inits.count
                                                  : sizeof usual_inits / sizeof usual_inits[0],
        .depths = experiment->depth_count > 0 ? experiment->depths : usual_depths,
        .depth_count = experiment->depth_count > 0 ? experiment->depth_count
                                                   : sizeof usual_depths / sizeof usual_depths[0],
    };
    const size_t rows = grid.activation_count * grid.depth_count;
    grid.count = rows * grid.init_count;
    grid.rows = calloc(rows, sizeof *grid.rows);
    grid.columns = calloc(grid.init_count, sizeof *grid.columns);
    grid.loss = calloc(grid.count, sizeof *grid.loss);
    grid.expected = calloc(grid.count, sizeof *grid.expected);
    for (size_t r = 0; r < rows && grid.rows != NULL; r++) {
        snprintf(grid.rows[r], LABEL, "%s, %zu",
                 mlp_activation_name((mlp_activation)grid.activations[r / grid.depth_count].value),
                 grid.depths[r % grid.depth_count]);
    }
    for (size_t i = 0; i < grid.init_count && grid.columns != NULL; i++) {
        const struct choice *init = &grid.inits[i];
        const double number = init->numbers.a != 0.0 ? init->numbers.a : init->numbers.gain;
        snprintf(grid.columns[i], LABEL, number != 0.0 ? "%s:%g" : "%s", mlp_init_name((mlp_init)init->value),
                 number);
    }
    return grid;
}

static void free_grid(struct grid *grid)
{
    free(grid->rows);
    free(grid->columns);
    free(grid->loss);
    free(grid->expected);
}

/* ---- cells --------------------------------------------------------------------------------------------- */

static int predict(const struct experiment *experiment, const struct shape *shape, uint64_t seed,
                   double *expected)
{
    mlp_diagnosis *diagnosis;
    TRY(diagnose_start(experiment, shape, seed, &diagnosis));
    *expected = 0.0;
    for (size_t l = 0; l + 1 < shape->depth; l++) {
        *expected += log10(layer_signal(diagnosis, l).predicted_backward);
    }
    mlp_diagnosis_destroy(&diagnosis);
    return EXIT_DONE;
}

static int fill_cell(const struct experiment *experiment, struct grid *grid, size_t c, size_t seeds)
{
    static const struct training training = {
        .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .epochs = EPOCHS, .batch = 64
    };
    const size_t row = c / grid->init_count;
    const struct shape shape = { .depth = grid->depths[row % grid->depth_count],
                                 .width = WIDTH,
                                 .activation = grid->activations[row / grid->depth_count],
                                 .init = grid->inits[c % grid->init_count] };
    struct scatter loss = { 0 }, expected = { 0 };
    for (size_t s = 0; s < seeds; s++) {
        double value;
        struct outcome outcome;
        TRY(predict(experiment, &shape, s, &value));
        scatter_add(&expected, value);
        TRY(train_start(experiment, &shape, &training, s, &outcome));
        scatter_add(&loss, fmin(outcome.loss / log((double)experiment->classes), 1.0));
    }
    grid->loss[c] = scatter_mean(&loss);
    grid->expected[c] = scatter_mean(&expected);
    return EXIT_DONE;
}

/* ---- the verdict --------------------------------------------------------------------------------------- */

enum call { UNCLEAR, TRAINS, FAILS };

static enum call call_of(double expected)
{
    if (fabs(expected) <= 1.0) {
        return TRAINS;
    }
    return fabs(expected) >= 3.0 ? FAILS : UNCLEAR; /* NaN too */
}

static void count_clear(const struct grid *grid, size_t *clear, size_t *right)
{
    *clear = *right = 0;
    for (size_t c = 0; c < grid->count; c++) {
        const enum call call = call_of(grid->expected[c]);
        *clear += call != UNCLEAR;
        *right += call != UNCLEAR && (grid->loss[c] < 0.5) == (call == TRAINS);
    }
}

/* ---- tables and charts --------------------------------------------------------------------------------- */

static void write_table(struct sheet *sheet, const struct grid *grid)
{
    static const char *const calls[] = { "–", "yes", "no" };
    sheet_row(sheet, "network | init | dZ, log10 | trains? | loss by guessing");
    for (size_t c = 0; c < grid->count; c++) {
        const double expected = grid->expected[c];
        sheet_row(sheet, "%s | %s | %.1f | %s | %.3f", grid->rows[c / grid->init_count],
                  grid->columns[c % grid->init_count], expected, calls[call_of(expected)], grid->loss[c]);
    }
    sheet_table_end(sheet);
}

static int chart_grid(struct sheet *sheet, const struct grid *grid)
{
    const size_t row_count = grid->activation_count * grid->depth_count;
    const char **labels = calloc(row_count + grid->init_count, sizeof *labels);
    FAIL_IF(labels == NULL, out_of_memory());
    for (size_t i = 0; i < row_count + grid->init_count; i++) {
        labels[i] = i < row_count ? grid->rows[i] : grid->columns[i - row_count];
    }
    const struct heat_map heat = { .rows = labels,
                                   .columns = labels + row_count,
                                   .row_count = row_count,
                                   .column_count = grid->init_count,
                                   .values = grid->loss,
                                   .low = 0.0,
                                   .high = 1.0 };
    const struct chart chart = { .title = "Loss after training, by that of guessing",
                                 .x_label = "initializer",
                                 .y_label = "activation, hidden layers",
                                 .heat = &heat };
    const int code = sheet_charts(sheet, &chart, 1);
    free(labels);
    return code;
}

static int fill_grid(struct experiment *experiment, struct sheet *sheet, struct grid *grid,
                     bool *as_predicted)
{
    const size_t seeds = seeds_or(experiment, 3);
    size_t clear, right;
    FAIL_IF(grid->rows == NULL || grid->columns == NULL || grid->loss == NULL || grid->expected == NULL,
            out_of_memory());
    for (size_t c = 0; c < grid->count; c++) {
        TRY(fill_cell(experiment, grid, c, seeds));
        TRY(advance(experiment, c + 1, grid->count));
    }
    write_table(sheet, grid);
    count_clear(grid, &clear, &right);
    sheet_text(sheet,
               "Layers of %d units, %d epochs of momentum at 0.01, %zu seeds. dZ: its norm in the first "
               "hidden layer by that in the last, at the start, by mean field; loss: of the last epoch by "
               "that of guessing, at most 1. Of %zu cells theory is clear about %zu, and right about %zu.",
               WIDTH, EPOCHS, seeds, grid->count, clear, right);
    *as_predicted = 10 * right >= 9 * clear;
    return chart_grid(sheet, grid);
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    struct grid grid = make_grid(experiment);
    const int code = fill_grid(experiment, sheet, &grid, as_predicted);
    free_grid(&grid);
    return code;
}

const struct study compare_study = {
    .name = "compare",
    .summary = "a grid of initializers, activations and depths",
    .claim = "The right initializer for an activation decides whether a deep network trains.",
    .theory = "Mean field gives the factor between ||dZ|| of the last and of the first hidden layer from the "
              "start alone, the product of √χ₁ over the layers. Within a factor of 10 of 1 a network should "
              "train, and beyond a factor of 1000 not; between them theory is not clear.",
    .criterion = "at least nine in ten of the cells that theory is clear about come out as it says: those "
                 "within a factor of 10 below half the loss of guessing, those beyond 1000 not.",
    .sources = "Schoenholz et al. 2017, Deep information propagation, section 5\n"
               "He et al. 2015, Delving deep into rectifiers, section 2.2",
    .holds = "The claim holds in the cells that the table shows: with depth the networks that train are "
             "those whose initializer suits the activation; shallow ones forgive more.",
    .run = run,
};
