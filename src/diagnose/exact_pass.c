/* Forward in double. */
#include "diagnose/exact_pass.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "diagnose/exact_loss.h"
#include "theory/exact_activation.h"

static const double *input_of(const struct exact_pass *pass, const struct exact_tensors *tensors, size_t l)
{
    const size_t source = layer_source(l);
    return source != NETWORK_INPUT ? tensors->a + pass->offsets[source] : pass->x;
}

static void softmax(const double *z, double *a, size_t units)
{
    double largest = z[0], sum = 0.0;
    for (size_t i = 0; i < units; i++) {
        largest = fmax(largest, z[i]);
    }
    for (size_t i = 0; i < units; i++) {
        a[i] = exp(z[i] - largest);
        sum += a[i];
    }
    for (size_t i = 0; i < units; i++) {
        a[i] /= sum;
    }
}

static void activate(const struct exact_pass *pass, struct exact_tensors *tensors, size_t l)
{
    const struct layer *layer = &pass->network->layers[l];
    const mlp_layer *d = &layer->description;
    const double *z = tensors->z + pass->offsets[l];
    double *a = tensors->a + pass->offsets[l];
    if (layer->activation->whole_column) {
        for (size_t s = 0; s < pass->count; s++) {
            softmax(z + s * layer->units, a + s * layer->units, layer->units);
        }
        return;
    }
    for (size_t i = 0; i < layer->units * pass->count; i++) {
        a[i] = activation_exact_value(d->activation, d->activation_parameter, &d->custom_activation, z[i]);
    }
}

static void forward_layer(const struct exact_pass *pass, struct exact_tensors *tensors, size_t l)
{
    const struct layer *layer = &pass->network->layers[l];
    const float *w = pass->network->parameters + layer->weights, *b = pass->network->parameters + layer->bias;
    const double *in = input_of(pass, tensors, l);
    double *z = tensors->z + pass->offsets[l];
    for (size_t s = 0; s < pass->count; s++) {
        for (size_t i = 0; i < layer->units; i++) {
            z[i + s * layer->units] = (double)b[i];
        }
        for (size_t j = 0; j < layer->inputs; j++) {
            const double value = in[j + s * layer->inputs];
            for (size_t i = 0; i < layer->units; i++) {
                z[i + s * layer->units] += (double)w[i + j * layer->stride] * value;
            }
        }
    }
    activate(pass, tensors, l);
}

static void standardize(struct exact_pass *pass, const float *x)
{
    const mlp_network *network = pass->network;
    for (size_t i = 0; i < network->inputs * pass->count; i++) {
        const size_t feature = i % network->inputs;
        const double mean = network->mean != NULL ? (double)network->mean[feature] : 0.0;
        const double scale = network->scale != NULL ? (double)network->scale[feature] : 1.0;
        pass->x[i] = ((double)x[i] - mean) / scale;
    }
}

static mlp_status allocate(struct exact_pass *pass, size_t *total)
{
    const mlp_network *network = pass->network;
    struct exact_tensors *const sets[] = { &pass->base, &pass->side[0], &pass->side[1] };
    pass->offsets = memory_allocate(network->layer_count, sizeof *pass->offsets);
    pass->x = memory_allocate(network->inputs * pass->count, sizeof *pass->x);
    pass->outputs = memory_allocate(output_layer(network)->units * pass->count, sizeof *pass->outputs);
    if (pass->offsets == NULL || pass->x == NULL || pass->outputs == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        pass->offsets[l] = *total;
        *total += network->layers[l].units * pass->count; /* no overflow: a workspace has held as many */
    }
    for (int i = 0; i < 3; i++) {
        sets[i]->z = memory_allocate(*total, sizeof(double));
        sets[i]->a = memory_allocate(*total, sizeof(double));
        if (sets[i]->z == NULL || sets[i]->a == NULL) {
            return MLP_ERROR_MEMORY;
        }
    }
    return MLP_OK;
}

mlp_status exact_pass_make(struct exact_pass *pass, const mlp_network *network, const float *x,
                           const mlp_targets *targets, size_t count)
{
    size_t total = 0;
    *pass = (struct exact_pass){ .network = network, .targets = targets, .count = count };
    const mlp_status status = allocate(pass, &total);
    if (status != MLP_OK) {
        exact_pass_free(pass);
        return status;
    }
    standardize(pass, x);
    for (size_t l = 0; l < network->layer_count; l++) {
        forward_layer(pass, &pass->base, l);
    }
    return MLP_OK;
}

void exact_pass_free(struct exact_pass *pass)
{
    struct exact_tensors *const sets[] = { &pass->base, &pass->side[0], &pass->side[1] };
    for (int i = 0; i < 3; i++) {
        memory_free(sets[i]->z);
        memory_free(sets[i]->a);
    }
    memory_free(pass->offsets);
    memory_free(pass->x);
    memory_free(pass->outputs);
}

double exact_trial(struct exact_pass *pass, int side, const struct moved *moved, double move)
{
    const struct layer *layer = &pass->network->layers[moved->layer];
    struct exact_tensors *tensors = &pass->side[side];
    const double *in = input_of(pass, &pass->base, moved->layer);
    const size_t offset = pass->offsets[moved->layer], size = layer->units * pass->count;
    memcpy(tensors->z + offset, pass->base.z + offset, size * sizeof(double));
    for (size_t s = 0; s < pass->count; s++) {
        tensors->z[offset + moved->row + s * layer->units] +=
            move * (moved->is_bias ? 1.0 : in[moved->column + s * layer->inputs]);
    }
    activate(pass, tensors, moved->layer);
    for (size_t l = moved->layer + 1; l < pass->network->layer_count; l++) {
        forward_layer(pass, tensors, l);
    }
    const size_t last = pass->offsets[pass->network->layer_count - 1];
    const struct exact_outputs outputs = { pass->network,     pass->targets,     pass->count,
                                           tensors->z + last, tensors->a + last, pass->outputs };
    return exact_loss(&outputs, &pass->status);
}

static bool crosses(double up, double down, double kink)
{
    return (up > kink) != (down > kink);
}

bool exact_kink_between(const struct exact_pass *pass, size_t layer)
{
    const size_t last = pass->network->layer_count - 1;
    for (size_t l = layer; l <= last; l++) {
        const struct layer *here = &pass->network->layers[l];
        const size_t offset = pass->offsets[l];
        double kinks[2];
        const size_t kink_count = activation_kinks(here->description.activation, kinks);
        for (size_t i = offset; i < offset + here->units * pass->count; i++) {
            for (size_t k = 0; k < kink_count; k++) {
                if (crosses(pass->side[0].z[i], pass->side[1].z[i], kinks[k])) {
                    return true;
                }
            }
        }
    }
    const size_t units = pass->network->layers[last].units, offset = pass->offsets[last];
    if (pass->network->loss.loss == MLP_LOSS_ABSOLUTE_ERROR) {
        for (size_t i = 0; i < units * pass->count; i++) {
            if (crosses(pass->side[0].a[offset + i], pass->side[1].a[offset + i],
                        exact_target(pass->network, pass->targets, i / units, i % units))) {
                return true;
            }
        }
    }
    return false;
}
