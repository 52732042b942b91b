/* Noise in the passes of a training workspace. */
#include "model/regularize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "model/pass.h"

/* Normal deviates are drawn a piece at a time. */
enum { NOISE_PIECE = 256 };

/* ---- options ------------------------------------------------------------------------------------------- */

static mlp_status check_probability(const char *field, double p)
{
    return p >= 0.0 && p < 1.0
               ? MLP_OK
               : fail(MLP_ERROR_RANGE, "regularization: %s is %g, expected 0 up to, not including, 1", field,
                      p);
}

static mlp_status check_size(const char *field, double value)
{
    return value >= 0.0 && isfinite((float)value)
               ? MLP_OK
               : fail(MLP_ERROR_RANGE, "regularization: %s is %g, expected a finite number of at least 0",
                      field, value);
}

mlp_status regularization_accept(const mlp_regularization *given, mlp_regularization *o)
{
    TRY(ACCEPT_OPTIONS(mlp_regularization, MLP_REGULARIZATION_INIT, given, o));
    TRY(dropout_check(o->dropout));
    TRY(check_probability("hidden_dropout", o->hidden_dropout));
    FAIL_IF(o->layer_dropout == NULL && o->layer_dropout_count > 0, MLP_ERROR_ARGUMENT,
            "regularization: layer_dropout is NULL, expected %zu numbers", o->layer_dropout_count);
    o->layer_dropout_count = o->layer_dropout != NULL ? o->layer_dropout_count : 0;
    for (size_t l = 0; l < o->layer_dropout_count; l++) {
        char field[48];
        snprintf(field, sizeof field, "layer_dropout[%zu]", l);
        TRY(check_probability(field, o->layer_dropout[l]));
    }
    TRY(check_probability("input_dropout", o->input_dropout));
    TRY(check_size("input_noise", o->input_noise));
    return check_size("mixup", o->mixup);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

void regularizer_free(struct regularizer *regularizer)
{
    if (regularizer != NULL) {
        memory_free(regularizer->values);
        memory_free(regularizer->mask);
        memory_free(regularizer->hidden);
        memory_free(regularizer);
    }
}

/* Floats of `values` and bytes of `mask`. They cannot overflow: the workspace's own buffers are larger. */
struct sizes {
    size_t values, mask;
};

static struct sizes sizes_of(const mlp_workspace *workspace, const struct regularizer *r)
{
    size_t values = 0, groups = dropout_groups(workspace->inputs);
    for (size_t l = 0; l + 1 < workspace->layer_count; l++) {
        values += r->hidden[l].inverted.threshold > 0 ? workspace->layers[l].ld : 0;
        groups += dropout_groups(workspace->units[l]);
    }
    return (struct sizes){ values * workspace->batch, 2 * groups * workspace->batch };
}

static bool allocate(const mlp_workspace *workspace, struct regularizer *r)
{
    const struct sizes sizes = sizes_of(workspace, r);
    r->values = sizes.values > 0 ? memory_allocate(sizes.values, sizeof *r->values) : NULL;
    r->mask = memory_allocate(sizes.mask, 1);
    return (r->values != NULL || sizes.values == 0) && r->mask != NULL;
}

size_t regularizer_bytes(const mlp_workspace *workspace)
{
    if (workspace->regularizer == NULL) {
        return 0;
    }
    const struct sizes sizes = sizes_of(workspace, workspace->regularizer);
    return sizeof *workspace->regularizer + (workspace->layer_count - 1) * sizeof(struct layer_draw) +
           sizes.values * sizeof(float) + sizes.mask;
}

static void lay_out(mlp_workspace *workspace, const struct regularizer *r)
{
    float *values = r->values;
    unsigned char *mask = r->mask + 2 * dropout_groups(workspace->inputs) * workspace->batch;
    for (size_t l = 0; l + 1 < workspace->layer_count; l++) {
        struct workspace_layer *layer = &workspace->layers[l];
        layer->dropped = values;
        layer->mask = mask;
        values += r->hidden[l].inverted.threshold > 0 ? layer->ld * workspace->batch : 0;
        mask += 2 * dropout_groups(workspace->units[l]) * workspace->batch;
    }
}

static bool has_noise(const mlp_regularization *o)
{
    bool noisy = o->input_dropout > 0.0 || o->input_noise > 0.0;
    noisy = noisy || (o->layer_dropout == NULL && o->hidden_dropout > 0.0);
    for (size_t l = 0; l < o->layer_dropout_count && !noisy; l++) {
        noisy = o->layer_dropout[l] > 0.0;
    }
    return noisy;
}

/* NULL when memory is short. */
static struct regularizer *make(const mlp_workspace *workspace, const mlp_regularization *o)
{
    const size_t hidden = workspace->layer_count - 1;
    struct regularizer *made = memory_allocate(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->options = *o;
    made->options.layer_dropout = NULL; /* the caller's */
    made->input = dropout_draw(MLP_DROPOUT_INVERTED, o->input_dropout);
    made->hidden = memory_allocate(hidden, sizeof *made->hidden);
    if (made->hidden == NULL) {
        regularizer_free(made);
        return NULL;
    }
    for (size_t l = 0; l < hidden; l++) {
        const double p = o->layer_dropout != NULL ? o->layer_dropout[l] : o->hidden_dropout;
        made->hidden[l] =
            (struct layer_draw){ dropout_draw(MLP_DROPOUT_INVERTED, p), dropout_draw(MLP_DROPOUT_ALPHA, p) };
        made->drops_hidden = made->drops_hidden || made->hidden[l].inverted.threshold > 0;
    }
    if (!allocate(workspace, made)) {
        regularizer_free(made);
        return NULL;
    }
    return made;
}

mlp_status mlp_workspace_set_regularization(mlp_workspace *workspace,
                                            const mlp_regularization *regularization)
{
    mlp_regularization accepted, *o = &accepted;
    REQUIRE_ARGUMENT(workspace);
    TRY(regularization_accept(regularization, o));
    FAIL_IF(workspace->purpose != MLP_WORKSPACE_TRAINING, MLP_ERROR_ARGUMENT,
            "mlp_workspace_set_regularization: the workspace was made for "
            "inference, expected one for training");
    FAIL_IF(o->mixup > 0.0, MLP_ERROR_ARGUMENT,
            "regularization: mixup is %g, expected 0: it is for mlp_fit() alone", o->mixup);
    const size_t hidden = workspace->layer_count - 1;
    FAIL_IF(o->layer_dropout != NULL && o->layer_dropout_count != hidden, MLP_ERROR_SHAPE,
            "regularization: layer_dropout has %zu numbers, expected one for each of the %zu hidden layers",
            o->layer_dropout_count, hidden);
    struct regularizer *made = NULL;
    if (has_noise(o)) {
        made = make(workspace, o);
        REQUIRE_MEMORY(made);
        lay_out(workspace, made);
    }
    regularizer_free(workspace->regularizer);
    workspace->regularizer = made;
    workspace->state = WORKSPACE_EMPTY;
    return MLP_OK;
}

void mlp_workspace_set_regularization_step(mlp_workspace *workspace, uint64_t step)
{
    if (workspace != NULL && workspace->regularizer != NULL) {
        workspace->regularizer->step = step;
    }
}

/* ---- in the passes ------------------------------------------------------------------------------------- */

void regularize_begin(struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    struct regularizer *r = workspace->regularizer;
    if (r != NULL) {
        r->on = pass->noise;
        r->current = r->on ? r->step++ : r->current;
    }
    for (size_t l = 0; l < workspace->layer_count; l++) {
        struct workspace_layer *layer = &workspace->layers[l];
        const bool drops =
            regularizes_hidden(r) && l + 1 < workspace->layer_count && r->hidden[l].inverted.threshold > 0;
        float *const dropped = layer->shared_dropped != NULL ? layer->shared_dropped : layer->dropped;
        layer->out = drops ? dropped : layer->a;
    }
}

static struct dropout_tile input_tile(const struct pass *pass, const float *in, float *out)
{
    const struct mlp_workspace *workspace = pass->workspace;
    const struct regularizer *r = workspace->regularizer;
    return (struct dropout_tile){
        .stream = random_stream(r->options.seed, RANDOM_DROPOUT, 0, (size_t)r->current),
        .draw = r->input,
        .units = workspace->inputs,
        .rows = workspace->inputs,
        .first = pass->first,
        .mask = r->mask,
        .in = in,
        .in_ld = workspace->inputs,
        .out = out,
        .out_ld = workspace->inputs,
    };
}

/* Values first … first + count − 1 of the step's batch: out = in + noise. out may be in. */
static void add_noise(const struct regularizer *r, size_t first, size_t count, const float *in, float *out)
{
    const struct random_stream stream = random_stream(r->options.seed, RANDOM_NOISE, 0, (size_t)r->current);
    const float deviation = (float)r->options.input_noise;
    float noise[NOISE_PIECE];
    for (size_t done = 0; done < count; done += NOISE_PIECE) {
        const size_t piece = count - done < NOISE_PIECE ? count - done : (size_t)NOISE_PIECE;
        random_normal(&stream, first + done, piece, noise);
        for (size_t i = 0; i < piece; i++) {
            out[done + i] = in[done + i] + deviation * noise[i];
        }
    }
}

void regularize_inputs(struct pass *pass, const struct range *share)
{
    const struct regularizer *r = pass->workspace->regularizer;
    const size_t inputs = pass->workspace->inputs, count = share->end - share->first,
                 first = share->first * inputs;
    float *out = pass->workspace->input + first;
    const float *in = pass->network->mean != NULL ? out : pass->x + first;
    if (r->options.input_noise > 0.0) {
        add_noise(r, pass->first * inputs + first, count * inputs, in, out);
        in = out;
    }
    if (r->input.threshold > 0) {
        struct dropout_tile tile = input_tile(pass, in, out);
        tile.column = share->first;
        tile.columns = count;
        dropout()->forward(&tile);
    }
}

/* A tile of hidden units, from `in` to `out` (the layer's first values). */
static struct dropout_tile hidden_tile(const struct pass *pass, size_t l, const struct tile *tile,
                                       const float *in, float *out)
{
    const struct regularizer *r = pass->workspace->regularizer;
    const struct workspace_layer *layer = &pass->workspace->layers[l];
    const mlp_activation activation = pass->network->layers[l].description.activation;
    const bool alpha = r->options.dropout == MLP_DROPOUT_ALPHA ||
                       (r->options.dropout == MLP_DROPOUT_AUTOMATIC && activation == MLP_ACTIVATION_SELU);
    const size_t units = pass->network->layers[l].units, offset = tile->row + tile->column * layer->ld;
    return (struct dropout_tile){
        .stream = random_stream(r->options.seed, RANDOM_DROPOUT, l + 1, (size_t)r->current),
        .draw = alpha ? r->hidden[l].alpha : r->hidden[l].inverted,
        .units = units,
        .row = tile->row,
        .rows = tile->row + tile->rows < units ? tile->rows : units - tile->row,
        .column = tile->column,
        .columns = tile->columns,
        .first = pass->first,
        .mask = layer->mask,
        .in = in + offset,
        .in_ld = layer->ld,
        .out = out + offset,
        .out_ld = layer->ld,
    };
}

void regularize_forward(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct workspace_layer *layer = &pass->workspace->layers[l];
    if (layer->out != layer->a) {
        const struct dropout_tile values = hidden_tile(pass, l, tile, layer->a, layer->out);
        dropout()->forward(&values);
    }
}

void regularize_backward(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct workspace_layer *layer = &pass->workspace->layers[l];
    if (layer->out != layer->a) {
        const struct dropout_tile values = hidden_tile(pass, l, tile, layer->d, layer->d);
        dropout()->backward(&values);
    }
}

void regularize_input_gradient(struct pass *pass, const struct tile *tile)
{
    const struct regularizer *r = pass->workspace->regularizer;
    const size_t inputs = pass->workspace->inputs;
    if (regularizes_inputs(r) && r->input.threshold > 0) {
        float *dx = pass->input_gradient + tile->row + tile->column * inputs;
        struct dropout_tile values = input_tile(pass, dx, dx);
        values.row = tile->row;
        values.rows = tile->rows;
        values.column = tile->column;
        values.columns = tile->columns;
        dropout()->backward(&values);
    }
}
