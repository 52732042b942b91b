/** @file
 * The passes: forward, loss, backward, each callable by itself; prediction.
 *
 * A batch is `count` samples of `inputs` floats, one after the other: `float x[count][inputs]`, which is also
 * a column-major inputs × count matrix. It is read in place.
 *
 * The network is const in all passes; the workspace belongs to the calling thread for the call. No pass
 * allocates. Results have the same bits for any number of threads.
 *
 * Within every call of the library that computes, denormal numbers count as 0, on all threads it uses: an
 * operand or a result of a magnitude below 1.2e-38 (FLT_MIN) is 0. Their arithmetic takes many times as long
 * on some processors, and moments and gradients that fade would end there. The calling thread's own setting
 * (MXCSR, FPCR, FPSCR) is what it was when the call returns, and in the callbacks of mlp_fit(); those that
 * compute within a pass (losses, activations) are called with denormals at 0. Processors other than x86 and
 * ARM have no such setting: denormal numbers count there.
 *
 * Where one input of a sample is NaN every output of that sample is NaN, whatever the activations (of this
 * library: a custom one gives what it makes of NaN), and its class is 0; other samples are as ever. An
 * infinite input gives NaN where infinities of both signs meet in a sum, as behind any layer that spreads it,
 * and what the activation has at its end otherwise. A workspace with mlp_workspace_options::check_inputs
 * refuses both (NONFINITE). In training the loss is NaN then, and such a step is never applied. */
#ifndef MLP_PASS_H
#define MLP_PASS_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/export.h>
#include <mlp/loss.h>
#include <mlp/network.h>
#include <mlp/status.h>
#include <mlp/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Computes Z = W·A + b and A = φ(Z) of every layer and keeps them in the workspace.
 * @param x     count × inputs; borrowed until the backward pass that uses it has returned
 * @param count 1 … the workspace's batch
 * Errors: ARGUMENT, SHAPE (a workspace of another shape), RANGE (count). */
MLP_API mlp_status mlp_forward(const mlp_network *network, mlp_workspace *workspace, const float *x,
                               size_t count);

/** The loss of the batch of the last mlp_forward(), without gradients.
 * ::MLP_ERROR_NONFINITE when it is NaN or infinite; `*loss` holds it all the same. */
MLP_API mlp_status mlp_loss_evaluate(const mlp_network *network, mlp_workspace *workspace,
                                     const mlp_targets *targets, double *loss);

/** The loss of the batch of the last mlp_forward(), and its gradients dZ, dW and db of every layer.
 * @param targets one for each sample of the forward pass
 * @param loss    receives the loss; may be NULL
 * Errors: ARGUMENT, RANGE (a class outside the outputs: the message names the sample), STATE (no forward
 * pass), NONFINITE (loss NaN or infinite: `*loss` holds it, gradients are unspecified). */
MLP_API mlp_status mlp_loss_backward(const mlp_network *network, mlp_workspace *workspace,
                                     const mlp_targets *targets, double *loss);

/** The gradients from a caller's own dL/dŷ, for losses and models that live outside.
 * @param dy count × outputs, dL/dA of the output layer, sample after sample without padding */
MLP_API mlp_status mlp_backward(const mlp_network *network, mlp_workspace *workspace, const float *dy);

/** dL/dx of the batch of the last backward pass, for networks inside larger models.
 * @param dx receives count × inputs */
MLP_API mlp_status mlp_input_gradient(const mlp_network *network, mlp_workspace *workspace, float *dx);

/** Outputs A of the last layer for `count` samples; any count ≥ 1, in pieces of the workspace's batch.
 * Works with workspaces of either purpose.
 * @param x       count × inputs
 * @param outputs receives count × outputs */
MLP_API mlp_status mlp_predict(const mlp_network *network, mlp_workspace *workspace, const float *x,
                               size_t count, float *outputs);

/** As mlp_predict(), of samples that lie `stride` floats apart, as in rows of a wider table: sample i is
 * x[i·stride … i·stride + inputs − 1], and nothing else is read. The bits are those of mlp_predict().
 * @param stride ≥ inputs
 * Errors: as of mlp_predict(); RANGE for a smaller stride. */
MLP_API mlp_status mlp_predict_strided(const mlp_network *network, mlp_workspace *workspace, const float *x,
                                       size_t stride, size_t count, float *outputs);

/** Most probable class of each sample: the largest output, the first of equals; for one output unit with
 * sigmoid, 1 when the output exceeds 0.5.
 * @param classes receives count class indices */
MLP_API mlp_status mlp_predict_classes(const mlp_network *network, mlp_workspace *workspace, const float *x,
                                       size_t count, int32_t *classes);

#ifdef __cplusplus
}
#endif

#endif
