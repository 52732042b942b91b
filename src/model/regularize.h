/* Noise in the passes of a training workspace. */
#ifndef MODEL_REGULARIZE_H
#define MODEL_REGULARIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/team.h"
#include "linalg/tiling.h"
#include "strategy/dropout.h"

struct mlp_workspace;
struct pass;

/* Of a hidden layer, by the kind of its dropout. */
struct layer_draw {
    struct dropout_draw inverted, alpha;
};

struct regularizer {
    mlp_regularization options;
    uint64_t step;    /* of the next forward pass */
    uint64_t current; /* of the last one */
    bool on;          /* the last forward pass had noise */
    struct dropout_draw input;
    struct layer_draw *hidden; /* owned: of each hidden layer */
    bool drops_hidden;         /* some layer's threshold is above 0 */
    float *values;             /* owned: what each hidden layer's A becomes */
    unsigned char *mask;       /* owned: of the inputs, then of each hidden layer */
};

/* Whether the last forward pass had noise on the inputs; on the hidden units. NULL has none. */
static inline bool regularizes_inputs(const struct regularizer *r)
{
    return r != NULL && r->on && (r->input.threshold > 0 || r->options.input_noise > 0.0);
}
static inline bool regularizes_hidden(const struct regularizer *r)
{
    return r != NULL && r->on && r->drops_hidden;
}

/* Whether this forward pass has noise: then goes a step on. Sets where each layer's output for the layer
 * above lies. Before the team starts. */
void regularize_begin(struct pass *pass);
/* The inputs of samples `share`, standardized in workspace->input or raw in pass->x: with noise in
 * workspace->input. */
void regularize_inputs(struct pass *pass, const struct range *share);
/* One tile of A of a hidden layer, where the passes have noise there, and of dA. */
void regularize_forward(struct pass *pass, size_t layer, const struct tile *tile);
void regularize_backward(struct pass *pass, size_t layer, const struct tile *tile);
/* One tile of dL/dx. */
void regularize_input_gradient(struct pass *pass, const struct tile *tile);

/* Takes over a caller's options, NULL for none, and checks them; the text names the field. */
mlp_status regularization_accept(const mlp_regularization *given, mlp_regularization *options);

void regularizer_free(struct regularizer *regularizer);

/* Bytes that the regularizer of a workspace takes, 0 without one. */
size_t regularizer_bytes(const struct mlp_workspace *workspace);

#endif
