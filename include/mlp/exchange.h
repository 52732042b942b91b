/** @file
 * Training on several processes, the ranks: how they exchange bytes, and who computes what.
 *
 * A batch is cut into parts (mlp_workspace_set_parts()), and each rank owns a contiguous range of them. It
 * computes the gradients of its own, sends every other rank that one's slice of them, adds up the slice that
 * is its own, in the order of the parts' tree, and gathers everybody's slices: 2·(R − 1)/R of the gradient's
 * bytes go in and out of a rank, where the parts of each rank are a power of two and fill a subtree, at most
 * 2·log₂ P times the first half otherwise. Ranks of one machine that find memory in common (POSIX shared
 * memory) make the gradient there together, and send a few bytes. So the bits depend on the number of parts,
 * not on the ranks. Every rank has all of the parameters, and of the optimizer's state unless that is sharded
 * (mlp_optimizer_options::shard_count), and makes the same update.
 *
 * The library knows no network: the callbacks of a struct exchange bytes, by MPI (mlp/mpi.h) or whatever
 * joins the processes. */
#ifndef MLP_EXCHANGE_H
#define MLP_EXCHANGE_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/status.h>
#include <mlp/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the ranks exchange bytes. All ranks make the same calls in the same order, from the thread that called
 * the library; sizes are multiples of 8, which all ranks know beforehand, and may be 0. A callback returns
 * MLP_OK, or the status of mlp_exchange_fail(); after a failure no more calls are made for that step or fit.
 * Start from ::MLP_EXCHANGE_INIT. */
typedef struct mlp_exchange {
    size_t struct_size; /**< Set by the INIT. */
    int rank;           /**< This process, 0 … size − 1. Rank 0 writes checkpoints. */
    int size;           /**< Ranks, 1 … 1024. */
    /** send_bytes[r] bytes go to rank r, one rank's after the other from `send` on; receive_bytes[r] come
     * from rank r, likewise. */
    mlp_status (*all_to_all)(void *context, const void *send, const size_t *send_bytes, void *receive,
                             const size_t *receive_bytes);
    /** Every rank r gives bytes[r] bytes, its own from `send`, and receives all, in the ranks' order. */
    mlp_status (*all_gather)(void *context, const void *send, void *receive, const size_t *bytes);
    /** `count` bytes of rank `root` become everybody's. */
    mlp_status (*broadcast)(void *context, void *bytes, size_t count, int root);
    void *context; /**< Handed to the callbacks. */
} mlp_exchange;

#define MLP_EXCHANGE_INIT                                                                                    \
    {                                                                                                        \
        sizeof(mlp_exchange), 0, 1, NULL, NULL, NULL, NULL                                                   \
    }

/** ::MLP_EXCHANGE_INIT as a function, for other languages: sets the members that struct_size, which the
 * caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_exchange_default(mlp_exchange *exchange);

/** For a callback: sets the text of mlp_last_error() and returns ::MLP_ERROR_EXCHANGE. */
MLP_API mlp_status mlp_exchange_fail(const char *text);

/** As mlp_workspace_set_parts(), with this process as one rank of several: the steps of this workspace are
 * then made together. A call that all ranks make together, as every mlp_train_step() is, with the same
 * network, optimizer, targets and count; of the features a rank needs mlp_exchange_share() alone. Takes the
 * memory of three to four gradients more; of ranks on one machine they are memory in common, and so are the
 * workspace's buffers then.
 * @param exchange copied; NULL, or of one rank: none. Its context must live as long as the workspace uses it
 * Errors: ARGUMENT, RANGE, MEMORY on any rank, EXCHANGE. */
MLP_API mlp_status mlp_workspace_set_exchange(mlp_workspace *workspace, size_t parts,
                                              const mlp_exchange *exchange);

/** The samples of a batch of `count`, in `parts` parts, that are the rank's: `first` receives the first of
 * them, `own` how many there are, maybe none. Errors: ARGUMENT, RANGE. */
MLP_API mlp_status mlp_exchange_share(const mlp_exchange *exchange, size_t count, size_t parts, size_t *first,
                                      size_t *own);

#ifdef __cplusplus
}
#endif

#endif
