/** @file
 * Checkpoints: files from which mlp_fit() goes on after a crash, with the bits of a fit that was never
 * interrupted.
 *
 * A checkpoint is a safetensors file, `checkpoint-STEP.safetensors` (12 digits, the steps since the start of
 * the fit): the network as mlp_model_save() writes it (so that mlp_model_load() reads it), the optimizer's
 * state and counters, the schedule's, the place in the shuffled data, the history, the monitor's records, the
 * average, the best parameters so far, and the settings that all of it depends on, a fingerprint of the data
 * included. `best.safetensors` beside it is the network of the best validation loss. Each file appears whole
 * or not at all, and stays there through a power cut. What must be the same to go on stands at
 * mlp_fit_options::checkpoint. */
#ifndef MLP_CHECKPOINT_H
#define MLP_CHECKPOINT_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/network.h>
#include <mlp/optimizer.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a checkpoint that cannot be written leads to. Those written before stay in any case. */
typedef enum mlp_checkpoint_failure {
    MLP_CHECKPOINT_CONTINUE = 0, /**< A warning (mlp_progress::warning), not repeated until one could be
                                    written again; the next one is tried when it is due. */
    MLP_CHECKPOINT_STOP = 1      /**< The fit fails with the error (IO, MEMORY). */
} mlp_checkpoint_failure;

/** Options of checkpoints. Start from ::MLP_CHECKPOINT_OPTIONS_INIT. */
typedef struct mlp_checkpoint_options {
    size_t struct_size; /**< Set by the INIT. */
    const char *folder; /**< Required; made where it is missing, in a folder that is there. Borrowed until
                             the fit ends. One fit at a time uses it: IO for a second one. */
    size_t steps;       /**< Write one every k steps, counted from the start; 0 (default): not by steps. */
    double seconds;     /**< Write one when the last is so many seconds old; finite, ≥ 0; default 0: 60, or
                             never with `steps`. In any case one is written when the fit ends or is stopped,
                             but not when a step failed. */
    size_t keep;        /**< How many to keep, the newest; 0 (default): 3. */
    int resume;         /**< Not 0: go on from the newest one in the folder, or from the start where it
                             holds none. One that is damaged gives way to the one before it, with a warning
                             (mlp_progress::warning); one from another machine or library, whose last bits
                             may differ, gives such a warning, too. 0 (default): a folder that holds
                             checkpoints is refused (ARGUMENT). */
    mlp_checkpoint_failure failure; /**< Default continue. */
} mlp_checkpoint_options;

#define MLP_CHECKPOINT_OPTIONS_INIT                                                                          \
    {                                                                                                        \
        sizeof(mlp_checkpoint_options), NULL, 0, 0.0, 0, 0, MLP_CHECKPOINT_CONTINUE                          \
    }

/** ::MLP_CHECKPOINT_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_checkpoint_options_default(mlp_checkpoint_options *options);

/** Writes a checkpoint of a loop by hand (mlp_train_step(), or the passes and mlp_optimizer_step()): the
 * network, the optimizer's state, counters and learning rate, what its clipping remembers, and the caller's
 * own bytes: the step, the place in the data, whatever else the loop needs. A file like a fit's, with a
 * checksum; mlp_model_load() reads its network. It appears whole or not at all: killed at any point, the
 * older file of this name or the new one is there.
 * @param own      the caller's own bytes, as they are in memory; NULL with `own_size` 0: none
 * Errors: ARGUMENT, IO, MEMORY, NONFINITE, SHAPE (an optimizer of another shape). */
MLP_API mlp_status mlp_checkpoint_save(const char *path, const mlp_network *network,
                                       const mlp_optimizer *optimizer, const void *own, size_t own_size);

/** Puts a network and an optimizer where mlp_checkpoint_save() found them: the next steps have the bits that
 * they would have had, on the same kernels (`mlp info`), for the same batches, noise
 * (mlp_workspace_set_regularization_step()) and learning rates. Both are created as they were for the loop
 * that was saved: layers, loss, standardization and the optimizer's options, factors and clipping must be the
 * same, but for the learning rate, which comes from the file.
 * The file is untrusted, and everything is checked before anything changes.
 * @param own      receives the caller's own bytes
 * @param own_size their number, which must be the file's
 * Errors: ARGUMENT (another setting: the message names it; another `own_size`), FORMAT (no such checkpoint,
 * or damaged), IO, MEMORY, SHAPE, UNSUPPORTED. On failure nothing has changed. */
MLP_API mlp_status mlp_checkpoint_load(const char *path, mlp_network *network, mlp_optimizer *optimizer,
                                       void *own, size_t own_size);

/** Name of a policy ("continue", "stop"), or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_checkpoint_failure_name(mlp_checkpoint_failure policy);
/** Finds a policy by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_checkpoint_failure_from_name(const char *name, mlp_checkpoint_failure *policy);

#ifdef __cplusplus
}
#endif

#endif
