/* Gradients against differences: the check without the pass that makes the gradients. */
#ifndef DIAGNOSE_GRADIENT_COMPARE_H
#define DIAGNOSE_GRADIENT_COMPARE_H

#include <mlp/gradient_check.h>
#include <mlp/workspace.h>

/* As mlp_gradient_check(), of the gradients that lie in the workspace after a backward pass of this batch.
 * Arguments have been checked. */
mlp_status gradient_compare(const mlp_network *network, mlp_workspace *workspace, const float *x,
                            const mlp_targets *targets, size_t count,
                            const mlp_gradient_check_options *options, mlp_gradient_error *errors,
                            int *passed);

#endif
