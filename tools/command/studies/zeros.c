/* Zero weights: the units of a layer never come to differ. */
#include <math.h>

#include "studies/study.h"

enum { WIDTH = 32, DEPTH = 2, EPOCHS = 30 };

/* Of a layer's largest weight. Products round by their kernels, some of which sum the last rows of a matrix
 * in another order. */
static const double ROUNDING = 1e-5;

static const struct training training = {
    .rule = MLP_OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .epochs = EPOCHS, .batch = 64
};

struct party {
    const char *name;
    struct shape shape;
    bool zeros; /* its hidden units must stay alike */
    struct scatter accuracy;
    size_t most_units; /* of a hidden layer that differ by more than rounding, the most that were seen ... */
    size_t most_bits;  /* ... and that differ in any bit */
};

static int count_layer(const mlp_network *network, size_t layer, double tolerance, size_t *most)
{
    size_t group[WIDTH], groups;
    const mlp_status status = mlp_symmetry(network, layer, tolerance, group, &groups);
    TRY(work_code(status));
    *most = groups > *most ? groups : *most;
    return EXIT_DONE;
}

static int count_units(const mlp_network *network, struct party *party)
{
    for (size_t l = 0; l < party->shape.depth; l++) {
        TRY(count_layer(network, l, ROUNDING, &party->most_units));
        TRY(count_layer(network, l, 0.0, &party->most_bits));
    }
    return EXIT_DONE;
}

static int train_party(const struct experiment *experiment, struct party *party, uint64_t seed)
{
    mlp_network *network;
    struct outcome outcome;
    int code = make_network(experiment, &party->shape, seed, &network);
    if (code == EXIT_DONE) {
        code = train_network(experiment, network, &training, seed, &outcome);
    }
    if (code == EXIT_DONE) {
        scatter_add(&party->accuracy, outcome.accuracy);
        code = count_units(network, party);
    }
    mlp_network_destroy(&network);
    return code;
}

static void write_table(struct sheet *sheet, const struct party *parties, size_t count, size_t seeds)
{
    sheet_row(sheet, "network | different units | in bits | test accuracy");
    for (size_t p = 0; p < count; p++) {
        char units[64] = "– | –";
        if (parties[p].shape.depth > 0) {
            snprintf(units, sizeof units, "%zu of %d | %zu of %d", parties[p].most_units, WIDTH,
                     parties[p].most_bits, WIDTH);
        }
        sheet_row(sheet, "%s | %s | %.3f ± %.3f", parties[p].name, units, scatter_mean(&parties[p].accuracy),
                  scatter_deviation(&parties[p].accuracy));
    }
    sheet_table_end(sheet);
    sheet_text(sheet,
               "%d hidden layers of %d units, %d epochs, %zu seeds; ±: standard deviation over seeds; "
               "different units: the most of any hidden layer after training, by more than %g of its largest "
               "weight; in bits: in any bit, which tells whether the kernels of this machine's BLAS round "
               "all rows of a product alike.",
               DEPTH, WIDTH, EPOCHS, seeds, ROUNDING);
}

static int run(struct experiment *experiment, struct sheet *sheet, bool *as_predicted)
{
#define ZEROS(kind)                                                                                          \
    {                                                                                                        \
        .depth = DEPTH, .width = WIDTH, .activation = ACTIVATION(kind), .init = INIT(ZEROS),                 \
        .same_output = true                                                                                  \
    }
    struct party parties[] = {
        { .name = "linear model", .shape = { .depth = 0 } },
        { .name = "tanh, zeros", .zeros = true, .shape = ZEROS(TANH) },
        { .name = "ReLU, zeros", .zeros = true, .shape = ZEROS(RELU) },
        { .name = "sigmoid, zeros", .zeros = true, .shape = ZEROS(SIGMOID) },
        { .name = "ReLU, he-normal, biases 0",
          .shape = { .depth = DEPTH,
                     .width = WIDTH,
                     .activation = ACTIVATION(RELU),
                     .init = INIT(HE_NORMAL) } },
        { .name = "ReLU, he-normal, biases N(0, 0.1²)",
          .shape = { .depth = DEPTH,
                     .width = WIDTH,
                     .activation = ACTIVATION(RELU),
                     .init = INIT(HE_NORMAL),
                     .bias_init = INIT_A(NORMAL, 0.1) } },
    };
    enum { LINEAR = 0, ZERO_BIASES = 4, RANDOM_BIASES = 5, PARTIES = sizeof parties / sizeof parties[0] };
    const size_t seeds = seeds_or(experiment, 5);
    for (size_t s = 0; s < seeds; s++) {
        for (size_t p = 0; p < PARTIES; p++) {
            TRY(train_party(experiment, &parties[p], s));
        }
        TRY(advance(experiment, s + 1, seeds));
    }
    write_table(sheet, parties, PARTIES, seeds);
    const double linear = scatter_mean(&parties[LINEAR].accuracy);
    const struct scatter *zero = &parties[ZERO_BIASES].accuracy, *random = &parties[RANDOM_BIASES].accuracy;
    *as_predicted =
        fabs(scatter_mean(zero) - scatter_mean(random)) < 0.02 && scatter_mean(zero) > linear - 0.02;
    for (size_t p = 0; p < PARTIES; p++) {
        *as_predicted =
            *as_predicted && (!parties[p].zeros ||
                              (parties[p].most_units == 1 && scatter_mean(&parties[p].accuracy) <= linear));
    }
    return EXIT_DONE;
}

const struct study zeros_study = {
    .name = "zeros",
    .summary = "all weights zero",
    .claim = "With all weights zero every hidden unit of a layer stays identical, and the network is no "
             "better than a linear model. Biases may be zero.",
    .theory = "Units with equal incoming and outgoing weights see equal signals and equal gradients, so that "
              "no update can tell them apart. tanh and ReLU give A = 0 besides: nothing but the output's "
              "biases learns. sigmoid gives A = 1/2: the weights move, all units of a layer alike.",
    .criterion = "after training, each hidden layer of a network of zeros has one kind of unit, to rounding, "
                 "and its test accuracy is not above the linear model's; and if with he-normal weights, zero "
                 "and random biases differ by less than 0.02 in test accuracy.",
    .sources = "Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.4",
    .holds = "The claim holds: zero weights keep the units of every hidden layer identical with tanh, ReLU "
             "and sigmoid alike, to the bit where products round all rows alike, and zero biases do no harm.",
    .run = run,
};
