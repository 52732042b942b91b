/* The passes as a team runs them: every member calls each function, in the same order; each ends with what it wrote
 * visible to all members. BLAS is on one thread (blas_enter()). */
#ifndef MODEL_PASS_H
#define MODEL_PASS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "model/workspace.h"

/* A batch on its way through the passes. */
struct pass {
    const struct mlp_network *network;
    struct mlp_workspace *workspace;
    const mlp_targets *targets; /* for the loss */
    double loss_scale;          /* from loss_scale() */
    double loss;                /* out: set by pass_loss() */
    mlp_status status;          /* a custom loss's failure */
    bool want_gradient;
};

/* Sets workspace->x, count and plan for a batch; before the team starts. */
void pass_begin(struct pass *pass, const float *x, size_t count);

/* Threads that this batch is worth, at most the workspace's. */
int pass_threads(const struct pass *pass);

void pass_forward(const struct team *team, struct pass *pass);  /* Z, A */
void pass_loss(const struct team *team, struct pass *pass);     /* loss, dŷ */
void pass_backward(const struct team *team, struct pass *pass); /* dZ, dW, db, magnitudes of the gradient tiles */

/* Adds the tiles' magnitudes up, tensor by tensor, in grid order; by one thread, into workspace->squares, largest. */
void pass_sum_magnitudes(struct pass *pass);

/* Measures the gradient tiles afresh (a caller may have changed them), then as above. By one thread. */
void pass_measure(struct pass *pass);

#endif
