/* The workspace: one allocation for all buffers of a pass, made once. */
#include "model/workspace.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "base/team.h"
#include "linalg/blas_memory.h"
#include "model/parts.h"
#include "model/regularize.h"
#include "model/sample_gradient.h"

enum { MAX_THREADS = 1024 };

/* Floats of every buffer; all checked before anything is allocated. */
struct sizes {
    size_t input;   /* inputs × batch */
    size_t stride;  /* largest */
    size_t widest;  /* largest stride × batch */
    size_t partial; /* largest stride × batch of a layer whose Z is computed in slices, or 0 */
    size_t columns; /* Σ stride × batch */
    size_t total;
    size_t magnitudes;
};

static mlp_status check_options(const mlp_workspace_options *options)
{
    FAIL_IF(options->purpose != MLP_WORKSPACE_TRAINING && options->purpose != MLP_WORKSPACE_INFERENCE,
            MLP_ERROR_ARGUMENT, "workspace options: purpose is %d, expected 0 (training) or 1 (inference)",
            (int)options->purpose);
    FAIL_IF(options->threads < 0 || options->threads > MAX_THREADS, MLP_ERROR_RANGE,
            "workspace options: threads is %d, expected 0 to %d", options->threads, MAX_THREADS);
    FAIL_IF(options->keep_pre_activations != 0 && options->keep_pre_activations != 1, MLP_ERROR_ARGUMENT,
            "workspace options: keep_pre_activations is %d, expected 0 or 1", options->keep_pre_activations);
    return MLP_OK;
}

static bool add_product(size_t a, size_t b, size_t *sum)
{
    size_t product;
    return size_multiply(a, b, &product) && size_add(*sum, size_round_up(product, STRIDE_MULTIPLE), sum);
}

/* A training workspace has Z, A and dZ of every layer; one for inference has two buffers that layers use in
 * turn, all at the widest layer's stride: a sample then has the same place in every layer, and a member of a
 * team that is ahead in its own columns does not write over another's. One for evaluation has a third, for
 * the output's Z. */
static mlp_status compute_sizes(const mlp_network *network, size_t batch, mlp_workspace_purpose purpose,
                                bool evaluation, struct sizes *sizes)
{
    *sizes = (struct sizes){ 0 };
    bool fits = batch <= BLAS_SIZE_LIMIT && add_product(network->inputs, batch, &sizes->input) &&
                plan_magnitudes_bound(network->layers, network->layer_count, &sizes->magnitudes);
    size_t widest = 0, split = 0;
    for (size_t l = 0; l < network->layer_count && fits; l++) {
        const size_t stride = network->layers[l].stride;
        const bool in_slices =
            grid_inner_slices(network->layers[l].rows, network->layers[l].inputs, plan_class()) > 1;
        widest = stride > widest ? stride : widest;
        split = in_slices && stride > split ? stride : split;
        fits = add_product(stride, batch, &sizes->columns);
    }
    sizes->stride = widest;
    fits = fits && add_product(widest, batch, &sizes->widest) && add_product(split, batch, &sizes->partial);
    sizes->total = sizes->input;
    fits =
        fits && size_add(sizes->total, sizes->partial, &sizes->total) &&
        (purpose == MLP_WORKSPACE_TRAINING ? add_product(3, sizes->columns, &sizes->total)
                                           : add_product(evaluation ? 3 : 2, sizes->widest, &sizes->total));
    FAIL_IF(!fits || sizes->total > SIZE_MAX / 64, MLP_ERROR_SHAPE,
            "workspace: batch %zu is too large for this network", batch);
    return MLP_OK;
}

static bool allocate(mlp_workspace *workspace, const struct sizes *sizes)
{
    const size_t layers = workspace->layer_count;
    struct memory_row row = { 0 };
    workspace->units = memory_take(&row, layers, sizeof(size_t));
    workspace->layers = memory_take(&row, layers, sizeof(struct workspace_layer));
    workspace->plan.layers = memory_take(&row, layers, sizeof(struct layer_plan));
    workspace->buffers = memory_take(&row, sizes->total, sizeof(float));
    workspace->buffer_floats = sizes->total;
    if (workspace->purpose == MLP_WORKSPACE_TRAINING || workspace->evaluation) {
        const size_t parts = workspace->evaluation ? 0 : workspace->batch;
        workspace->block_losses =
            memory_take(&row, workspace->batch / LOSS_BLOCK + 1 + parts, sizeof(double));
    }
    if (workspace->purpose == MLP_WORKSPACE_TRAINING) {
        workspace->gradient_buffer = memory_take(&row, workspace->arena_size, sizeof(float));
        workspace->gradients = workspace->gradient_buffer;
        workspace->magnitude_count = sizes->magnitudes;
        workspace->magnitudes = memory_take(&row, sizes->magnitudes, sizeof(struct magnitude));
        workspace->squares = memory_take(&row, 2 * layers, sizeof(double));
        workspace->largest = memory_take(&row, 2 * layers, sizeof(double));
    }
    workspace->bytes = sizeof *workspace + row.bytes;
    return !row.failed;
}

static void lay_out(mlp_workspace *workspace, const mlp_network *network, const struct sizes *sizes)
{
    float *next = workspace->buffers + sizes->input + sizes->partial;
    workspace->input = workspace->buffers;
    workspace->partial = workspace->buffers + sizes->input;
    for (size_t l = 0; l < workspace->layer_count; l++) {
        struct workspace_layer *layer = &workspace->layers[l];
        const size_t size = size_round_up(network->layers[l].stride * workspace->batch, STRIDE_MULTIPLE);
        workspace->units[l] = network->layers[l].units;
        layer->ld = network->layers[l].stride;
        if (workspace->purpose == MLP_WORKSPACE_TRAINING) {
            layer->buffer_z = next;
            layer->a = next + size;
            layer->d = next + 2 * size;
            next += 3 * size;
        } else {
            layer->ld = sizes->stride;
            layer->buffer_z = next + (l % 2) * sizes->widest;
            layer->a = layer->buffer_z;
        }
        if (workspace->evaluation && l + 1 == workspace->layer_count) {
            layer->buffer_z = next + 2 * sizes->widest;
        }
        layer->z = layer->buffer_z;
    }
}

static mlp_status create(const mlp_network *network, size_t batch, const mlp_workspace_options *options,
                         bool evaluation, mlp_workspace **workspace)
{
    mlp_workspace_options accepted;
    struct sizes sizes;
    FAIL_IF(batch == 0, MLP_ERROR_RANGE, "workspace: batch is 0, expected at least 1");
    TRY(ACCEPT_OPTIONS(mlp_workspace_options, MLP_WORKSPACE_OPTIONS_INIT, options, &accepted));
    options = &accepted;
    TRY(check_options(options));
    TRY(compute_sizes(network, batch, options->purpose, evaluation, &sizes));

    mlp_workspace *made = memory_allocate(1, sizeof *made);
    REQUIRE_MEMORY(made);
    made->purpose = options->purpose;
    made->evaluation = evaluation;
    made->batch = batch;
    made->keep_z = options->keep_pre_activations;
    made->check_inputs = options->check_inputs != 0;
    made->threads = 1;
    if (team_has_openmp()) {
        made->threads = options->threads > 0 ? options->threads : team_default_threads();
    }
    made->inputs = network->inputs;
    made->layer_count = network->layer_count;
    made->arena_size = network->arena_size;
    made->plan.class = plan_class();
    made->plan.layer_count = network->layer_count;
    mlp_status status = blas_memory_reserve(made->threads);
    made->reserved = status == MLP_OK ? made->threads : 0;
    if (status == MLP_OK && !allocate(made, &sizes)) {
        status = MLP_ERROR_MEMORY;
    }
    if (status != MLP_OK) {
        mlp_workspace_destroy(&made);
        return status;
    }
    lay_out(made, network, &sizes);
    *workspace = made;
    return MLP_OK;
}

mlp_status mlp_workspace_create(const mlp_network *network, size_t batch,
                                const mlp_workspace_options *options, mlp_workspace **workspace)
{
    REQUIRE_ARGUMENT(workspace);
    *workspace = NULL;
    REQUIRE_ARGUMENT(network);
    return create(network, batch, options, false, workspace);
}

mlp_status workspace_create_for_evaluation(const mlp_network *network, size_t batch, int threads,
                                           mlp_workspace **workspace)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = threads;
    return create(network, batch, &options, true, workspace);
}

void mlp_workspace_destroy(mlp_workspace **workspace)
{
    if (workspace == NULL || *workspace == NULL) {
        return;
    }
    mlp_workspace *w = *workspace;
    blas_memory_release(w->reserved);
    memory_free(w->units);
    memory_free(w->layers);
    memory_free(w->plan.layers);
    memory_free(w->buffers);
    memory_free(w->gradient_buffer);
    memory_free(w->block_losses);
    memory_free(w->magnitudes);
    memory_free(w->squares);
    memory_free(w->largest);
    regularizer_free(w->regularizer);
    parts_free(w->parts);
    memory_free(w);
    *workspace = NULL;
}

GETTER(size_t, mlp_workspace_batch, mlp_workspace, workspace, workspace->batch, 0)
GETTER(int, mlp_workspace_threads, mlp_workspace, workspace, workspace->threads, 0)
GETTER(size_t, mlp_workspace_bytes, mlp_workspace, workspace,
       workspace->bytes + regularizer_bytes(workspace) + parts_bytes(workspace), 0)

mlp_status workspace_check(const struct mlp_workspace *workspace, const struct mlp_network *network)
{
    FAIL_IF(workspace->inputs != network->inputs || workspace->layer_count != network->layer_count,
            MLP_ERROR_SHAPE, "workspace was made for %zu inputs and %zu layers, the network has %zu and %zu",
            workspace->inputs, workspace->layer_count, network->inputs, network->layer_count);
    for (size_t l = 0; l < network->layer_count; l++) {
        FAIL_IF(workspace->units[l] != network->layers[l].units, MLP_ERROR_SHAPE,
                "workspace was made for %zu units in layer %zu, the network has %zu", workspace->units[l], l,
                network->layers[l].units);
    }
    return MLP_OK;
}

mlp_status workspace_check_inputs(const char *function, const struct mlp_workspace *workspace, const float *x,
                                  size_t stride, size_t count)
{
    const size_t samples = workspace->check_inputs ? count : 0;
    for (size_t i = 0; i < samples; i++) {
        const float *sample = x + i * stride;
        bool finite = true;
        for (size_t j = 0; j < workspace->inputs; j++) {
            finite &= isfinite(sample[j]) != 0;
        }
        if (!finite) {
            size_t j = 0;
            while (isfinite(sample[j])) {
                j++;
            }
            return fail(MLP_ERROR_NONFINITE, "%s: sample %zu, input %zu is %g, expected a finite number",
                        function, i, j, (double)sample[j]);
        }
    }
    return MLP_OK;
}

size_t workspace_shared_floats(const struct mlp_workspace *workspace)
{
    size_t floats = workspace->buffer_floats;
    for (size_t l = 0; l + 1 < workspace->layer_count; l++) {
        floats += workspace->layers[l].ld * workspace->batch; /* cannot overflow: Z is as large */
    }
    return size_round_up(floats, STRIDE_MULTIPLE);
}

/* `input` is their first. */
static void move_buffers(struct mlp_workspace *workspace, float *to)
{
    float *const from = workspace->input;
    workspace->input = to;
    workspace->partial = to + (workspace->partial - from);
    for (size_t l = 0; l < workspace->layer_count; l++) {
        struct workspace_layer *layer = &workspace->layers[l];
        layer->buffer_z = to + (layer->buffer_z - from);
        layer->a = to + (layer->a - from);
        layer->d = to + (layer->d - from);
        layer->z = layer->buffer_z;
    }
    workspace->state = WORKSPACE_EMPTY;
}

void workspace_share_buffers(struct mlp_workspace *workspace, float *shared)
{
    float *dropped = shared + workspace->buffer_floats;
    move_buffers(workspace, shared);
    for (size_t l = 0; l + 1 < workspace->layer_count; l++) {
        workspace->layers[l].shared_dropped = dropped;
        dropped += workspace->layers[l].ld * workspace->batch;
    }
    memory_free(workspace->buffers);
    workspace->buffers = NULL;
}

mlp_status workspace_own_buffers(struct mlp_workspace *workspace)
{
    workspace->buffers = memory_allocate(workspace->buffer_floats, sizeof *workspace->buffers);
    REQUIRE_MEMORY(workspace->buffers);
    move_buffers(workspace, workspace->buffers);
    for (size_t l = 0; l < workspace->layer_count; l++) {
        workspace->layers[l].shared_dropped = NULL;
    }
    return MLP_OK;
}

void workspace_keep_gradients(struct mlp_workspace *workspace)
{
    if (workspace->gradients != workspace->gradient_buffer) {
        memcpy(workspace->gradient_buffer, workspace->gradients, workspace->arena_size * sizeof(float));
        workspace->gradients = workspace->gradient_buffer;
    }
    sample_gradient_write(workspace);
}

const float *workspace_layer_input(const struct mlp_workspace *workspace, size_t layer)
{
    const size_t source = layer_source(layer);
    return source != NETWORK_INPUT ? workspace->layers[source].out : workspace->x;
}

size_t workspace_layer_inputs(const struct mlp_workspace *workspace, size_t layer)
{
    const size_t source = layer_source(layer);
    return source != NETWORK_INPUT ? workspace->units[source] : workspace->inputs;
}

/* Where each tensor of a layer lies. Offsets in the gradient arena follow from the shape (model/network.h).
 */
static mlp_matrix tensor_view(const mlp_workspace *workspace, mlp_tensor tensor, size_t layer)
{
    const struct workspace_layer *w = &workspace->layers[layer];
    const size_t units = workspace->units[layer];
    const size_t inputs = workspace_layer_inputs(workspace, layer);
    float *const columns[] = { w->z, w->a, w->d };
    size_t offset = 0;
    if (tensor <= MLP_TENSOR_PRE_ACTIVATION_GRADIENT) {
        return (mlp_matrix){ columns[tensor], units, workspace->count, w->ld };
    }
    for (size_t l = 0; l < layer; l++) {
        offset += workspace->layers[l].ld * (workspace_layer_inputs(workspace, l) + 1);
    }
    if (tensor == MLP_TENSOR_BIAS_GRADIENT) {
        return (mlp_matrix){ workspace->gradients + offset + w->ld * inputs, units, 1, w->ld };
    }
    return (mlp_matrix){ workspace->gradients + offset, units, inputs, w->ld };
}

mlp_status mlp_workspace_view(mlp_workspace *workspace, mlp_tensor tensor, size_t layer, mlp_matrix *view)
{
    REQUIRE_ARGUMENT(view);
    *view = (mlp_matrix){ 0 };
    REQUIRE_ARGUMENT(workspace);
    FAIL_IF((int)tensor < 0 || tensor > MLP_TENSOR_BIAS_GRADIENT, MLP_ERROR_ARGUMENT,
            "mlp_workspace_view: tensor is %d, expected 0 to %d", (int)tensor, MLP_TENSOR_BIAS_GRADIENT);
    FAIL_IF(layer >= workspace->layer_count, MLP_ERROR_RANGE,
            "mlp_workspace_view: layer is %zu, expected less than %zu", layer, workspace->layer_count);
    const bool forward = tensor <= MLP_TENSOR_ACTIVATION;
    FAIL_IF(workspace->state < (forward ? WORKSPACE_FORWARD : WORKSPACE_BACKWARD), MLP_ERROR_STATE,
            "mlp_workspace_view: no %s pass has been made with this workspace",
            forward ? "forward" : "backward");
    FAIL_IF(tensor == MLP_TENSOR_PRE_ACTIVATION &&
                workspace->layers[layer].z != workspace->layers[layer].buffer_z,
            MLP_ERROR_STATE,
            "mlp_workspace_view: the pre-activations of layer %zu were not kept; set "
            "keep_pre_activations in the workspace's options",
            layer);
    if (tensor >= MLP_TENSOR_WEIGHT_GRADIENT) {
        workspace_keep_gradients(workspace);
    }
    *view = tensor_view(workspace, tensor, layer);
    return MLP_OK;
}
