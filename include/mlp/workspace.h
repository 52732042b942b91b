/** @file
 * The workspace: every buffer that a pass needs, allocated once, for a network's shape and a largest batch.
 *
 * One thread at a time uses a workspace; several threads share one const network, each with its own
 * workspace. After creation nothing is allocated in any pass.
 *
 * A child of fork() may use everything that the parent had, with teams of its own, also where other threads
 * of the parent were in the library at that moment: the fork waits for the end of their passes, at most a
 * second. The OpenMP threads of the thread that forks end, and start anew with its next team. Within a
 * parallel region they cannot: a child forked there computes on one thread. */
#ifndef MLP_WORKSPACE_H
#define MLP_WORKSPACE_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/network.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A workspace. Opaque. */
typedef struct mlp_workspace mlp_workspace;

/** What a workspace can be used for. */
typedef enum mlp_workspace_purpose {
    MLP_WORKSPACE_TRAINING = 0, /**< Everything. */
    MLP_WORKSPACE_INFERENCE = 1 /**< mlp_predict() and its kin alone; takes a fraction of the memory. */
} mlp_workspace_purpose;

/** Options of mlp_workspace_create(). Start from ::MLP_WORKSPACE_OPTIONS_INIT. */
typedef struct mlp_workspace_options {
    size_t struct_size;            /**< Set by the INIT. */
    mlp_workspace_purpose purpose; /**< Default training. */
    int threads; /**< Threads of a pass, 1 … 1024; 0: the smallest of OpenMP's default at the time of
                    creation, the processors of the affinity mask and the CPU quota of the control groups.
                    Results have the same bits for any value. 1 in a build without OpenMP; fewer where the
                    system does not let as many start, or a CPU quota pays for no more. A pass too small for
                    several takes one; one of which that is not known (some hundred microseconds) tries both
                    in its first 32 calls, later now and then, and keeps to the faster. Between passes the
                    threads wait as OpenMP has them: GNU's spin for milliseconds, in which they take the
                    processor from whoever else is busy, unless GOMP_SPINCOUNT (2000, say) or
                    OMP_WAIT_POLICY=passive is in the environment when the program begins. */
    int keep_pre_activations; /**< 1: Z of every layer stays for mlp_workspace_view(). 0 (default): that of a
                                 hidden layer may be overwritten by its A, where φ′ follows from A, as for
                                 ReLU: a deep network's step then takes a few percent less. */
    size_t check_inputs; /**< Not 0: an input that is NaN or infinite is refused, wherever samples are given
                              with this workspace (NONFINITE, and the message names sample and input), before
                              anything is computed. Default 0: see mlp/pass.h. */
} mlp_workspace_options;

#define MLP_WORKSPACE_OPTIONS_INIT                                                                           \
    {                                                                                                        \
        sizeof(mlp_workspace_options), MLP_WORKSPACE_TRAINING, 0, 0, 0                                       \
    }

/** ::MLP_WORKSPACE_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_workspace_options_default(mlp_workspace_options *options);

/** Creates a workspace.
 * @param network   gives the shape; any network of the same layer sizes may use the workspace, also after
 *                  this one is destroyed
 * @param batch     largest number of samples of a pass, ≥ 1
 * @param options   NULL for the defaults
 * @param workspace receives the workspace, which the caller owns; NULL on failure
 * Errors: ARGUMENT, RANGE, SHAPE, MEMORY. */
MLP_API mlp_status mlp_workspace_create(const mlp_network *network, size_t batch,
                                        const mlp_workspace_options *options, mlp_workspace **workspace);

/** Frees the workspace and sets the pointer to NULL. NULL and a pointer to NULL are fine. */
MLP_API void mlp_workspace_destroy(mlp_workspace **workspace);

/** Largest batch. */
MLP_API size_t mlp_workspace_batch(const mlp_workspace *workspace);
/** Threads of a pass. */
MLP_API int mlp_workspace_threads(const mlp_workspace *workspace);
/** Bytes that the workspace holds, those for its regularization and parts among them. */
MLP_API size_t mlp_workspace_bytes(const mlp_workspace *workspace);

/** Cuts the batch of every mlp_train_step() with this workspace into `parts` contiguous parts, whose sizes
 * differ by at most one, the longer first; a batch of fewer samples into as many parts as it has samples.
 * Each part has a gradient of its own, its noise drawn by each sample's place in the whole batch, and the
 * gradients are added in float by a binary tree that depends on the number of parts only: neighbours in
 * pairs, then pairs of those, and so on. An entry is then off its exact sum by at most n·u/(1 − n·u)·Σ|gᵢ|
 * with n = ⌈log₂ parts⌉, u = 2⁻²⁴ (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 4.2).
 * Loss, norms, clipping and update are those of the whole batch.
 *
 * A step may have up to parts × mlp_workspace_batch() samples: a batch larger than memory is accumulated. As
 * many whole parts as fit into mlp_workspace_batch() samples go through the passes together, which is faster
 * than alone and gives the same bits (on processors below AVX2 they go alone); afterwards the workspace holds
 * the activations of those that went last. Other passes than steps are not cut.
 *
 * Takes ⌊log₂ parts⌋ times the parameters' memory, and for each thread at most 256 KiB times
 * ⌈log₂ n⌉ + 1, n the parts that may go together. A custom loss, which
 * sees the whole batch at once, goes with one part only: mlp_train_step() says UNSUPPORTED otherwise.
 * @param workspace made for training; belongs to one thread for the call
 * @param parts     1 (as a workspace is made) to 4096
 * Errors: ARGUMENT, RANGE, MEMORY (the workspace is as before). */
MLP_API mlp_status mlp_workspace_set_parts(mlp_workspace *workspace, size_t parts);
/** Parts that a step's batch is cut into. */
MLP_API size_t mlp_workspace_parts(const mlp_workspace *workspace);

/** The intermediates of a pass. */
typedef enum mlp_tensor {
    MLP_TENSOR_PRE_ACTIVATION = 0,          /**< Z, units × samples, after a forward pass that kept it. */
    MLP_TENSOR_ACTIVATION = 1,              /**< A, units × samples, after a forward pass. */
    MLP_TENSOR_PRE_ACTIVATION_GRADIENT = 2, /**< dZ, units × samples, after a backward pass. */
    MLP_TENSOR_WEIGHT_GRADIENT = 3,         /**< dW, units × inputs, after a backward pass. */
    MLP_TENSOR_BIAS_GRADIENT = 4            /**< db, units × 1, after a backward pass. */
} mlp_tensor;

/** Borrowed view of an intermediate of a layer; valid until the next pass with this workspace.
 * Between a backward pass and mlp_optimizer_step() the caller may change dW and db through it (not the
 * padding). ::MLP_ERROR_STATE when no pass has produced it (or Z was not kept,
 * mlp_workspace_options::keep_pre_activations), ::MLP_ERROR_RANGE when there is no such layer. */
MLP_API mlp_status mlp_workspace_view(mlp_workspace *workspace, mlp_tensor tensor, size_t layer,
                                      mlp_matrix *view);

#ifdef __cplusplus
}
#endif

#endif
