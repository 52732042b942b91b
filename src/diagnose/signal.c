/* The figures of each layer on a batch: moments, norms, cosines, flat units, growth. */
#include <math.h>

#include "base/memory.h"
#include "base/status.h"
#include "diagnose/diagnose.h"
#include "linalg/blas_memory.h"
#include "linalg/blas_section.h"
#include "linalg/gemm.h"

static const mlp_moments no_moments = { NAN, NAN, NAN };

static mlp_moments moments_of(const mlp_matrix *m)
{
    double sum = 0.0, squares = 0.0, deviations = 0.0;
    const double count = (double)m->rows * (double)m->columns;
    for (size_t j = 0; j < m->columns; j++) {
        for (size_t i = 0; i < m->rows; i++) {
            const double value = (double)m->data[i + j * m->leading_dimension];
            sum += value;
            squares += value * value;
        }
    }
    const double mean = sum / count;
    for (size_t j = 0; j < m->columns; j++) {
        for (size_t i = 0; i < m->rows; i++) {
            const double distance = (double)m->data[i + j * m->leading_dimension] - mean;
            deviations += distance * distance;
        }
    }
    return (mlp_moments){ mean, deviations / count, squares / count };
}

static double norm_of(const float *data, size_t rows, size_t columns, size_t ld)
{
    mlp_matrix m = { (float *)data, rows, columns, ld };
    return sqrt(moments_of(&m).mean_square * (double)rows * (double)columns);
}

static double norm_of_column(const mlp_matrix *a, size_t j)
{
    return norm_of(a->data + j * a->leading_dimension, a->rows, 1, a->rows);
}

/* Norms of the samples. Over pairs j ≠ k the mean cosine is (‖Σ_j a_j/‖a_j‖‖² − m)/(m·(m − 1)). A sample of
 * norm 0 has no direction and is left out. */
static void measure_samples(const mlp_matrix *a, double *direction, mlp_signal *signal)
{
    double sum = 0.0, squares = 0.0, length = 0.0, counted = 0.0;
    for (size_t i = 0; i < a->rows; i++) {
        direction[i] = 0.0;
    }
    for (size_t j = 0; j < a->columns; j++) {
        const double norm = norm_of_column(a, j);
        sum += norm;
        squares += norm * norm;
        counted += norm > 0.0;
        if (norm > 0.0) {
            for (size_t i = 0; i < a->rows; i++) {
                direction[i] += (double)a->data[i + j * a->leading_dimension] / norm;
            }
        }
    }
    const double count = (double)a->columns, mean = sum / count;
    for (size_t i = 0; i < a->rows; i++) {
        length += direction[i] * direction[i];
    }
    signal->sample_norm = mean;
    signal->sample_norm_deviation = sqrt(fmax(squares / count - mean * mean, 0.0));
    signal->cosine = counted > 1.0 ? (length - counted) / (counted * (counted - 1.0)) : NAN;
}

/* Zeros of A, flat entries and units of Z. */
static void measure_flats(const struct layer *layer, const mlp_matrix *z, const mlp_matrix *a,
                          mlp_signal *signal)
{
    const struct flatness flatness = flatness_of(layer);
    size_t zeros = 0, flats = 0, units = 0;
    for (size_t i = 0; i < a->rows; i++) {
        size_t flat = 0;
        for (size_t j = 0; j < a->columns; j++) {
            zeros += a->data[i + j * a->leading_dimension] == 0.0f;
            flat += flatness.defined && is_flat(&flatness, (double)z->data[i + j * z->leading_dimension]);
        }
        flats += flat;
        units += flat == a->columns;
    }
    const double count = (double)a->rows * (double)a->columns;
    signal->zeros = (double)zeros / count;
    signal->saturated = flatness.bounded ? (double)flats / count : 0.0;
    signal->saturated_units = flatness.bounded ? units : 0;
    signal->dead = flatness.one_sided ? units : 0;
}

static mlp_status count_symmetric(const mlp_network *network, size_t l, double tolerance, mlp_signal *signal)
{
    const size_t units = network->layers[l].units;
    size_t *group = memory_allocate(2 * units, sizeof *group); /* no overflow: the arena holds more */
    REQUIRE_MEMORY(group);
    size_t *members = group + units;
    const mlp_status status = mlp_symmetry(network, l, tolerance, group, NULL);
    if (status == MLP_OK) {
        for (size_t i = 0; i < units; i++) {
            members[group[i]]++;
        }
        for (size_t i = 0; i < units; i++) {
            signal->symmetric += members[group[i]] > 1;
        }
    }
    memory_free(group);
    return status;
}

/* dL/dA of the layer below: Wᵀ·dZ. */
static mlp_status measure_da(const mlp_network *network, mlp_workspace *workspace, size_t l,
                             mlp_moments *moments)
{
    const struct layer *layer = &network->layers[l];
    mlp_matrix dz;
    TRY(mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, l, &dz));
    BLAS_SECTION(true); /* the workspace has reserved this thread's memory for BLAS */
    float *da =
        memory_allocate(layer->inputs * dz.columns, sizeof *da); /* no overflow: the workspace holds more */
    REQUIRE_MEMORY(da);
    gemm_tn(GEMM_WHOLE, layer->inputs, dz.columns, layer->units, network->parameters + layer->weights,
            layer->stride, dz.data, dz.leading_dimension, da, layer->inputs);
    const mlp_matrix m = { da, layer->inputs, dz.columns, layer->inputs };
    *moments = moments_of(&m);
    memory_free(da);
    return MLP_OK;
}

static mlp_status measure_gradients(const mlp_network *network, mlp_workspace *workspace, size_t l,
                                    mlp_signal *signal)
{
    mlp_matrix dz, dw, db;
    TRY(mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, l, &dz));
    TRY(mlp_workspace_view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, l, &dw));
    TRY(mlp_workspace_view(workspace, MLP_TENSOR_BIAS_GRADIENT, l, &db));
    signal->dz = moments_of(&dz);
    signal->weight_gradient_norm = norm_of(dw.data, dw.rows, dw.columns, dw.leading_dimension);
    signal->bias_gradient_norm = norm_of(db.data, db.rows, 1, db.rows);
    signal->gradient_ratio = signal->weight_gradient_norm / signal->weight_norm;
    return l + 1 < network->layer_count ? measure_da(network, workspace, l + 1, &signal->da) : MLP_OK;
}

static mlp_status measure_layer(const mlp_network *network, mlp_workspace *workspace, size_t l, bool backward,
                                mlp_signal *signal)
{
    const struct layer *layer = &network->layers[l];
    mlp_matrix z, a;
    TRY(mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION, l, &z));
    TRY(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, l, &a));
    double *direction = memory_allocate(layer->units, sizeof *direction);
    REQUIRE_MEMORY(direction);
    *signal = (mlp_signal){ .z = moments_of(&z),
                            .a = moments_of(&a),
                            .da = no_moments,
                            .dz = no_moments,
                            .weight_gradient_norm = NAN,
                            .bias_gradient_norm = NAN,
                            .gradient_ratio = NAN,
                            .update_ratio = NAN,
                            .forward_growth = NAN,
                            .backward_growth = NAN,
                            .predicted_forward = NAN,
                            .predicted_backward = NAN,
                            .q = NAN,
                            .chi = NAN,
                            .depth = NAN };
    signal->weight_norm =
        norm_of(network->parameters + layer->weights, layer->units, layer->inputs, layer->stride);
    measure_samples(&a, direction, signal);
    measure_flats(layer, &z, &a, signal);
    memory_free(direction);
    return backward ? measure_gradients(network, workspace, l, signal) : MLP_OK;
}

static double total(const mlp_moments *moments, const struct layer *layer)
{
    return moments->mean_square * (double)layer->units;
}

static void measure_growth(const mlp_network *network, const struct field_step *steps, mlp_signal *signals)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        mlp_signal *s = &signals[l];
        s->q = steps[l].q;
        const size_t source = layer_source(l);
        if (source != NETWORK_INPUT) {
            s->forward_growth = sqrt(s->z.mean_square / signals[source].z.mean_square);
            s->predicted_forward = sqrt(steps[l].q / steps[source].q);
        }
        if (l + 1 < network->layer_count) {
            s->backward_growth =
                sqrt(total(&s->dz, &network->layers[l]) / total(&signals[l + 1].dz, &network->layers[l + 1]));
            s->chi = steps[l].chi;
            s->predicted_backward = sqrt(s->chi);
            s->depth = 1.0 / fabs(log(s->chi));
        }
    }
}

/* Mean field with the mean squares that these weights and biases have. */
static void predict(const mlp_network *network, struct field_step *steps, mlp_signal *signals)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        const double bias = norm_of(network->parameters + layer->bias, layer->units, 1, layer->stride);
        steps[l].weight_variance = signals[l].weight_norm * signals[l].weight_norm / (double)layer->units;
        steps[l].bias_variance = bias * bias / (double)layer->units;
        steps[l].choice = flatness_of(layer).choice;
    }
    field_follow(steps, network->layer_count, signals[0].z.mean_square);
    measure_growth(network, steps, signals);
}

mlp_status signal_measure(const mlp_network *network, mlp_workspace *workspace, bool backward,
                          struct mlp_diagnosis *diagnosis)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        TRY(measure_layer(network, workspace, l, backward, &diagnosis->signals[l]));
    }
    predict(network, diagnosis->steps, diagnosis->signals);
    return MLP_OK;
}

mlp_status signal_symmetry(const mlp_network *network, double tolerance, mlp_signal *signals)
{
    for (size_t l = 0; l + 1 < network->layer_count; l++) {
        TRY(count_symmetric(network, l, tolerance, &signals[l]));
    }
    return MLP_OK;
}
