/* A model run over a data set, batch after batch. */
#include "reports/prediction.h"

#include <math.h>
#include <stdlib.h>

#include <mlp/pass.h>

#include "message.h"

int prediction_begin(struct prediction *prediction, const mlp_network *network, const mlp_data *data,
                     size_t batch, int threads)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = threads;
    batch = batch < mlp_data_count(data) ? batch : mlp_data_count(data);
    *prediction = (struct prediction){ .network = network, .data = data, .batch = batch };
    const mlp_status status = mlp_workspace_create(network, batch, &options, &prediction->workspace);
    TRY(work_code(status));
    prediction->x = calloc(batch, mlp_network_inputs(network) * sizeof(float));
    prediction->outputs = calloc(batch, mlp_network_outputs(network) * sizeof(float));
    return prediction->x != NULL && prediction->outputs != NULL ? EXIT_DONE : out_of_memory();
}

void prediction_free(struct prediction *prediction)
{
    mlp_workspace_destroy(&prediction->workspace);
    free(prediction->x);
    free(prediction->outputs);
}

static void apply_softmax(float *values, size_t count)
{
    double largest = (double)values[0], sum = 0.0;
    for (size_t i = 1; i < count; i++) {
        largest = fmax(largest, (double)values[i]);
    }
    for (size_t i = 0; i < count; i++) {
        sum += exp((double)values[i] - largest);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(exp((double)values[i] - largest) / sum);
    }
}

/* A linear output under a cross-entropy gives logits: these become the probabilities that the loss computed
 * with. Outputs that were held against -1 and 1 become what those held against 0 and 1 are. */
static void make_probabilities(struct prediction *prediction)
{
    const mlp_network *network = prediction->network;
    const size_t outputs = mlp_network_outputs(network);
    const mlp_loss loss = mlp_network_loss(network);
    mlp_layer layer;
    if (mlp_network_class_targets(network) == MLP_CLASS_TARGETS_BIPOLAR) {
        for (size_t i = 0; i < prediction->count * outputs; i++) {
            prediction->outputs[i] = 0.5f + 0.5f * prediction->outputs[i];
        }
    }
    if (mlp_network_layer(network, mlp_network_layer_count(network) - 1, &layer) != MLP_OK ||
        layer.activation != MLP_ACTIVATION_IDENTITY) {
        return;
    }
    if (loss == MLP_LOSS_CROSS_ENTROPY) {
        for (size_t i = 0; i < prediction->count; i++) {
            apply_softmax(prediction->outputs + i * outputs, outputs);
        }
    } else if (loss == MLP_LOSS_BINARY_CROSS_ENTROPY) {
        for (size_t i = 0; i < prediction->count * outputs; i++) {
            prediction->outputs[i] = (float)(1.0 / (1.0 + exp(-(double)prediction->outputs[i])));
        }
    }
}

int prediction_next(struct prediction *prediction)
{
    const size_t first = prediction->first + prediction->count,
                 left = mlp_data_count(prediction->data) - first;
    prediction->first = first;
    prediction->count = left < prediction->batch ? left : prediction->batch;
    if (prediction->count == 0) {
        return EXIT_DONE;
    }
    mlp_status status = mlp_data_read(prediction->data, first, prediction->count, prediction->x, NULL, NULL);
    if (status == MLP_OK) {
        status = mlp_predict(prediction->network, prediction->workspace, prediction->x, prediction->count,
                             prediction->outputs);
    }
    TRY(work_code(status));
    make_probabilities(prediction);
    return EXIT_DONE;
}

const float *prediction_outputs(const struct prediction *prediction, size_t sample)
{
    return prediction->outputs + sample * mlp_network_outputs(prediction->network);
}

size_t prediction_class(const struct prediction *prediction, size_t sample)
{
    const size_t outputs = mlp_network_outputs(prediction->network);
    const float *values = prediction_outputs(prediction, sample);
    size_t best = 0;
    if (outputs == 1) {
        return values[0] > 0.5f;
    }
    for (size_t i = 1; i < outputs; i++) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}
