/* Backward: dA = Wᵀ·dZ and dZ = dA ⊙ φ′ from the output down. What the parameters' gradient is made of it:
 * gradient.c. */
#include "linalg/gemm.h"
#include "model/pass.h"
#include "model/regularize.h"

void activation_gradient(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    const size_t offset = tile->row + tile->column * w->ld;
    const struct activation_backward backward = {
        .z = w->z + offset,
        .z_ld = w->ld,
        .a = w->a + offset,
        .a_ld = w->ld,
        .d = w->d + offset,
        .d_ld = w->ld,
        .rows = tile->rows,
        .columns = tile->columns,
        .parameter = (float)layer->description.activation_parameter,
        .custom = &layer->description.custom_activation,
    };
    layer->activation->backward(&backward);
}

/* One tile of dA of the layer below `l`, turned into its dZ while it is in cache. */
static void backward_tile(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *above = &pass->workspace->layers[l];
    const size_t source = layer_source(l);
    const struct workspace_layer *below = &pass->workspace->layers[source];
    gemm_tn(pass->workspace->plan.layers[l].backward.block, tile->rows, tile->columns, layer->units,
            pass->network->parameters + layer->weights + tile->row * layer->stride, layer->stride,
            above->d + tile->column * above->ld, above->ld, below->d + tile->row + tile->column * below->ld,
            below->ld);
    regularize_backward(pass, source, tile);
    activation_gradient(pass, source, tile);
}

/* dZ of the layer below `l`. */
static void differentiate_layer(const struct team *team, struct pass *pass, size_t l)
{
    if (layer_source(l) != NETWORK_INPUT) {
        visit_tiles(team, pass, &pass->workspace->plan.layers[l].backward, l, backward_tile);
        join_columns(team, pass);
    }
}

void pass_differentiate(const struct team *team, struct pass *pass)
{
    for (size_t l = pass->network->layer_count; l-- > 0;) {
        differentiate_layer(team, pass, l);
    }
    team_barrier(team);
}

void pass_backward(const struct team *team, struct pass *pass)
{
    if (pass->status != MLP_OK) {
        return; /* a custom loss has failed: every member sees it */
    }
    if (team->size > 1) {
        pass_differentiate(team, pass);
        pass_gradient(team, pass);
        return;
    }
    for (size_t l = pass->network->layer_count; l-- > 0;) {
        differentiate_layer(team, pass, l);
        pass_layer_gradient(pass, l); /* dZ of `l` and A below it, just read, are still in cache */
    }
}

/* dL/dx (inputs × count) = W₀ᵀ·dZ₀, through the standardization. */
static void input_tile(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct mlp_network *network = pass->network;
    const struct layer *layer = &network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    float *dx = pass->input_gradient + tile->row + tile->column * network->inputs;
    gemm_tn(pass->workspace->plan.layers[l].backward.block, tile->rows, tile->columns, layer->units,
            network->parameters + layer->weights + tile->row * layer->stride, layer->stride,
            w->d + tile->column * w->ld, w->ld, dx, network->inputs);
    regularize_input_gradient(pass, tile);
    for (size_t j = 0; j < tile->columns && network->inverse != NULL; j++) {
        for (size_t i = 0; i < tile->rows; i++) {
            dx[i + j * network->inputs] *= network->inverse[tile->row + i];
        }
    }
}

void pass_input_gradient(const struct team *team, void *context)
{
    struct pass *pass = context;
    const struct grid *grid = &pass->workspace->plan.layers[0].backward;
    const size_t columns = grid_tile_columns(grid);
    const struct range share = team_share(team, grid_tiles(grid));
    for (size_t t = share.first; t < share.end; t++) {
        const struct tile tile = grid_tile(grid, t / columns, t % columns);
        input_tile(pass, 0, &tile);
    }
}
