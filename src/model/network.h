/* The network: layers and one arena of parameters.
 *
 * Arena: for each layer W (units × inputs, column-major, leading dimension `stride`), then b (`stride`
 * floats). Products compute the first `rows` of them; padding is zero and stays zero. The gradient arena of a
 * workspace and the optimizer's moments have the same layout. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/network.h>

#include "strategy/activation.h"
#include "strategy/init.h"
#include "strategy/loss.h"

enum { STRIDE_MULTIPLE = 16, STRIDE_ALIAS = 512 };

/* Leading dimension of matrices with so many rows: whole cache lines, and no multiple of 2 KiB, at which the
 * columns of a tile would compete for a few sets of the caches. No overflow for rows up to SIZE_MAX − 32. */
static inline size_t stride_of(size_t rows)
{
    const size_t stride = (rows + STRIDE_MULTIPLE - 1) / STRIDE_MULTIPLE * STRIDE_MULTIPLE;
    return stride % STRIDE_ALIAS == 0 ? stride + STRIDE_MULTIPLE : stride;
}

/* The layer whose A is the input of layer l, or NETWORK_INPUT. Layers are a chain, and this is the one place
 * that says so: whatever goes from a layer to the one below it asks here. */
#define NETWORK_INPUT SIZE_MAX
static inline size_t layer_source(size_t l)
{
    return l > 0 ? l - 1 : NETWORK_INPUT;
}

struct layer {
    size_t units;   /* fan-out */
    size_t inputs;  /* fan-in */
    size_t rows;    /* units rounded up to whole vectors of 16 */
    size_t stride;  /* stride_of(units): leading dimension of W and of this layer's Z, A, dZ */
    size_t weights; /* offset of W in the arena; a multiple of 16 */
    size_t bias;    /* offset of b in the arena; a multiple of 16 */
    bool is_output;
    const struct activation_row *activation;
    mlp_layer description; /* every default resolved but for callbacks */
    char *activation_name; /* of a custom one in files; owned, or NULL */
};

struct mlp_network {
    size_t inputs;
    size_t layer_count;
    struct layer *layers;
    const float *parameters; /* written through network_write() alone */
    double bound;            /* no |parameter| is above it, as far as is known: INFINITY where it is not */
    size_t arena_size;       /* floats, padding included; a multiple of 16 */
    size_t parameter_count;  /* without padding */
    struct loss_settings loss;
    float *class_weights; /* owned; loss.class_weights points here */
    char *loss_name;      /* owned; loss.custom_name points here */
    uint64_t seed;
    float *mean; /* standardization, one per input, or NULL */
    float *scale;
    float *inverse;      /* 1 / scale */
    float *output_shift; /* of the outputs' scaling, one per output, or NULL */
    float *output_scale;
    struct mlp_schema *schema; /* a reference, or NULL */
    char *note;                /* owned, or NULL */
    char **class_names;
    size_t class_name_count;
};

/* mlp_network_create() without the draw: every parameter is 0 and waits for a file's. */
mlp_status network_create_blank(size_t inputs, const mlp_layer *layers, size_t count,
                                const mlp_network_options *options, mlp_network **network);

/* Automatic initializers become what suits the layer's activation, and gain rules numbers. UNSUPPORTED where
 * a rule has none; automatic ones have all. */
mlp_status network_resolve_init(struct layer *layer);

/* Draws the parameters of layers first … end − 1; where that fails they are finite, but not as they were. */
mlp_status network_draw(mlp_network *network, size_t first, size_t end, uint64_t seed);

/* Whether a text may name a class or a callback: not empty, valid UTF-8 without control characters, of a
 * limited length. */
mlp_status network_check_name(const char *name);

/* The draw of layer l's weights. */
struct init_task network_init_task(const struct layer *layer, size_t l);

/* The parameters, to be written. What was known of them is so no more; the optimizer (optim/finite.h) finds
 * their magnitude out again. */
static inline float *network_write(struct mlp_network *network)
{
    network->bound = INFINITY;
    return (float *)network->parameters;
}

static inline const struct layer *output_layer(const struct mlp_network *network)
{
    return &network->layers[network->layer_count - 1];
}

/* The class that a sample's outputs speak for: the largest, the first of equals; for a single output unit 1
 * when it exceeds network_threshold(). */
float network_threshold(const struct mlp_network *network);
size_t network_class_of(const struct mlp_network *network, const float *outputs);

/* Whether the padding of an arena of this layout is 0, as that of parameters and gradients stays. */
bool network_padding_is_zero(const struct mlp_network *network, const float *arena);

#endif
