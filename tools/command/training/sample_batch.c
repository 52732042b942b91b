/* Samples drawn from a data set, with the targets that a network is held against. */
#include "training/sample_batch.h"

#include <stdbool.h>
#include <stdlib.h>

#include "message.h"

/* Targets in the units of the network's outputs. */
static void scale_values(const mlp_network *network, size_t count, float *values)
{
    const float *shift, *scale;
    const size_t outputs = mlp_network_outputs(network);
    mlp_network_output_scaling(network, &shift, &scale);
    const size_t numbers = scale != NULL ? count * outputs : 0;
    for (size_t i = 0; i < numbers; i++) {
        values[i] = (values[i] - shift[i % outputs]) / scale[i % outputs];
    }
}

static int read_samples(struct sample_batch *b, const mlp_network *network, const mlp_data *data)
{
    const bool classes = mlp_data_class_count(data) > 0;
    b->count = mlp_data_count(data);
    b->x = calloc(b->count * mlp_data_inputs(data), sizeof *b->x);
    b->values = calloc(b->count * mlp_data_outputs(data) + 1, sizeof *b->values);
    b->labels = calloc(b->count, sizeof *b->labels);
    b->weights = calloc(b->count, sizeof *b->weights);
    FAIL_IF(b->x == NULL || b->values == NULL || b->labels == NULL || b->weights == NULL, out_of_memory());
    b->targets = (mlp_targets){ .classes = classes ? b->labels : NULL,
                                .values = classes ? NULL : b->values,
                                .weights = b->weights };
    TRY(work_code(
        mlp_data_read(data, 0, b->count, b->x, classes ? b->labels : NULL, classes ? NULL : b->values)));
    scale_values(network, b->count, b->values);
    return work_code(mlp_data_read_weights(data, 0, b->count, b->weights));
}

int sample_batch_draw(struct sample_batch *batch, const mlp_network *network, const mlp_data *data,
                      size_t samples, uint64_t seed)
{
    const size_t count = mlp_data_count(data);
    mlp_data *rest = NULL, *drawn = NULL;
    int code = EXIT_DONE;
    if (samples < count) {
        code = work_code(mlp_data_split(data, (double)samples / (double)count, seed, &rest, &drawn));
    }
    code = code == EXIT_DONE ? read_samples(batch, network, drawn != NULL ? drawn : data) : code;
    mlp_data_destroy(&drawn);
    mlp_data_destroy(&rest);
    return code;
}

int sample_batch_first(struct sample_batch *batch, const mlp_network *network, const mlp_data *data,
                       size_t samples)
{
    const size_t count = mlp_data_count(data);
    mlp_data *slice = NULL;
    TRY(work_code(mlp_data_slice(data, 0, samples < count ? samples : count, &slice)));
    const int code = read_samples(batch, network, slice);
    mlp_data_destroy(&slice);
    return code;
}

void sample_batch_free(struct sample_batch *batch)
{
    free(batch->weights);
    free(batch->labels);
    free(batch->values);
    free(batch->x);
}
