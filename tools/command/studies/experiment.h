/* What studies are made of: data, networks of a uniform shape, trainings, and means over seeds. */
#ifndef TOOLS_STUDY_EXPERIMENT_H
#define TOOLS_STUDY_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/diagnose.h>
#include <mlp/mean_field.h>
#include <mlp/train.h>

#include "options/network_options.h"

/* What a study works with. */
struct experiment {
    const char *study;
    mlp_data *train, *test; /* classes */
    size_t inputs, classes;
    size_t sample_count; /* of the batch that diagnoses look at */
    float *samples;
    int32_t *sample_classes;
    size_t seeds; /* > 0: as the user asks */
    int threads;
    bool quiet;
    struct choices activations, inits; /* for `compare` */
    size_t *depths;
    size_t depth_count;
};

/* A network of `depth` hidden layers of `width` units under a softmax. */
struct shape {
    size_t depth, width;
    size_t other_width; /* of every second layer; 0: the same */
    struct choice activation, init,
        bias_init;    /* of the hidden layers; the output has the automatic ones ... */
    bool same_output; /* ... or the same */
};

/* clang-format off */
#define ACTIVATION(name) { .value = MLP_ACTIVATION_##name }
#define INIT(name) { .value = MLP_INIT_##name }
#define INIT_A(name, number) { .value = MLP_INIT_##name, .numbers = { .a = (number) } }
#define INIT_GAIN(name, factor) { .value = MLP_INIT_##name, .numbers = { .gain = (factor) } }
/* clang-format on */

/* Creates the network with the training samples' standardization. Returns an exit code. */
int make_network(const struct experiment *experiment, const struct shape *shape, uint64_t seed,
                 mlp_network **network);
/* Diagnoses it on the samples. Returns an exit code. */
int diagnose_network(const struct experiment *experiment, const mlp_network *network,
                     mlp_diagnosis **diagnosis);
/* Both: the diagnosis of a fresh network. */
int diagnose_start(const struct experiment *experiment, const struct shape *shape, uint64_t seed,
                   mlp_diagnosis **diagnosis);

/* By what ||dZ|| is multiplied per layer going back from layer `high` to `low`, and rms Z going forward:
 * geometric means. */
double backward_factor(const mlp_diagnosis *diagnosis, size_t low, size_t high);
double forward_factor(const mlp_diagnosis *diagnosis, size_t low, size_t high);
/* Figures of a layer that is there. */
mlp_signal layer_signal(const mlp_diagnosis *diagnosis, size_t layer);
/* Mean field's fixed point for weights of variance `weight_variance`/fan-in, biases 0. */
mlp_mean_field field_of(const struct choice *activation, double weight_variance);

/* How to train, and what came of it. */
struct training {
    mlp_optimizer_rule rule;
    double learning_rate;
    mlp_clip clip;
    double clip_threshold;
    size_t epochs, batch;
};

struct outcome {
    double loss; /* of the last epoch's training; ∞ when a step was refused or the loss was not finite */
    double accuracy; /* on the test samples */
    double clipped;  /* share of the steps */
    bool refused;    /* a step whose loss or gradient was not finite */
};

/* Trains and evaluates. Returns an exit code; a refused step is an outcome. */
int train_network(const struct experiment *experiment, mlp_network *network, const struct training *training,
                  uint64_t seed, struct outcome *outcome);
/* Makes, trains and evaluates. */
int train_start(const struct experiment *experiment, const struct shape *shape,
                const struct training *training, uint64_t seed, struct outcome *outcome);

/* How many seeds: the user's number, or the study's own. */
size_t seeds_or(const struct experiment *experiment, size_t standard);
/* Tells on standard error how far the study has come. Returns an exit code: EXIT_WORK after Ctrl-C. */
int advance(const struct experiment *experiment, size_t done, size_t all);

/* Mean and standard deviation of measurements. */
struct scatter {
    double sum, squares;
    size_t count;
};
void scatter_add(struct scatter *scatter, double value);
double scatter_mean(const struct scatter *scatter);
double scatter_deviation(const struct scatter *scatter);
/* Of the mean: deviation/√count. */
double scatter_error(const struct scatter *scatter);

#endif
