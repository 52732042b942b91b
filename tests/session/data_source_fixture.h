/* A source whose samples follow from their number, the same as arrays, and fits on either. */
#ifndef SESSION_DATA_SOURCE_FIXTURE_H
#define SESSION_DATA_SOURCE_FIXTURE_H

#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "support/support.h"

enum { COUNT = 67, INPUTS = 4, OUTPUTS = 3, BATCH = 8, EPOCHS = 4 };

/* What the callback is to do, and what it saw. */
struct stream {
    bool by_epoch;  /* samples differ from epoch to epoch */
    bool in_order;  /* fails the test where blocks do not follow each other within an epoch */
    size_t fail_at; /* number of the call that fails, from 0; SIZE_MAX: none */
    mlp_status failure;
    size_t calls, skipped; /* samples that nobody wanted */
    size_t epoch, next;
};

static inline float feature(const struct stream *s, size_t epoch, size_t sample, size_t j)
{
    uint64_t state = 1 + sample * 31 + j + (s->by_epoch ? epoch * 7919 : 0);
    return (float)test_uniform(&state, -2, 2);
}

static inline int32_t class_of(size_t sample)
{
    return (int32_t)(sample * 5 % OUTPUTS);
}

static inline float target(size_t sample, size_t unit)
{
    return (float)(sample % 7) * 0.1f + (float)unit;
}

static inline float weight_of(size_t sample)
{
    return 0.5f + (float)(sample % 3);
}

static inline mlp_status read_block(const mlp_data_block *block, void *context)
{
    struct stream *s = context;
    if (s->calls++ == s->fail_at) {
        return s->failure;
    }
    assert_true(!s->in_order || block->first == 0 || (block->epoch == s->epoch && block->first == s->next));
    s->epoch = block->epoch;
    s->next = block->first + block->count;
    s->skipped += block->x == NULL && block->classes == NULL && block->values == NULL ? block->count : 0;
    const size_t features = block->x != NULL ? INPUTS : 0, values = block->values != NULL ? OUTPUTS : 0;
    for (size_t i = 0; i < block->count; i++) {
        const size_t sample = block->first + i;
        assert_true(sample < COUNT);
        for (size_t j = 0; j < features; j++) {
            block->x[i * INPUTS + j] = feature(s, block->epoch, sample, j);
        }
        for (size_t u = 0; u < values; u++) {
            block->values[i * OUTPUTS + u] = target(sample, u);
        }
        if (block->classes != NULL) {
            block->classes[i] = class_of(sample);
        }
        if (block->weights != NULL) {
            block->weights[i] = weight_of(sample);
        }
    }
    return MLP_OK;
}

static const struct stream plain = { .fail_at = SIZE_MAX };

static inline mlp_data_source describe(struct stream *stream, bool dense, bool sequential)
{
    mlp_data_source source = MLP_DATA_SOURCE_INIT;
    source.count = COUNT;
    source.inputs = INPUTS;
    source.class_count = dense ? 0 : OUTPUTS;
    source.outputs = dense ? OUTPUTS : 0;
    source.weighted = dense;
    source.sequential = sequential;
    source.read = read_block;
    source.context = stream;
    return source;
}

static inline mlp_data *make(struct stream *stream, bool dense, bool sequential)
{
    const mlp_data_source source = describe(stream, dense, sequential);
    mlp_data *data;
    assert_ok(mlp_data_create_from_source(&source, &data));
    return data;
}

static inline mlp_network *make_network(bool dense)
{
    const mlp_layer layers[] = { { .units = 11, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS,
                                   .activation = dense ? MLP_ACTIVATION_IDENTITY : MLP_ACTIVATION_SOFTMAX } };
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    return network;
}

static inline mlp_fit_options settings(bool keep_order)
{
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    fit.epochs = EPOCHS;
    fit.batch = BATCH;
    fit.seed = 3;
    fit.keep_order = keep_order;
    return fit;
}

/* The status of a fit, and the network that it leaves. */
static inline mlp_status fit_on(const mlp_data *data, bool dense, const mlp_fit_options *options,
                                mlp_network **network, mlp_report **report)
{
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    rule.rule = MLP_OPTIMIZER_ADAM;
    rule.learning_rate = 0.01;
    *network = make_network(dense);
    assert_ok(mlp_optimizer_create(*network, &rule, &optimizer));
    const mlp_status status = mlp_fit(*network, optimizer, data, options, report);
    mlp_optimizer_destroy(&optimizer);
    return status;
}

static inline void assert_same_parameters(const mlp_network *a, const mlp_network *b)
{
    assert_memory_equal(a->parameters, b->parameters, a->arena_size * sizeof(float));
}

#endif
