/* Forward: Z = W·A + b and A = φ(Z), layer by layer; then the loss. */
#include <string.h>

#include <math.h>

#include "linalg/gemm.h"
#include "model/parts.h"
#include "model/regularize.h"

/* z += bias of a tile while it is in cache, and A = φ(Z) where an activation works entry by entry. */
static void activate(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    const bool waits = layer->activation->whole_column;
    const size_t last = tile->row + tile->rows < layer->units ? tile->row + tile->rows : layer->units;
    const size_t offset = tile->row + tile->column * w->ld;
    const struct activation_forward forward = {
        .z = w->z + offset,
        .z_ld = w->ld,
        .a = (waits ? w->z : w->a) + offset,
        .a_ld = w->ld,
        .bias = pass->network->parameters + layer->bias + tile->row,
        .rows = last - tile->row,
        .columns = tile->columns,
        .parameter = (float)layer->description.activation_parameter,
        .custom = &layer->description.custom_activation,
    };
    (waits ? activation_row(MLP_ACTIVATION_IDENTITY) : layer->activation)->forward(&forward);
    regularize_forward(pass, l, tile);
}

/* Inner indices of a slice. */
static struct range inner_range(size_t inputs, size_t slice, size_t slices)
{
    return (struct range){ inputs * slice / slices, inputs * (slice + 1) / slices };
}

/* One tile of a slice of W·A, put into z, or added to what is there. Rows of padding are computed too (they
 * come out 0): whole vectors are faster. */
static void multiply_tile(struct pass *pass, size_t l, size_t slice, const struct tile *tile, float *z,
                          size_t z_ld, bool adds)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct layer_plan *plan = &pass->workspace->plan.layers[l];
    const struct range inner = inner_range(layer->inputs, slice, plan->slices);
    size_t ld;
    const float *a = layer_input(pass, l, &ld);
    (adds ? gemm_nn_add
          : gemm_nn)(plan->forward.block, tile->rows, tile->columns, inner.end - inner.first,
                     pass->network->parameters + layer->weights + tile->row + inner.first * layer->stride,
                     layer->stride, a + tile->column * ld + inner.first, ld,
                     z + tile->row + tile->column * z_ld, z_ld);
}

/* A slice of its own: the first goes to z, others to workspace->partial. */
static void product_tile(struct pass *pass, size_t l, size_t slice, const struct tile *tile)
{
    const struct workspace_layer *w = &pass->workspace->layers[l];
    multiply_tile(pass, l, slice, tile, slice == 0 ? w->z : pass->workspace->partial,
                  slice == 0 ? w->ld : pass->network->layers[l].stride, false);
}

/* One tile of Z = W·A and its epilogue. */
static void forward_tile(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct workspace_layer *w = &pass->workspace->layers[l];
    for (size_t slice = 0; slice < pass->workspace->plan.layers[l].slices; slice++) {
        multiply_tile(pass, l, slice, tile, w->z, w->ld, slice > 0);
    }
    activate(pass, l, tile);
}

/* Whether slices go to different members: those whose gradient, and update, is theirs. A member that has both
 * adds the second up where the first is, to the same bits where the calls are small. */
static bool deals_slices(const struct team *team, const struct pass *pass, const struct layer_plan *plan)
{
    return plan->slices > 1 && (!plan->forward.block.small || (team->size > 1 && pass->want_gradient));
}

/* A Z in two slices: the slices first, then their sum and the epilogue, each member on its own columns. */
static void forward_in_slices(const struct team *team, struct pass *pass, size_t l)
{
    const struct layer_plan *plan = &pass->workspace->plan.layers[l];
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    team_barrier(team);
    visit_slices(team, pass, &plan->forward, plan->slices, l, product_tile);
    team_barrier(team);
    const struct range share = plan_columns(&pass->workspace->plan, team);
    for (size_t j = share.first; j < share.end; j++) {
        vector_kernels()->add(w->z + j * w->ld, pass->workspace->partial + j * layer->stride, layer->units);
    }
    const struct tile columns = { 0, layer->units, share.first, share.end - share.first };
    activate(pass, l, &columns);
}

/* The batch as the first layer sees it: packed, (x − mean) / scale, with noise; each member its own columns.
 * */
static void prepare_input(const struct team *team, struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    const struct mlp_network *network = pass->network;
    const struct range share = plan_columns(&workspace->plan, team);
    const size_t inputs = network->inputs, stride = pass->stride > 0 ? pass->stride : inputs;
    if (network->mean != NULL) {
        for (size_t j = share.first; j < share.end; j++) {
            vector_kernels()->standardize(pass->x + j * stride, network->mean, network->inverse, inputs,
                                          workspace->input + j * inputs);
        }
    } else if (pass->stride > 0 || pass_shares_input(pass)) {
        for (size_t j = share.first; j < share.end; j++) {
            memcpy(workspace->input + j * inputs, pass->x + j * stride, inputs * sizeof(float));
        }
    }
    if (regularizes_inputs(workspace->regularizer) && share.end > share.first) {
        regularize_inputs(pass, &share);
    }
}

void pass_layers(const struct team *team, struct pass *pass)
{
    const struct mlp_network *network = pass->network;
    const struct plan *plan = &pass->workspace->plan;
    if (pass->workspace->x == pass->workspace->input) {
        prepare_input(team, pass);
        join_columns(team, pass);
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        if (deals_slices(team, pass, &plan->layers[l])) {
            forward_in_slices(team, pass, l);
        } else {
            visit_tiles(team, pass, &plan->layers[l].forward, l, forward_tile);
        }
        join_columns(team, pass);
    }
}

/* A of an output that needs whole columns of Z. */
static void activate_output(const struct team *team, struct pass *pass)
{
    const struct layer *output = output_layer(pass->network);
    const struct workspace_layer *w = &pass->workspace->layers[pass->network->layer_count - 1];
    if (output->activation->whole_column) {
        const struct range share = plan_columns(&pass->workspace->plan, team);
        const struct activation_forward forward = {
            .z = w->z + share.first * w->ld,
            .z_ld = w->ld,
            .a = w->a + share.first * w->ld,
            .a_ld = w->ld,
            .rows = output->units,
            .columns = share.end - share.first,
        };
        output->activation->forward(&forward);
        join_columns(team, pass);
    }
}

void pass_forward(const struct team *team, struct pass *pass)
{
    pass_layers(team, pass);
    activate_output(team, pass);
}

/* Floats of a softmax that no cache keeps beside Z and dZ: 16 MiB. */
enum { STREAM_FROM = 1 << 22 };

/* The loss of a block of samples, its gradient, and where `activates` the output's softmax. */
static double loss_of_block(const struct range *samples, struct pass *pass, const struct loss_row *row,
                            bool activates)
{
    const size_t last = pass->network->layer_count - 1, j = samples->first;
    const struct layer *output = output_layer(pass->network);
    const struct workspace_layer *w = &pass->workspace->layers[last];
    const struct loss_block block = {
        .settings = &pass->network->loss,
        .targets = pass->targets,
        .first = j,
        .columns = samples->end - j,
        .units = output->units,
        .z = w->z + j * w->ld,
        .a = w->a + j * w->ld,
        .gradient = pass->want_gradient ? w->d + j * w->ld : NULL,
        .leading_dimension = w->ld,
        .scale = pass->loss_scale,
        .softmax = activates ? w->a + j * w->ld : NULL,
        .streams = pass->workspace->count * w->ld >= STREAM_FROM,
    };
    return row->evaluate(&block);
}

/* Those of each part's blocks that are this member's. */
static void loss_blocks(const struct range *share, struct pass *pass, const struct loss_row *row,
                        bool activates)
{
    struct range part;
    for (size_t i = 0; pass_part(pass, i, &part); i++) {
        for (size_t j = part.first; j < part.end; j += LOSS_BLOCK) {
            const struct range block = { j, part.end - j < LOSS_BLOCK ? part.end : j + LOSS_BLOCK };
            if (j >= share->first && j < share->end) {
                *loss_block(pass, i, j) = loss_of_block(&block, pass, row, activates);
            }
        }
    }
}

/* Where the first loss block from a column on begins. */
static size_t block_from(const struct pass *pass, size_t column)
{
    struct range part = { 0, 0 };
    size_t i = 0;
    while (part.end <= column && pass_part(pass, i, &part)) {
        i++;
    }
    const size_t block = part.first + size_round_up(column - part.first, LOSS_BLOCK);
    return block < part.end ? block : part.end;
}

/* A custom loss sees the whole batch at once, on the calling thread. */
static void custom_loss(const struct team *team, struct pass *pass)
{
    const struct loss_settings *settings = &pass->network->loss;
    const struct workspace_layer *w = &pass->workspace->layers[pass->network->layer_count - 1];
    team_barrier(team);
    if (team->rank == 0) {
        pass->status =
            settings->custom(w->a, pass->targets, output_layer(pass->network)->units, pass->workspace->count,
                             w->ld, pass->want_gradient ? w->d : NULL, &pass->loss, settings->context);
    }
    team_barrier(team);
}

/* `activates`: A of the output is still to be made. */
static void run_loss(const struct team *team, struct pass *pass, bool activates)
{
    const struct loss_row *row = loss_row(pass->network->loss.loss);
    const struct range columns = plan_columns(&pass->workspace->plan, team),
                       share = { block_from(pass, columns.first), block_from(pass, columns.end) };
    if (row->whole_batch) {
        custom_loss(team, pass);
    } else {
        loss_blocks(&share, pass, row, activates);
    }
    if (pass->want_gradient && !row->from_logits) {
        const struct tile own = { 0, output_layer(pass->network)->units, share.first,
                                  share.end - share.first };
        activation_gradient(pass, pass->network->layer_count - 1, &own);
    }
    join_columns(team, pass);
}

void pass_loss(const struct team *team, struct pass *pass)
{
    run_loss(team, pass, false);
}

void pass_output_loss(const struct team *team, struct pass *pass)
{
    const struct loss_row *row = loss_row(pass->network->loss.loss);
    const bool activates =
        output_layer(pass->network)->description.activation == MLP_ACTIVATION_SOFTMAX && row->takes_softmax;
    if (!activates) {
        activate_output(team, pass);
    }
    run_loss(team, pass, activates);
}
