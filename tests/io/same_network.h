/* Networks that must be the same, bit for bit. */
#ifndef IO_SAME_NETWORK_H
#define IO_SAME_NETWORK_H

#include <stdlib.h>
#include <string.h>

#include "model/network.h"
#include "support/support.h"

static inline bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static inline void assert_same_init(mlp_init init, const mlp_init_parameters *p, mlp_init expected,
                                    const mlp_init_parameters *e)
{
    assert_int_equal(init, expected);
    assert_int_equal(p->fan, e->fan);
    assert_int_equal(p->distribution, e->distribution);
    assert_true(same_bits(p->a, e->a) && same_bits(p->b, e->b) && same_bits(p->gain, e->gain));
}

static inline void assert_same_floats(const float *values, const float *expected, size_t count)
{
    assert_int_equal(values != NULL, expected != NULL);
    if (expected != NULL) {
        assert_memory_equal(values, expected, count * sizeof(float));
    }
}

static inline void assert_same_network(const mlp_network *network, const mlp_network *expected)
{
    const size_t units = output_layer(expected)->units;
    assert_int_equal(network->inputs, expected->inputs);
    assert_int_equal(network->layer_count, expected->layer_count);
    assert_int_equal(network->arena_size, expected->arena_size);
    assert_memory_equal(network->parameters, expected->parameters, expected->arena_size * sizeof(float));
    assert_true(network->seed == expected->seed);
    for (size_t l = 0; l < expected->layer_count; l++) {
        const mlp_layer *d = &network->layers[l].description, *e = &expected->layers[l].description;
        assert_int_equal(d->units, e->units);
        assert_int_equal(d->activation, e->activation);
        assert_true(same_bits(d->activation_parameter, e->activation_parameter));
        assert_same_init(d->init, &d->init_parameters, e->init, &e->init_parameters);
        assert_same_init(d->bias_init, &d->bias_parameters, e->bias_init, &e->bias_parameters);
    }
    assert_int_equal(network->loss.loss, expected->loss.loss);
    assert_int_equal(network->loss.reduction, expected->loss.reduction);
    assert_int_equal(network->loss.class_targets, expected->loss.class_targets);
    assert_true(same_bits(network->loss.label_smoothing, expected->loss.label_smoothing));
    assert_true(same_bits(network->loss.huber_delta, expected->loss.huber_delta));
    assert_same_floats(network->loss.class_weights, expected->loss.class_weights, units);
    assert_same_floats(network->mean, expected->mean, expected->inputs);
    assert_same_floats(network->scale, expected->scale, expected->inputs);
    assert_same_floats(network->inverse, expected->inverse, expected->inputs);
    assert_int_equal(network->note != NULL, expected->note != NULL);
    assert_true(expected->note == NULL || strcmp(network->note, expected->note) == 0);
    assert_int_equal(network->class_name_count, expected->class_name_count);
    for (size_t i = 0; i < expected->class_name_count; i++) {
        assert_string_equal(network->class_names[i], expected->class_names[i]);
    }
}

/* Parameters that no initializer gives, so that a file that lost them shows. */
static inline void fill_parameters(mlp_network *network, uint64_t seed)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        float *values = malloc(layer->units * layer->inputs * sizeof(float));
        assert_non_null(values);
        test_fill(&seed, -2, 2, values, layer->units * layer->inputs);
        values[0] = l == 0 ? 1e-41f : -0.0f; /* a subnormal, and a signed zero */
        assert_ok(mlp_network_set_weights(network, l, values));
        test_fill(&seed, -2, 2, values, layer->units);
        assert_ok(mlp_network_set_bias(network, l, values));
        free(values);
    }
}

#endif
