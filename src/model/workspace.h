/* The workspace: buffers of a pass and the plan of its products. */
#ifndef MODEL_WORKSPACE_H
#define MODEL_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/workspace.h>

#include "linalg/vector.h"
#include "model/network.h"
#include "model/plan.h"
#include "model/team_choice.h"

/* How far the current batch has come. */
enum workspace_state {
    WORKSPACE_EMPTY = 0,
    WORKSPACE_FORWARD = 1, /* Z and A are there */
    WORKSPACE_BACKWARD = 2 /* dZ, dW and db too */
};

struct workspace_layer {
    float *z; /* units × batch; a, where the current batch's Z is not kept */
    float *a;
    float *out;            /* A as the layer above sees it: a, or with dropout `dropped` */
    float *dropped;        /* with dropout, and what it dropped: model/regularize.h */
    float *shared_dropped; /* takes its place where other ranks read it, or NULL */
    unsigned char *mask;
    float *buffer_z; /* what z is where it is kept; without training a, but for the output in an evaluation */
    float *d;        /* dA, then dZ; training only */
    size_t ld; /* leading dimension of all three: the layer's stride; for inference the widest layer's */
};

struct mlp_workspace {
    mlp_workspace_purpose purpose;
    bool evaluation; /* of inference with the loss: see pass_evaluate() */
    size_t batch;    /* largest */
    bool keep_z;     /* of every layer */
    bool check_inputs;
    int threads;
    struct team_choice choices[2]; /* of forward passes, and of all others */
    int reserved;                  /* threads that OpenBLAS has buffers for on this workspace's behalf */
    size_t bytes;                  /* without the regularizer's */
    size_t inputs;
    size_t layer_count;
    size_t arena_size;
    size_t *units; /* one per layer: with inputs, the shape this workspace fits */
    struct workspace_layer *layers;
    float *buffers; /* what the layers and `input` point into; NULL: memory that ranks have in common */
    size_t buffer_floats;
    float *input;                    /* inputs × batch: features that were standardized, or have noise */
    struct regularizer *regularizer; /* owned; NULL: passes have no noise */
    struct parts *parts;             /* owned; NULL: steps take their batch whole */
    float *partial;                  /* stride × batch: the second slice of a Z that is computed in two */
    float *gradient_buffer;          /* mirror of the parameter arena */
    float *gradients;                /* the same, or what the ranks of a machine have in common */
    struct plan plan;                /* for the current count */
    double *block_losses;            /* of the loss blocks of a pass: loss_block() */
    struct loss_sum loss;            /* of the last loss pass */
    struct magnitude *magnitudes;    /* one per gradient tile, in grid order, tensor by tensor */
    size_t magnitude_count;          /* room for as many */
    bool implied;                    /* dW and db are not in gradients: model/sample_gradient.h */
    double *squares;                 /* 2 per layer: Σ g² of dW and db */
    double *largest;                 /* 2 per layer: max |g| */
    const float *x;                  /* the batch as the first layer sees it */
    size_t count;                    /* of the current batch */
    enum workspace_state state;
};

/* One of inference for pass_evaluate(). Errors as of mlp_workspace_create(). */
mlp_status workspace_create_for_evaluation(const mlp_network *network, size_t batch, int threads,
                                           mlp_workspace **workspace);

/* Floats that the buffers of a training workspace take where other ranks read them. */
size_t workspace_shared_floats(const struct mlp_workspace *workspace);
/* They lie there from now on; their content is lost. Then back in memory of their own: MLP_ERROR_MEMORY. */
void workspace_share_buffers(struct mlp_workspace *workspace, float *shared);
mlp_status workspace_own_buffers(struct mlp_workspace *workspace);

/* A of the layer below `layer`, or the batch, and how many entries a sample has there. */
const float *workspace_layer_input(const struct mlp_workspace *workspace, size_t layer);
size_t workspace_layer_inputs(const struct mlp_workspace *workspace, size_t layer);

/* A gradient that ranks have in common becomes this rank's, and one that is implied is written: to be read,
 * and to be written to. */
void workspace_keep_gradients(struct mlp_workspace *workspace);

/* MLP_ERROR_NONFINITE where the workspace is to refuse inputs that are not finite and one of `count` samples,
 * `stride` floats apart, has such; the text begins with `function`. */
mlp_status workspace_check_inputs(const char *function, const struct mlp_workspace *workspace, const float *x,
                                  size_t stride, size_t count);

/* MLP_ERROR_SHAPE unless the workspace was made for a network of this shape. */
mlp_status workspace_check(const struct mlp_workspace *workspace, const struct mlp_network *network);

#endif
