/* The data of whole trainings: Fashion-MNIST where it is installed, or made data with its statistics. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/data.h>

/* Samples of Fashion-MNIST's training set, and of made data. */
enum { TRAINING_SAMPLES = 60000 };

/* Bytes of features (value · 1/255), sample after sample, and their classes. */
struct samples_set {
    const char *name; /* "fashion-mnist" or "made" */
    size_t inputs;
    size_t classes;
    uint8_t *bytes;  /* TRAINING_SAMPLES × inputs */
    int32_t *labels; /* TRAINING_SAMPLES */
    mlp_data *data;
};

/* `name`: "fashion-mnist", "made", or NULL: Fashion-MNIST where it is installed and the sizes are its own,
 * made data otherwise. Prints the reason and returns false; samples_set_free() either way.
 *
 * Made data: an eighth of the features is always 0; an eighth is not 0 in one of 50,000 samples, so that
 * moments decay until they are next wanted; each class has values in about two thirds of the others, which
 * tell it from the rest, so that a network becomes sure of them. About half of all values are 0, as in
 * Fashion-MNIST. */
bool samples_set_make(const char *name, size_t inputs, size_t classes, struct samples_set *set);
void samples_set_free(struct samples_set *set);

/* The bytes of all features, then a byte for each label. Prints the reason and returns false. */
bool samples_set_write(const struct samples_set *set, const char *path);

#endif
