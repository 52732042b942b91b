/* Clipping: networks that diverge without it and train with it, and what it does to the gradient's direction.
 */
#include <math.h>

#include <mlp/pass.h>

#include "studies/study.h"

enum { DEPTH = 8, WIDTH = 64, STARTS = 2, RULES = 5, STEPS = 60, EPOCHS = 15 };

static const struct choice relu = ACTIVATION(RELU);

static const struct {
    const char *name;
    struct choice init;
    double rate;
} starts[STARTS] = {
    { "he-normal, rate 0.7", INIT(HE_NORMAL), 0.7 },
    { "he-normal·2, rate 0.15", INIT_GAIN(HE_NORMAL, 2.0), 0.15 },
};

static const struct {
    const char *name;
    mlp_clip clip;
    double threshold;
} rules[RULES] = {
    { "none", MLP_CLIP_NONE, 0.0 },
    { "value 0.05", MLP_CLIP_VALUE, 0.05 },
    { "tensor norm 0.5", MLP_CLIP_TENSOR_NORM, 0.5 },
    { "layer norm 0.5", MLP_CLIP_LAYER_NORM, 0.5 },
    { "global norm 1", MLP_CLIP_GLOBAL_NORM, 1.0 },
};

struct cell {
    size_t trained;      /* draws whose loss comes below a tenth of that of guessing */
    struct scatter loss; /* of the draws that were not refused */
    struct scatter clipped;
    struct scatter angle; /* degrees, over steps in which clipping acted */
    double losses[STEPS]; /* by step, of the first draw */
};

/* ---- the angle ----------------------------------------------------------------------------------------- */

/* Degrees between the step from `before` to `after` and the gradient at `before`, over all weights. */
static mlp_status measure_angle(const mlp_network *before, const mlp_network *after, mlp_workspace *workspace,
                                double *angle)
{
    double product = 0.0, step = 0.0, size = 0.0;
    mlp_status status = MLP_OK;
    for (size_t l = 0; l < mlp_network_layer_count(before) && status == MLP_OK; l++) {
        mlp_const_matrix old, new;
        mlp_matrix gradient;
        mlp_network_weights(before, l, &old);
        mlp_network_weights(after, l, &new);
        status = mlp_workspace_view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, l, &gradient);
        if (status == MLP_OK) {
            for (size_t i = 0; i < old.rows * old.columns; i++) {
                const size_t row = i % old.rows, column = i / old.rows;
                const double moved = (double)old.data[row + column * old.leading_dimension] -
                                     (double)new.data[row + column * new.leading_dimension];
                const double g = (double)gradient.data[row + column * gradient.leading_dimension];
                product += moved * g;
                step += moved * moved;
                size += g * g;
            }
        }
    }
    *angle = acos(fmin(product / sqrt(step * size), 1.0)) * 180.0 / acos(-1.0);
    return status;
}

/* One step; the angle counts when clipping acted. */
static mlp_status step_once(const struct experiment *experiment, mlp_network *network, mlp_network *before,
                            mlp_optimizer *optimizer, mlp_workspace *workspace, struct scatter *angles,
                            double *loss)
{
    const mlp_targets targets = { .classes = experiment->sample_classes };
    mlp_step_report report = { .loss = NAN };
    double same, angle;
    mlp_status status = mlp_network_copy_parameters(before, network);
    status = status == MLP_OK ? mlp_train_step(network, optimizer, workspace, experiment->samples, &targets,
                                               experiment->sample_count, &report)
                              : status;
    *loss = report.loss;
    if (status != MLP_OK || !report.clip.acted) {
        return status;
    }
    status = mlp_forward(before, workspace, experiment->samples, experiment->sample_count);
    status = status == MLP_OK ? mlp_loss_backward(before, workspace, &targets, &same) : status;
    status = status == MLP_OK ? measure_angle(before, network, workspace, &angle) : status;
    if (status == MLP_OK) {
        scatter_add(angles, angle);
    }
    return status;
}

static int measure_steps(const struct experiment *experiment, const struct shape *shape, size_t start,
                         size_t rule, uint64_t seed, struct cell *cell)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network, *before = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_workspace *workspace = NULL;
    TRY(make_network(experiment, shape, seed, &network));
    options.learning_rate = starts[start].rate;
    options.clip = rules[rule].clip;
    options.clip_threshold = rules[rule].threshold;
    mlp_status status = mlp_network_copy(network, &before);
    status = status == MLP_OK ? mlp_optimizer_create(network, &options, &optimizer) : status;
    status =
        status == MLP_OK ? mlp_workspace_create(network, experiment->sample_count, NULL, &workspace) : status;
    for (size_t t = 0; t < STEPS && status == MLP_OK; t++) {
        double loss;
        status = step_once(experiment, network, before, optimizer, workspace, &cell->angle, &loss);
        cell->losses[t] = seed == 0 ? loss : cell->losses[t];
    }
    mlp_workspace_destroy(&workspace);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&before);
    mlp_network_destroy(&network);
    return status == MLP_ERROR_NONFINITE ? EXIT_DONE : work_code(status);
}

/* ---- training ------------------------------------------------------------------------------------------ */

static int fill_cell(const struct experiment *experiment, size_t start, size_t rule, size_t seeds,
                     struct cell *cell)
{
    const struct shape shape = {
        .depth = DEPTH, .width = WIDTH, .activation = relu, .init = starts[start].init
    };
    const struct training training = { .learning_rate = starts[start].rate,
                                       .clip = rules[rule].clip,
                                       .clip_threshold = rules[rule].threshold,
                                       .epochs = EPOCHS,
                                       .batch = 64 };
    for (size_t s = 0; s < seeds; s++) {
        struct outcome outcome;
        TRY(train_start(experiment, &shape, &training, s, &outcome));
        cell->trained += outcome.loss < 0.1 * log((double)experiment->classes);
        scatter_add(&cell->clipped, outcome.clipped);
        if (isfinite(outcome.loss)) {
            scatter_add(&cell->loss, outcome.loss);
        }
        TRY(measure_steps(experiment, &shape, start, rule, s, cell));
    }
    return EXIT_DONE;
}

/* Without clipping hardly a draw trains; with it nearly all do, and the global norm alone keeps the
 * direction. */
static bool as_expected(const struct cell *cell, size_t rule, size_t seeds)
{
    const double angle = scatter_mean(&cell->angle);
    if (rules[rule].clip == MLP_CLIP_NONE) {
        return 10 * cell->trained <= seeds;
    }
    return 10 * cell->trained >= 9 * seeds &&
           (rules[rule].clip == MLP_CLIP_GLOBAL_NORM ? angle < 0.1 : angle > 5.0);
}

static int chart_losses(struct sheet *sheet, const struct cell cells[RULES])
{
    double step[STEPS];
    struct curve curves[RULES];
    for (size_t r = 0; r < RULES; r++) {
        curves[r] =
            (struct curve){ rules[r].name, CURVE_MEASURED, (int)r, step, cells[r].losses, NULL, STEPS };
    }
    for (size_t t = 0; t < STEPS; t++) {
        step[t] = (double)t;
    }
    const struct chart chart = { .title = "One draw of he-normal·2 at rate 0.15",
                                 .x_label = "step",
                                 .y_label = "loss",
                                 .log_y = true,
                                 .curves = curves,
                                 .curve_count = RULES };
    return sheet_charts(sheet, &chart, 1);
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    struct cell cells[STARTS][RULES] = { 0 };
    const size_t seeds = seeds_or(experiment, 10);
    *as_predicted = true;
    sheet_row(sheet, "start | clipping | trained | loss | clipped steps | angle");
    for (size_t i = 0; i < STARTS * RULES; i++) {
        const size_t start = i / RULES, rule = i % RULES;
        struct cell *cell = &cells[start][rule];
        TRY(fill_cell(experiment, start, rule, seeds, cell));
        *as_predicted = *as_predicted && as_expected(cell, rule, seeds);
        if (cell->loss.count == 0) {
            sheet_row(sheet, "%s | %s | %zu of %zu | refused | – | –", starts[start].name, rules[rule].name,
                      cell->trained, seeds);
        } else if (cell->angle.count == 0) {
            sheet_row(sheet, "%s | %s | %zu of %zu | %.2g | 0 %% | –", starts[start].name, rules[rule].name,
                      cell->trained, seeds, scatter_mean(&cell->loss));
        } else {
            sheet_row(sheet, "%s | %s | %zu of %zu | %.2g | %.0f %% | %.2f° ± %.2f°", starts[start].name,
                      rules[rule].name, cell->trained, seeds, scatter_mean(&cell->loss),
                      100.0 * scatter_mean(&cell->clipped), scatter_mean(&cell->angle),
                      scatter_deviation(&cell->angle));
        }
        TRY(advance(experiment, i + 1, STARTS * RULES));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "%d ReLU layers of %d units, gradient descent without momentum, %d epochs in batches of 64, "
               "%zu seeds. trained: draws whose loss of the last epoch is below a tenth of that of guessing, "
               "ln of the number of classes; loss: its mean over the draws in which no step was refused as "
               "not finite; clipped steps: in the last epoch; angle: between the step and the raw gradient, "
               "over those of the first %d steps that were clipped.",
               DEPTH, WIDTH, EPOCHS, seeds, STEPS);
    return chart_losses(sheet, cells[STARTS - 1]);
}

const struct study clipping_study = {
    .name = "clipping",
    .summary = "gradient clipping where training diverges",
    .claim = "Clipping keeps gradients from exploding: a network that diverges trains when its gradient is "
             "clipped by value or by norm.",
    .theory = "A step of length η·‖g‖ beyond the range in which the loss is nearly quadratic throws the "
              "weights to where the gradient is larger still. Clipping bounds the step, by η·c for a norm. "
              "The global norm scales the whole gradient and keeps its direction; norms of tensors or layers "
              "and values change it, the more so the more the layers' gradients differ.",
    .criterion = "without clipping at most one draw in ten trains (loss below a tenth of that of guessing), "
                 "with each of the rules at least nine do, and the step's angle to the gradient is under "
                 "0.1° with the global norm and above 5° with the others.",
    .sources =
        "Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, section 3.2",
    .holds = "The claim holds for steps that are too large, by the learning rate or by the start. Clipping "
             "does not mend the signal: it cannot help where the forward pass overflows, and has nothing to "
             "do where gradients vanish.",
    .run = run,
};
