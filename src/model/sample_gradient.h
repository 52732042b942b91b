/* The parameters' gradient of one sample: dW = dZ·Aᵀ, an outer product, and db = dZ. Its norm is ‖dZ‖·‖A‖
 * (Goodfellow 2015, Efficient per-example gradient computations, arXiv:1510.01799), and its largest entry the
 * product of theirs. So a training step need not write it: the update makes each entry where it uses it.
 * That spares 12 of the 36 bytes that a step with momentum moves for each parameter, and a pass for the
 * norm: on one core of a Zen 5 a step of 1024-1024-1024-10 takes 640 µs, 1140 with one that is written. Two
 * samples and more gain nothing by it: their multiply-adds would be made twice.
 *
 * Whoever reads the gradient has it written: workspace_keep_gradients(). */
#ifndef MODEL_SAMPLE_GRADIENT_H
#define MODEL_SAMPLE_GRADIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "model/workspace.h"

/* Whether the workspace's batch is a sample by itself. */
bool sample_gradient_is_all(const struct mlp_workspace *workspace);

/* Leaves dW and db of such a batch unwritten from now on, until its next pass: workspace->implied. */
void sample_gradient_imply(struct mlp_workspace *workspace);

/* A piece of the gradient's arena that is x·yᵀ (rows × columns, without padding). */
struct outer_product {
    const float *x, *y;
    size_t rows, columns;
};

/* The one from `first` on and before `end`, as large as can be: whole columns of a dW, or what is left of
 * one. */
struct outer_product sample_gradient_piece(const struct mlp_workspace *workspace, size_t first, size_t end);

/* Writes what is implied, if it is. */
void sample_gradient_write(struct mlp_workspace *workspace);

/* Whether what is in workspace->gradients is the gradient still: a caller may have changed it. */
bool sample_gradient_is_unchanged(const struct mlp_workspace *workspace);

/* Sets workspace->squares and largest. */
void sample_gradient_measure(struct mlp_workspace *workspace);

/* After a backward pass a sample by itself is kept for who reads its gradient, or asks whether it is
 * unchanged: the caller's may be gone. */
void sample_gradient_keep_input(struct mlp_workspace *workspace);

#endif
