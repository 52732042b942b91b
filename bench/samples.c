/* The data of whole trainings. */
#include "samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { FASHION_INPUTS = 784, FASHION_CLASSES = 10, READ_SAMPLES = 1000, RARE = 50000 };

static const char fashion_images[] = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";
static const char fashion_labels[] = "/usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz";

/* SplitMix64's output function (Steele, Lea, Flood 2014) of a counter: the same numbers on every machine. */
static uint64_t mixed(uint64_t counter)
{
    uint64_t z = counter * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A feature of a sample of class `label`, from a random number of its own. */
static uint8_t made_byte(size_t feature, size_t inputs, int32_t label, uint64_t random)
{
    const uint64_t prototype = mixed((uint64_t)label << 32 | feature);
    const int level = 40 + (int)(prototype >> 8 & 127), noise = (int)(random & 127) - 63;
    if (feature < inputs / 8) {
        return 0;
    }
    if (feature < inputs / 4) {
        return random % RARE == 0 ? 255 : 0;
    }
    return prototype % 3 != 0 && level + noise > 0 ? (uint8_t)(level + noise) : 0;
}

static void make_samples(struct samples_set *set)
{
    set->name = "made";
    for (size_t i = 0; i < TRAINING_SAMPLES; i++) {
        set->labels[i] = (int32_t)(mixed(~(uint64_t)i) % set->classes);
        for (size_t f = 0; f < set->inputs; f++) {
            const size_t at = i * set->inputs + f;
            set->bytes[at] = made_byte(f, set->inputs, set->labels[i], mixed((uint64_t)1 << 63 | at));
        }
    }
}

/* Fashion-MNIST as bytes: some samples of floats at a time, which are whole 255ths. */
static bool read_fashion(const mlp_data *loaded, struct samples_set *set)
{
    static float x[READ_SAMPLES * FASHION_INPUTS];
    for (size_t first = 0; first < TRAINING_SAMPLES; first += READ_SAMPLES) {
        if (mlp_data_read(loaded, first, READ_SAMPLES, x, set->labels + first, NULL) != MLP_OK) {
            return false;
        }
        for (size_t i = 0; i < READ_SAMPLES * FASHION_INPUTS; i++) {
            set->bytes[first * FASHION_INPUTS + i] = (uint8_t)(x[i] * 255.0f + 0.5f);
        }
    }
    return true;
}

static bool load_fashion(struct samples_set *set)
{
    mlp_data *loaded = NULL;
    const bool read = mlp_data_load_idx(fashion_images, fashion_labels, &loaded) == MLP_OK &&
                      mlp_data_count(loaded) == TRAINING_SAMPLES &&
                      mlp_data_inputs(loaded) == FASHION_INPUTS && read_fashion(loaded, set);
    mlp_data_destroy(&loaded);
    set->name = "fashion-mnist";
    return read;
}

bool samples_set_make(const char *name, size_t inputs, size_t classes, struct samples_set *set)
{
    const bool suits = inputs == FASHION_INPUTS && classes == FASHION_CLASSES;
    const bool fashion =
        name != NULL ? strcmp(name, "fashion-mnist") == 0 : suits && access(fashion_images, R_OK) == 0;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    *set = (struct samples_set){ .inputs = inputs, .classes = classes };
    if (fashion && !suits) {
        fprintf(stderr, "mlp-bench: fashion-mnist: expected a network of %d inputs and %d outputs\n",
                FASHION_INPUTS, FASHION_CLASSES);
        return false;
    }
    set->bytes = memory_allocate(TRAINING_SAMPLES, inputs); /* as the library's loaders do: on large pages */
    set->labels = memory_allocate(TRAINING_SAMPLES, sizeof *set->labels);
    if (set->bytes == NULL || set->labels == NULL) {
        fputs("mlp-bench: out of memory\n", stderr);
        return false;
    }
    if (!fashion) {
        make_samples(set);
    } else if (!load_fashion(set)) {
        fprintf(stderr, "mlp-bench: fashion-mnist: %s\n", mlp_last_error());
        return false;
    }
    arrays.count = TRAINING_SAMPLES;
    arrays.inputs = inputs;
    arrays.bytes = set->bytes;
    arrays.classes = set->labels;
    arrays.class_count = classes;
    if (mlp_data_create(&arrays, &set->data) != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
        return false;
    }
    return true;
}

void samples_set_free(struct samples_set *set)
{
    mlp_data_destroy(&set->data);
    memory_free(set->bytes);
    memory_free(set->labels);
}

bool samples_set_write(const struct samples_set *set, const char *path)
{
    FILE *stream = fopen(path, "wb");
    bool written =
        stream != NULL && fwrite(set->bytes, set->inputs, TRAINING_SAMPLES, stream) == TRAINING_SAMPLES;
    for (size_t i = 0; i < TRAINING_SAMPLES; i++) {
        written = written && putc(set->labels[i], stream) != EOF;
    }
    written = stream != NULL && fclose(stream) == 0 && written;
    if (!written) {
        fprintf(stderr, "mlp-bench: %s: %s\n", path, strerror(errno));
    }
    return written;
}
