/* A random problem: a network, data and the settings of a training, drawn by a seed.
 *
 * A problem is a row of small whole numbers, each a choice; 0 is the plainest choice of each. That is what a
 * failing problem is shrunk towards, and how it is printed and read back. */
#ifndef PROPERTIES_PROBLEM_H
#define PROPERTIES_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <mlp/mlp.h>

#include "support/reference.h"

enum choice {
    INPUTS,
    LAYERS,
    UNITS,                                 /* of each layer from here on ... */
    ACTIVATION = UNITS + REFERENCE_LAYERS, /* ... and their activations */
    COUNT = ACTIVATION + REFERENCE_LAYERS, /* samples */
    BATCH,
    FEATURES,   /* enum value_size */
    PARAMETERS, /* likewise */
    CONSTANT,   /* features that are the same in all samples */
    STANDARDIZE,
    LOSS,
    REDUCTION,
    SMOOTHING,
    CLASS_WEIGHTS, /* enum weighting */
    WEIGHTS,       /* likewise */
    DENSE,
    RULE,
    RATE,
    CLIP,
    THRESHOLD,
    UPDATE_CLIP,
    DECAY,
    L1,
    MAX_NORM,
    CENTRALIZE,
    NONFINITE,
    DROPOUT,
    INPUT_NOISE,
    MIXUP,
    AVERAGE,
    SCHEDULE,
    PATIENCE,
    MONITOR,
    KEEP_ORDER,
    STOP, /* where a fit is stopped */
    CHOICES
};

enum value_size { ORDINARY, ZERO, TINY, LARGE, NEAR_LIMIT, EXTREME, MAGNITUDES };
enum weighting { UNWEIGHTED, POSITIVE, SOME_ZERO, FIRST_ZERO, WEIGHTINGS };

struct problem {
    uint64_t seed;
    unsigned choice[CHOICES];
};

/* The problem that a seed draws. */
void problem_draw(struct problem *problem, uint64_t seed);
/* As "seed=7 layers=2 …", choices of 0 left out; and back: false where a word is none of these. */
void problem_print(const struct problem *problem, FILE *stream);
bool problem_read(struct problem *problem, int count, char **words);
/* Makes choice `which` plainer, the `attempt`-th way; false when there is none such. */
bool problem_simplify(struct problem *problem, unsigned which, int attempt);
/* Whether values are of everyday size, so that the reference in double may be compared with. */
bool problem_is_ordinary(const struct problem *problem);

/* A problem's objects. */
struct subject {
    const struct problem *problem;
    size_t inputs, outputs, count, batch;
    float *x, *values, *weights, *class_weights;
    int32_t *classes;
    mlp_targets targets;
    mlp_data *data, *train, *validation; /* validation: NULL when there are too few samples */
    mlp_network *network;
    mlp_optimizer_options rule;
    mlp_fit_options fit;
    mlp_schedule_options schedule;
    mlp_average_options average;
    mlp_regularization noise;
};

/* False where the library refuses the settings; the text is mlp_last_error()'s. */
bool subject_make(struct subject *subject, const struct problem *problem);
void subject_free(struct subject *subject);
/* A second network of the same parameters; NULL never. */
mlp_network *subject_network(const struct subject *subject);

/* ---- properties: each returns NULL where it holds, or what is wrong (static text) ------------------- */
typedef const char *(*property)(const struct subject *subject);

const char *complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *passes_agree_with_the_reference(const struct subject *subject);
const char *steps_have_the_same_bits_on_any_team(const struct subject *subject);
const char *a_step_is_its_parts(const struct subject *subject);
const char *what_is_not_finite_changes_nothing(const struct subject *subject);
const char *predictions_are_those_of_forward(const struct subject *subject);

const char *evaluation_does_not_depend_on_the_batch(const struct subject *subject);
const char *the_loss_of_an_epoch_at_rest_is_the_evaluation(const struct subject *subject);
const char *saved_models_come_back(const struct subject *subject);
const char *a_stopped_fit_goes_on_to_the_same_bits(const struct subject *subject);
const char *a_fit_that_is_ok_leaves_finite_parameters(const struct subject *subject);

#endif
