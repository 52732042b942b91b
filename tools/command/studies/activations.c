/* Activations: dead units, gradient flow and accuracy against depth. */
#include <math.h>

#include <mlp/pass.h>

#include "studies/study.h"

enum { ACTIVATIONS = 4, DEPTHS = 4, WIDTH = 64, EPOCHS = 20, STARTS = 3 };

static const size_t depths[DEPTHS] = { 2, 5, 10, 20 };
static const double biases[STARTS] = { 0.0, -2.0, -4.0 };
static const struct choice activations[ACTIVATIONS] = { ACTIVATION(RELU), ACTIVATION(LEAKY_RELU),
                                                        ACTIVATION(TANH), ACTIVATION(SIGMOID) };
static const char *const names[ACTIVATIONS] = { "ReLU", "leaky ReLU", "tanh", "sigmoid" };

enum { RELU_ROW = 0, LEAKY_ROW = 1, TANH_ROW = 2, SIGMOID_ROW = 3 };

/* ---- depth --------------------------------------------------------------------------------------------- */

struct cell {
    struct scatter flow; /* log10 of ||dZ|| of layer 0 by that of the last hidden one, at the start */
    struct scatter accuracy;
};

static int fill_cell(const struct experiment *experiment, const struct shape *shape, uint64_t seed,
                     struct cell *cell)
{
    static const struct training training = {
        .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .epochs = EPOCHS, .batch = 64
    };
    mlp_diagnosis *diagnosis;
    struct outcome outcome;
    TRY(diagnose_start(experiment, shape, seed, &diagnosis));
    scatter_add(&cell->flow,
                (double)(shape->depth - 1) * log10(backward_factor(diagnosis, 0, shape->depth - 1)));
    mlp_diagnosis_destroy(&diagnosis);
    TRY(train_start(experiment, shape, &training, seed, &outcome));
    scatter_add(&cell->accuracy, outcome.accuracy);
    return EXIT_DONE;
}

static int chart_depths(struct sheet *sheet, struct cell cells[ACTIVATIONS][DEPTHS])
{
    double depth[DEPTHS], accuracy[ACTIVATIONS][DEPTHS], bars[ACTIVATIONS][DEPTHS], flow[ACTIVATIONS][DEPTHS];
    struct curve accuracies[ACTIVATIONS], flows[ACTIVATIONS];
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        for (size_t d = 0; d < DEPTHS; d++) {
            depth[d] = (double)depths[d];
            accuracy[a][d] = scatter_mean(&cells[a][d].accuracy);
            bars[a][d] = scatter_deviation(&cells[a][d].accuracy);
            flow[a][d] = pow(10.0, scatter_mean(&cells[a][d].flow));
        }
        accuracies[a] =
            (struct curve){ names[a], CURVE_MEASURED, (int)a, depth, accuracy[a], bars[a], DEPTHS };
        flows[a] = (struct curve){ names[a], CURVE_MEASURED, (int)a, depth, flow[a], NULL, DEPTHS };
    }
    /* clang-format off */
    const struct chart charts[] = {
        { .title = "Accuracy", .x_label = "hidden layers", .y_label = "test accuracy", .curves = accuracies,
          .curve_count = ACTIVATIONS },
        { .title = "Gradient that reaches the first layer", .x_label = "hidden layers",
          .y_label = "||dZ||, first by last hidden layer", .log_y = true, .curves = flows,
          .curve_count = ACTIVATIONS },
    };
    /* clang-format on */
    return sheet_charts(sheet, charts, 2);
}

static int study_depths(struct experiment *experiment, struct sheet *sheet, size_t seeds, size_t all,
                        bool *good)
{
    struct cell cells[ACTIVATIONS][DEPTHS] = { 0 };
    sheet_row(sheet, "activation | hidden layers | gradient | test accuracy");
    for (size_t i = 0; i < ACTIVATIONS * DEPTHS; i++) {
        const size_t a = i / DEPTHS, d = i % DEPTHS;
        const struct shape shape = { .depth = depths[d], .width = WIDTH, .activation = activations[a] };
        struct cell *cell = &cells[a][d];
        for (size_t s = 0; s < seeds; s++) {
            TRY(fill_cell(experiment, &shape, s, cell));
        }
        sheet_row(sheet, "%s | %zu | %.1e | %.3f ± %.3f", names[a], depths[d],
                  pow(10.0, scatter_mean(&cell->flow)), scatter_mean(&cell->accuracy),
                  scatter_deviation(&cell->accuracy));
        TRY(advance(experiment, i + 1, all));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "Layers of %d units, automatic initializers, %d epochs of momentum at 0.01, %zu seeds. "
               "gradient: ||dZ|| of the first hidden layer by that of the last, at the start.",
               WIDTH, EPOCHS, seeds);
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        const double deep = scatter_mean(&cells[a][DEPTHS - 1].accuracy),
                     shallow = scatter_mean(&cells[a][0].accuracy);
        *good = *good && (a == SIGMOID_ROW ? deep < 0.5 : deep > 0.8 && shallow > 0.9);
    }
    return chart_depths(sheet, cells);
}

/* ---- dead units ---------------------------------------------------------------------------------------- */

/* Share of hidden units whose dZ is 0 for every sample: nothing can move them. */
static int measure_dead(const struct experiment *experiment, const mlp_network *network, double *share)
{
    const mlp_targets targets = { .classes = experiment->sample_classes };
    const size_t hidden = mlp_network_layer_count(network) - 1;
    mlp_workspace *workspace;
    size_t dead = 0, units = 0;
    double loss;
    mlp_status status = mlp_workspace_create(network, experiment->sample_count, NULL, &workspace);
    status = status == MLP_OK ? mlp_forward(network, workspace, experiment->samples, experiment->sample_count)
                              : status;
    status = status == MLP_OK ? mlp_loss_backward(network, workspace, &targets, &loss) : status;
    for (size_t l = 0; l < hidden && status == MLP_OK; l++) {
        mlp_matrix dz;
        status = mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, l, &dz);
        if (status == MLP_OK) {
            for (size_t i = 0; i < dz.rows; i++) {
                size_t moved = 0;
                for (size_t j = 0; j < dz.columns; j++) {
                    moved += dz.data[i + j * dz.leading_dimension] != 0.0f;
                }
                dead += moved == 0;
                units++;
            }
        }
    }
    mlp_workspace_destroy(&workspace);
    *share = units > 0 ? (double)dead / (double)units : NAN;
    return status == MLP_ERROR_NONFINITE ? EXIT_DONE : work_code(status);
}

struct death {
    struct scatter before, after; /* shares of hidden units */
    struct scatter accuracy;
};

static int train_to_death(const struct experiment *experiment, const struct choice *activation, double bias,
                          uint64_t seed, struct death *death)
{
    const struct shape shape = {
        .depth = 5, .width = WIDTH, .activation = *activation, .bias_init = INIT_A(CONSTANT, bias)
    };
    const struct training training = {
        .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .epochs = EPOCHS, .batch = 64
    };
    mlp_network *network;
    struct outcome outcome;
    double before = NAN, after = NAN;
    int code = make_network(experiment, &shape, seed, &network);
    if (code == EXIT_DONE) {
        code = measure_dead(experiment, network, &before);
    }
    if (code == EXIT_DONE) {
        code = train_network(experiment, network, &training, seed, &outcome);
    }
    if (code == EXIT_DONE) {
        code = measure_dead(experiment, network, &after);
        scatter_add(&death->before, before);
        scatter_add(&death->after, after);
        scatter_add(&death->accuracy, outcome.accuracy);
    }
    mlp_network_destroy(&network);
    return code;
}

static int study_death(struct experiment *experiment, struct sheet *sheet, size_t seeds, size_t all,
                       bool *good)
{
    sheet_row(sheet,
              "activation | biases at the start | dead units: before | after training | test accuracy");
    for (size_t i = 0; i < 2 * STARTS; i++) {
        const size_t a = i / STARTS;
        const double bias = biases[i % STARTS];
        struct death death = { 0 };
        for (size_t s = 0; s < seeds; s++) {
            TRY(train_to_death(experiment, &activations[a], bias, s, &death));
        }
        sheet_row(sheet, "%s | %g | %.1f %% ± %.1f %% | %.1f %% ± %.1f %% | %.3f", names[a], bias,
                  100.0 * scatter_mean(&death.before), 100.0 * scatter_deviation(&death.before),
                  100.0 * scatter_mean(&death.after), 100.0 * scatter_deviation(&death.after),
                  scatter_mean(&death.accuracy));
        *good = *good && (a == LEAKY_ROW ? scatter_mean(&death.before) + scatter_mean(&death.after) == 0.0
                                         : bias > -4.0 || scatter_mean(&death.after) > 0.5);
        TRY(advance(experiment, ACTIVATIONS * DEPTHS + i + 1, all));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "5 hidden layers of %d units, %d epochs as above: share of hidden units with dZ = 0 for each "
               "of %zu samples.",
               WIDTH, EPOCHS, experiment->sample_count);
    return EXIT_DONE;
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    const size_t seeds = seeds_or(experiment, 5), all = ACTIVATIONS * DEPTHS + 2 * STARTS;
    *as_predicted = true;
    TRY(study_depths(experiment, sheet, seeds, all, as_predicted));
    return study_death(experiment, sheet, seeds, all, as_predicted);
}

const struct study activations_study = {
    .name = "activations",
    .summary = "ReLU and leaky ReLU against sigmoid and tanh",
    .claim = "Use ReLU, or leaky ReLU, whose gradient is never zero, so that no unit dies.",
    .theory = "φ' of sigmoid is at most 1/4: with scaled weights its gradient falls by about 4 a layer, and "
              "training fails beyond a few layers. tanh, ReLU and leaky ReLU keep it near 1 with the weights "
              "that suit them. A ReLU that is negative on every sample has gradient 0 and stays so; a leaky "
              "one keeps its slope, 0.01.",
    .criterion = "with 20 hidden layers sigmoid stays under 50 % accuracy and the others exceed 80 % (90 % "
                 "with 2); leaky ReLU has no dead unit, whatever the biases, and of the ReLUs that start "
                 "with biases −4 more than half are dead after training.",
    .sources =
        "Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic models, section 2\n"
        "Glorot, Bordes, Bengio 2011, Deep sparse rectifier neural networks, section 3",
    .holds = "The claim holds for leaky ReLU: none of its units is ever dead, though where all start out "
             "negative its slope of 0.01 does not train five layers either; plain ReLUs that start out "
             "negative stay dead, while with zero biases few are and the network trains. tanh, started well, "
             "is as good at depth; sigmoid is not.",
    .run = run,
};
