/* A small fit that writes checkpoints. */
#ifndef SESSION_CHECKPOINT_FIXTURE_H
#define SESSION_CHECKPOINT_FIXTURE_H

#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "io/safetensors_checksum.h"

enum { COUNT = 118, INPUTS = 6, OUTPUTS = 3, BATCH = 16, EPOCHS = 6, NEVER = 1000000 };

/* One way to train. */
struct way {
    mlp_optimizer_rule rule;
    mlp_clip clip;
    int threads;
    size_t patience, parts, validate_every;
    mlp_stop_figure stop_figure;
    int patience_from_least;
    double minimum_improvement;
    double rate; /* 0: the rule's */
    bool no_validation, monitor, keep_order;
    int shard_rank, shard_count; /* of the optimizer's state */
    bool everything; /* weights of samples and classes, standardization, what an optimizer can be given */
    const mlp_schedule_options *schedule;
    const mlp_regularization *noise;
    const mlp_average_options *average;
};

struct fixture {
    float x[COUNT * INPUTS], weights[COUNT];
    int32_t y[COUNT];
    mlp_data *data, *train, *validation;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_fit_options fit;
    mlp_checkpoint_options checkpoint;
    size_t calls, stop_after;
    char warning[512];
    size_t warnings;
};

static inline int watch(const mlp_progress *progress, void *context)
{
    struct fixture *f = context;
    if (progress->warning != NULL) {
        snprintf(f->warning, sizeof f->warning, "%s", progress->warning);
        f->warnings++;
    }
    return ++f->calls == f->stop_after;
}

static inline void make_network(struct fixture *f, size_t units, uint64_t seed, bool everything)
{
    static const float class_weights[OUTPUTS] = { 0.5f, 1.0f, 2.0f };

    const mlp_layer layers[] = { { .units = units, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 7, .activation = MLP_ACTIVATION_RELU },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    options.seed = seed;
    options.class_weights = everything ? class_weights : NULL;
    options.label_smoothing = everything ? 0.1 : 0.0;
    assert_ok(mlp_network_create(INPUTS, layers, 3, &options, &f->network));
    if (everything) {
        assert_ok(mlp_data_standardize(f->train, f->network));
    }
}

static inline void make_optimizer(struct fixture *f, const struct way *way)
{
    const mlp_layer_factors factors = { 0.5, 2.0, 0.0 };
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    rule.rule = way->rule;
    rule.clip = way->clip;
    rule.learning_rate = way->rate;
    rule.shard_rank = way->shard_rank;
    rule.shard_count = way->shard_count;
    rule.clip_threshold = way->clip != MLP_CLIP_NONE ? 0.05 : 0.0;
    if (way->everything) {
        rule.weight_decay = 0.01;
        rule.l1 = 1e-4;
        rule.max_norm = 1.5;
        rule.centralize = 1;
        rule.update_clip = MLP_CLIP_GLOBAL_NORM;
        rule.update_clip_threshold = 0.03;
        rule.nonfinite = MLP_NONFINITE_SKIP;
    }
    assert_ok(mlp_optimizer_create(f->network, &rule, &f->optimizer));
    if (way->everything) {
        assert_ok(mlp_optimizer_set_factors(f->optimizer, 1, &factors));
        assert_ok(mlp_optimizer_set_clip(f->optimizer, 0, MLP_CLIP_ADAPTIVE, 0.02));
    }
}

static inline void make(struct fixture *f, const struct way *way)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    const mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    const mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    uint64_t state = 5;
    *f = (struct fixture){ .fit = fit, .checkpoint = checkpoint };
    test_fill(&state, -1.0, 1.0, f->x, COUNT * INPUTS);
    test_fill(&state, 0.2, 2.0, f->weights, COUNT);
    for (int i = 0; i < COUNT; i++) {
        f->y[i] = f->x[i * INPUTS] > f->x[i * INPUTS + 1] ? 0 : f->x[i * INPUTS + 2] > 0.0f ? 1 : 2;
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = f->x;
    arrays.classes = f->y;
    arrays.weights = way->everything ? f->weights : NULL;
    assert_ok(mlp_data_create(&arrays, &f->data));
    assert_ok(mlp_data_split(f->data, 0.2, 1, &f->train, &f->validation));
    make_network(f, 20, 3, way->everything);
    make_optimizer(f, way);
    f->fit.epochs = EPOCHS;
    f->fit.batch = BATCH;
    f->fit.seed = 9;
    f->fit.threads = way->threads;
    f->fit.validation = way->no_validation ? NULL : f->validation;
    f->fit.patience = way->patience;
    f->fit.parts = way->parts;
    f->fit.validate_every = way->validate_every;
    f->fit.stop_figure = way->stop_figure;
    f->fit.patience_from_least = way->patience_from_least;
    f->fit.minimum_improvement = way->minimum_improvement;
    f->fit.monitor_interval = way->monitor ? 2 : 0;
    f->fit.schedule = way->schedule;
    f->fit.regularization = way->noise;
    f->fit.average = way->average;
    f->fit.keep_order = way->keep_order;
    f->fit.progress = watch;
    f->fit.progress_context = f;
    f->checkpoint.steps = NEVER;
}

static inline void drop_model(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_network_destroy(&f->network);
}

static inline void drop(struct fixture *f)
{
    drop_model(f);
    mlp_data_destroy(&f->validation);
    mlp_data_destroy(&f->train);
    mlp_data_destroy(&f->data);
}

static inline const char *new_folder(void)
{
    static char folder[256];
    static int number;
    snprintf(folder, sizeof folder, "%s-%d", test_path("checkpoints"), number++);
    return folder;
}

static inline mlp_status run(struct fixture *f, mlp_report **report)
{
    f->calls = 0;
    return mlp_fit(f->network, f->optimizer, f->train, &f->fit, report);
}

static inline void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

/* All checkpoints of a folder but one. */
static inline void remove_others(const char *folder, const char *path)
{
    for (int step = 0; step < 7 * EPOCHS; step++) {
        char name[512];
        snprintf(name, sizeof name, "%s/checkpoint-%012d.safetensors", folder, step);
        if (strcmp(name, path) != 0) {
            unlink(name);
        }
    }
}

/* Puts the checksum right that a file has, of the bytes it holds now: what follows is found by more than
 * that. */
static inline void seal(const char *path)
{
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    const size_t length = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
    char *header = (char *)bytes + 8, digits[CHECKSUM_DIGITS + 1];
    struct checksum checksum;
    assert_true(checksum_is_there(header, length));
    checksum_begin(&checksum, header, length);
    checksum_add(&checksum, header + length, size - 8 - length);
    checksum_end(&checksum, digits);
    memcpy(checksum_digits(header), digits, CHECKSUM_DIGITS);
    write_file(path, bytes, size);
    free(bytes);
}

#endif
