/* Biases: zero against random starts, and the bias gradient against the weight gradient, layer by layer. */
#include <math.h>

#include "studies/study.h"

enum { DEPTH = 12, WIDTH = 128, NETWORKS = 4, DEVIATIONS = 4, TRAINED_DEPTH = 5, TRAINED_WIDTH = 64 };

static const struct choice relu = ACTIVATION(RELU), tangent = ACTIVATION(TANH), sigmoid = ACTIVATION(SIGMOID);

/* ---- gradients ----------------------------------------------------------------------------------------- */

struct gradients {
    const char *name;
    struct shape shape;
    double expected;                /* √χ₁ */
    struct scatter dz, db, dw;      /* factors per layer going back */
    struct scatter norms[2][DEPTH]; /* ln ||db||, ln ||dW|| by layer, by those of the last hidden one */
};

static int measure_gradients(const struct experiment *experiment, struct gradients *gradients, uint64_t seed)
{
    enum { LOW = 2, HIGH = DEPTH - 1 };
    mlp_diagnosis *diagnosis;
    TRY(diagnose_start(experiment, &gradients->shape, seed, &diagnosis));
    const mlp_signal low = layer_signal(diagnosis, LOW), high = layer_signal(diagnosis, HIGH);
    const double layers = HIGH - LOW;
    scatter_add(&gradients->dz, backward_factor(diagnosis, LOW, HIGH));
    scatter_add(&gradients->db, pow(low.bias_gradient_norm / high.bias_gradient_norm, 1.0 / layers));
    scatter_add(&gradients->dw, pow(low.weight_gradient_norm / high.weight_gradient_norm, 1.0 / layers));
    for (size_t l = 0; l < DEPTH; l++) {
        const mlp_signal signal = layer_signal(diagnosis, l);
        scatter_add(&gradients->norms[0][l], log(signal.bias_gradient_norm / high.bias_gradient_norm));
        scatter_add(&gradients->norms[1][l], log(signal.weight_gradient_norm / high.weight_gradient_norm));
    }
    mlp_diagnosis_destroy(&diagnosis);
    return EXIT_DONE;
}

static int chart_gradients(struct sheet *sheet, const struct gradients *networks)
{
    static const char *const titles[] = { "Bias gradients", "Weight gradients" };
    static const char *const labels[] = { "||db|| by that of the last hidden layer",
                                          "||dW|| by that of the last hidden layer" };
    double layer[DEPTH], norms[2][NETWORKS][DEPTH];
    struct curve curves[2][NETWORKS];
    struct chart charts[2];
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < NETWORKS; i++) {
            for (size_t l = 0; l < DEPTH; l++) {
                layer[l] = (double)l;
                norms[k][i][l] = exp(scatter_mean(&networks[i].norms[k][l]));
            }
            curves[k][i] =
                (struct curve){ networks[i].name, CURVE_MEASURED, (int)i, layer, norms[k][i], NULL, DEPTH };
        }
        charts[k] = (struct chart){ .title = titles[k],
                                    .x_label = "hidden layer, from the input",
                                    .y_label = labels[k],
                                    .log_y = true,
                                    .curves = curves[k],
                                    .curve_count = NETWORKS };
    }
    return sheet_charts(sheet, charts, 2);
}

static int study_gradients(struct experiment *experiment, struct sheet *sheet, size_t seeds, bool *good)
{
    static struct gradients networks[NETWORKS];
    /* clang-format off */
    const struct gradients starts[NETWORKS] = {
        { .name = "sigmoid, 1/n", .shape = { .activation = sigmoid, .init = INIT(LECUN_NORMAL) },
          .expected = sqrt(field_of(&sigmoid, 1.0).chi) },
        { .name = "tanh, 0.25/n", .shape = { .activation = tangent, .init = INIT_GAIN(VARIANCE_SCALING,
          0.5) },
          .expected = sqrt(field_of(&tangent, 0.25).chi) },
        { .name = "ReLU, he-normal", .shape = { .activation = relu, .init = INIT(HE_NORMAL) },
          .expected = 1.0 },
        { .name = "ReLU, 1/n", .shape = { .activation = relu, .init = INIT(LECUN_NORMAL) },
          .expected = sqrt(0.5) },
    };
    /* clang-format on */
    sheet_row(sheet, "network | theory | dZ | db | dW");
    for (size_t i = 0; i < NETWORKS; i++) {
        struct gradients *n = &networks[i];
        *n = starts[i];
        n->shape.depth = DEPTH;
        n->shape.width = WIDTH;
        for (size_t s = 0; s < seeds; s++) {
            TRY(measure_gradients(experiment, n, s));
        }
        sheet_row(sheet, "%s | %.3f | %.3f ± %.3f | %.3f ± %.3f | %.3f ± %.3f", n->name, n->expected,
                  scatter_mean(&n->dz), scatter_deviation(&n->dz), scatter_mean(&n->db),
                  scatter_deviation(&n->db), scatter_mean(&n->dw), scatter_deviation(&n->dw));
        *good = *good && fabs(scatter_mean(&n->db) / n->expected - 1.0) <= 0.1;
        TRY(advance(experiment, i + 1, NETWORKS + 2 * DEVIATIONS));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "%d layers of %d units, biases 0, %zu seeds: by what each norm is multiplied per layer going "
               "back, layers 2 to %d; theory: √χ₁, for dZ and db.",
               DEPTH, WIDTH, seeds, DEPTH - 1);
    *good = *good && fabs(scatter_mean(&networks[1].dw) - 1.0) <= 0.1;
    return chart_gradients(sheet, networks);
}

/* ---- starts -------------------------------------------------------------------------------------------- */

struct start {
    struct scatter factor, accuracy;
};

static int measure_start(const struct experiment *experiment, const struct shape *shape, uint64_t seed,
                         struct start *start)
{
    static const struct training training = {
        .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .epochs = 20, .batch = 64
    };
    const struct shape trained = { .depth = TRAINED_DEPTH,
                                   .width = TRAINED_WIDTH,
                                   .activation = shape->activation,
                                   .init = shape->init,
                                   .bias_init = shape->bias_init };
    mlp_diagnosis *diagnosis;
    struct outcome outcome = { 0 };
    int code = diagnose_start(experiment, shape, seed, &diagnosis);
    if (code == EXIT_DONE) {
        scatter_add(&start->factor, backward_factor(diagnosis, 4, DEPTH - 1));
        code = train_start(experiment, &trained, &training, seed, &outcome);
        scatter_add(&start->accuracy, outcome.accuracy);
    }
    mlp_diagnosis_destroy(&diagnosis);
    return code;
}

static int study_starts(struct experiment *experiment, struct sheet *sheet, size_t seeds, bool *good)
{
    static const double deviations[DEVIATIONS] = { 0.0, 0.01, 0.1, 1.0 };
    struct start starts[2 * DEVIATIONS] = { 0 };
    sheet_row(sheet, "network | biases | √χ₁ | dZ | test accuracy");
    for (size_t i = 0; i < 2 * DEVIATIONS; i++) {
        const bool rectified = i < DEVIATIONS;
        const double deviation = deviations[i % DEVIATIONS];
        const mlp_activation_choice choice = { .activation =
                                                   rectified ? MLP_ACTIVATION_RELU : MLP_ACTIVATION_TANH };
        const struct shape shape = { .depth = DEPTH,
                                     .width = WIDTH,
                                     .activation = rectified ? relu : tangent,
                                     .init = { .value =
                                                   rectified ? MLP_INIT_HE_NORMAL : MLP_INIT_LECUN_NORMAL },
                                     .bias_init = deviation > 0.0 ? (struct choice)INIT_A(NORMAL, deviation)
                                                                  : (struct choice)INIT(ZEROS) };
        mlp_mean_field point;
        mlp_mean_field_point(&choice, rectified ? 2.0 : 1.0, deviation * deviation, &point);
        for (size_t s = 0; s < seeds; s++) {
            TRY(measure_start(experiment, &shape, s, &starts[i]));
        }
        const double accuracy = scatter_mean(&starts[i].accuracy),
                     zero = scatter_mean(&starts[i - i % DEVIATIONS].accuracy);
        sheet_row(sheet, "%s | %s%g%s | %.3f | %.3f ± %.3f | %.3f ± %.3f",
                  rectified ? "ReLU, he-normal" : "tanh, 1/n", deviation > 0.0 ? "N(0, " : "", deviation,
                  deviation > 0.0 ? "²)" : "", sqrt(point.chi), scatter_mean(&starts[i].factor),
                  scatter_deviation(&starts[i].factor), accuracy, scatter_deviation(&starts[i].accuracy));
        *good =
            *good && (deviation > 0.1 ? fabs(scatter_mean(&starts[i].factor) / sqrt(point.chi) - 1.0) <= 0.1
                                      : fabs(accuracy - zero) < 0.02);
        TRY(advance(experiment, NETWORKS + i + 1, NETWORKS + 2 * DEVIATIONS));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "dZ: what its norm is multiplied by per layer, %d layers of %d units, at the start; accuracy: "
               "%d layers of %d, 20 epochs of momentum at 0.01; %zu seeds.",
               DEPTH, WIDTH, TRAINED_DEPTH, TRAINED_WIDTH, seeds);
    return EXIT_DONE;
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
    *as_predicted = true;
    TRY(study_gradients(experiment, sheet, seeds_or(experiment, 10), as_predicted));
    return study_starts(experiment, sheet, seeds_or(experiment, 5), as_predicted);
}

const struct study biases_study = {
    .name = "biases",
    .summary = "biases at 0 or random, and their gradients",
    .claim = "Biases may start at 0, for weights break the symmetry; and the gradient of a bias does not "
             "depend on the vanishing in deeper layers, for it is not multiplied by weights.",
    .theory = "db is the sum of dZ over the samples, and dZ comes through all layers above: going back a "
              "layer ||db|| is multiplied by √χ₁, as ||dZ|| is. What db lacks is the factor A of dW = dZ·Aᵀ: "
              "where the signal fades going forward (tanh, small weights), ||dW|| is the same in all layers "
              "and ||db|| is not. Small random biases change nothing; large ones, of variance 1, move tanh's "
              "fixed point to where √χ₁ = 0.63.",
    .criterion = "||db|| per layer is within 10 % of √χ₁ for every network, ||dW|| of tanh with 0.25/n "
                 "within 10 % of 1; random biases of deviation 0.01 and 0.1 change the accuracy by less than "
                 "2 points; and with N(0, 1) biases ||dZ|| per layer is within 10 % of √χ₁.",
    .sources = "Schoenholz et al. 2017, Deep information propagation, sections 3 and 4\n"
               "Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.4",
    .holds = "The first half of the claim holds: zero is as good as small random biases. The second does "
             "not: bias gradients vanish exactly as dZ does; they are spared only the fading of the signal.",
    .run = run,
};
