/** @file
 * Training: one step, the whole loop, and evaluation. */
#ifndef MLP_TRAIN_H
#define MLP_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/average.h>
#include <mlp/checkpoint.h>
#include <mlp/data.h>
#include <mlp/exchange.h>
#include <mlp/export.h>
#include <mlp/loss.h>
#include <mlp/monitor.h>
#include <mlp/network.h>
#include <mlp/optimizer.h>
#include <mlp/regularize.h>
#include <mlp/schedule.h>
#include <mlp/status.h>
#include <mlp/stopping.h>
#include <mlp/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One training step: forward, loss, backward, clip, update; the same bits as mlp_forward(),
 * mlp_loss_backward() and mlp_optimizer_step() in turn, in less time. With L-BFGS: a line search, which makes
 * several passes over the batch. Network, optimizer and workspace belong to one thread for the call.
 * Allocates nothing.
 * @param workspace made for training, with room for `count` samples, or for the parts that
 *                  mlp_workspace_set_parts() cuts them into
 * @param x         count × inputs
 * @param targets   one for each sample
 * @param report    may be NULL; holds the loss also when NONFINITE comes back
 * Errors: ARGUMENT, SHAPE, RANGE, NONFINITE (parameters and optimizer state are as before, bit for bit);
 * UNSUPPORTED: a custom loss with a batch in parts. */
MLP_API mlp_status mlp_train_step(mlp_network *network, mlp_optimizer *optimizer, mlp_workspace *workspace,
                                  const float *x, const mlp_targets *targets, size_t count,
                                  mlp_step_report *report);

/** Figures of a data set under a network. */
typedef struct mlp_metrics {
    double loss;     /**< By the network's loss and reduction, over the whole data set, whatever the batch. */
    double accuracy; /**< Share of samples whose most probable class is right, 0 … 1; NaN without classes. */
    double top_k_accuracy; /**< Share whose class is among the k most probable; NaN without classes. */
    size_t count;          /**< Samples. */
} mlp_metrics;

/** Evaluates a network on a data set.
 * @param batch     samples at a time; 0: 256
 * @param threads   as mlp_workspace_options::threads
 * @param top_k     k ≥ 1 of `top_k_accuracy`; 0: 5; more than the classes counts as all
 * @param metrics   receives the figures
 * @param confusion classes × classes counts, entry [actual·classes + predicted], or NULL; needs class
 *                  targets; classes = outputs, or 2 for one sigmoid unit
 * Errors: ARGUMENT, SHAPE (other inputs, or classes beyond the outputs), MEMORY; NONFINITE when the loss is
 * not finite, as where all weights are 0 (the metrics hold it); IO, FORMAT from opened data. */
MLP_API mlp_status mlp_evaluate(const mlp_network *network, const mlp_data *data, size_t batch, int threads,
                                size_t top_k, mlp_metrics *metrics, uint64_t *confusion);

/** How well one output predicts a number, in the units of the targets. */
typedef struct mlp_number_metrics {
    double rmse; /**< √(Σ w·(y − t)² / Σ w), w the samples' weights. */
    double mae;  /**< Σ w·|y − t| / Σ w. */
    double r2;   /**< 1 − Σ w·(y − t)² / Σ w·(t − t̄)²; NaN where all targets are alike. */
    double baseline_rmse; /**< RMSE of predicting t̄, the mean of the targets: their standard deviation. */
    double mean;          /**< t̄. */
    double bias;          /**< Σ w·(y − t) / Σ w. */
    double reserved[2];   /**< 0. */
} mlp_number_metrics;

/** Evaluates the predictions of a data set whose targets are values.
 * @param batch   samples at a time; 0: 256
 * @param threads as mlp_workspace_options::threads
 * @param metrics receives one for each output
 * Errors: ARGUMENT (also targets that are no values), SHAPE, MEMORY; NONFINITE where a prediction is not
 * finite, or all weights are 0; IO, FORMAT from opened data. */
MLP_API mlp_status mlp_evaluate_numbers(const mlp_network *network, const mlp_data *data, size_t batch,
                                        int threads, mlp_number_metrics *metrics);

/** As mlp_evaluate(), by several ranks together: each takes a contiguous range of the batches, their sums are
 * added up in the order of the batches, and all receive the figures, bit for bit those of one rank. Every
 * rank makes the same call with the same network and data.
 * @param exchange NULL, or of one rank: as mlp_evaluate()
 * Errors: as mlp_evaluate(), EXCHANGE. The failure of a rank is that of all, and the text names the rank. */
MLP_API mlp_status mlp_exchange_evaluate(const mlp_exchange *exchange, const mlp_network *network,
                                         const mlp_data *data, size_t batch, int threads, size_t top_k,
                                         mlp_metrics *metrics, uint64_t *confusion);

/** As mlp_evaluate_numbers(), by several ranks together, likewise. */
MLP_API mlp_status mlp_exchange_evaluate_numbers(const mlp_exchange *exchange, const mlp_network *network,
                                                 const mlp_data *data, size_t batch, int threads,
                                                 mlp_number_metrics *metrics);

/** The state of a fit, for the progress callback. */
typedef struct mlp_progress {
    size_t epoch;    /**< Current epoch from 1. */
    size_t epochs;   /**< Epochs asked for. */
    size_t step;     /**< Steps done in this epoch. */
    size_t steps;    /**< Steps of an epoch. */
    size_t samples;  /**< Samples seen since the start, those before a checkpoint included. */
    double loss;     /**< Training loss of this epoch so far, as mlp_epoch::loss. */
    double accuracy; /**< Training accuracy of this epoch so far, measured before each update; NaN without
                          classes. */
    double seconds;  /**< Since the start; of a fit that was resumed, those up to the checkpoint and those
                          since. */
    double learning_rate; /**< Of the last step, the schedule's factor included. */
    mlp_step_report
        last;        /**< The last step; `skipped` is 1 and `loss` 0 where all weights of its batch are 0. */
    int epoch_ended; /**< 1 in the call that follows an epoch's last step and its validation. */
    mlp_metrics validation; /**< Valid when epoch_ended and there is a validation set; loss NaN otherwise. */
    const mlp_monitor_record *monitor; /**< The monitor's record of this step; NULL: it recorded none. */
    const char *warning; /**< What the monitor found in this step for the first time ("saturated: layer 2, 71
                            % of its values"), or warnings about checkpoints, a line each; NULL:
                            nothing new. Valid during the call. */
    size_t resumed; /**< Steps done at the checkpoint that this fit resumed from; 0: none, it began afresh. */
    double window_loss;          /**< As `loss`, over the steps of this epoch after the last multiple of
                           mlp_fit_options::window before this one; the same after a checkpoint. */
    double window_accuracy;      /**< As `accuracy`, likewise. */
    double window_gradient_norm; /**< As mlp_epoch::gradient_norm, likewise. */
    double window_clip_scale;    /**< As mlp_epoch::clip_scale, likewise. */
    double window_clipped;       /**< As mlp_epoch::clipped, likewise. */
    double window_skipped;       /**< As mlp_epoch::skipped, likewise. */
} mlp_progress;

/** Called after every step, once more at the end of every epoch, and after the last one when the last
 * checkpoint could not be written, on the thread that called mlp_fit(), with `progress` valid during the
 * call. Anything but 0 stops the fit after this step: where `checkpoint` is set one is written, and
 * mlp_fit() returns MLP_OK with mlp_report_stopped() of 1.
 * It must return: no exception and no longjmp() may leave it. */
typedef int (*mlp_progress_callback)(const mlp_progress *progress, void *context);

/** Options of mlp_fit(). Start from ::MLP_FIT_OPTIONS_INIT. What they point to is borrowed until mlp_fit()
 * returns. */
typedef struct mlp_fit_options {
    size_t struct_size; /**< Set by the INIT. */
    size_t epochs;      /**< 1 … 10⁶; 0: 10. */
    size_t batch;       /**< Samples of a step, ≥ 1; 0: 64; at most the data set. A short last batch is
                             kept. */
    uint64_t seed;      /**< Of the shuffles; default 0. */
    int keep_order;     /**< Not 0: no shuffling. Default 0. */
    int threads;        /**< As mlp_workspace_options::threads. */
    const mlp_data *validation; /**< Evaluated after each epoch, or NULL. */
    size_t patience; /**< Epochs in a row without improvement of `stop_figure` after which the fit stops; with
                          `validate_every` those that are validated. 0: never. Needs `validation`, but for
                          the training loss. */
    double minimum_improvement; /**< ≥ 0: how much better the figure must get to count; default 0. */
    int keep_last; /**< Not 0: keep the last parameters. Default 0: with `patience`, the parameters of
                        the best validation loss (or accuracy, where it is the `stop_figure`) are restored;
                        with the training loss there are none. */
    size_t top_k;  /**< As for mlp_evaluate(). */
    mlp_progress_callback progress; /**< May be NULL. */
    void *progress_context;         /**< Handed to `progress`. */
    size_t monitor_interval; /**< Record the first step and every k-th after it; 0: no monitor. 100 costs well
                                  under 2 % of the time. */
    const mlp_schedule_options *schedule; /**< Of the learning rate over this fit, on top of the optimizer's
                                         own; NULL: constant. T is the epochs asked for. Afterwards the
                                         optimizer has its own rate again. */
    const mlp_checkpoint_options
        *checkpoint; /**< Write checkpoints, and resume from one; NULL: none. To resume,
                everything must be as it was, network, optimizer and data included, but for
                `threads`, `patience`, `keep_last`, `top_k`, the callback, the checkpoint's own
                options and, without SWA and with a schedule that does not stretch over T,
                `epochs`. Data are compared by a fingerprint, callers' functions not at all. */
    const mlp_regularization *regularization; /**< Noise in the steps of this fit; NULL: none. Training losses
                                         and accuracies are then those under the noise. */
    const mlp_average_options
        *average;          /**< Average the parameters; NULL: do not. Once there is a mean, validation and
                            the best parameters are the mean's, and the fit ends with it in the network. */
    size_t shuffle_window; /**< Samples that are shuffled together, at least; default 0: all, or of data that
                              was opened rather than loaded as many as are 128 MiB of features. A window of w
                                samples is drawn anew each epoch, as up to 64 runs of neighbours from all over
                                the data. */
    size_t window; /**< Steps over which mlp_progress::window is taken; default 0: the epoch so far. */
    size_t parts; /**< Parts that each batch is cut into, 1 … 4096, as by mlp_workspace_set_parts(): the bits
                        depend on it. Default 0: 1. The fit's memory is that of the passes of one part, or of
                        more that are up to 1024 samples together (where the batch is no larger, it takes no
                        sums of gradients), so that the batch may be larger than memory has room for; who
                        wants room for one part alone makes steps with a workspace of that many samples.
                        Validation takes as many samples at a time as a part has, and a monitor's figures of
                        activations and dZ are the first part's. */
    const mlp_exchange
        *exchange;         /**< This process as one rank of several that train together (mlp/exchange.h);
                                       NULL: alone. Every rank makes the same call; all but rank 0 may leave
                                       out `checkpoint`, which rank 0 alone writes and reads, and `progress`:
                                       what one rank's callback stops, all stop. Ranks whose options, data,
                                       network or optimizer differ are refused (ARGUMENT), with the rank and
                                       the first difference. A monitor's figures of passes are rank 0's. */
    int allow_other_bits;  /**< Not 0: also ranks with another BLAS, core or vector level, whose results may
                               differ in the last bits, and thereby the networks of the ranks. Default 0. */
    size_t validate_every; /**< k: `validation` is evaluated after every k-th epoch and the last one; default
                                0: every epoch. The schedule plateau counts those epochs alone. */
    mlp_stop_figure stop_figure; /**< What `patience` watches; default the validation loss. */
    int patience_from_least;     /**< Not 0: the figure must get better by `minimum_improvement` than the best
                                    so far, also where that counted as none, being better by less. Default 0:
                                    than the last that counted. */
} mlp_fit_options;

#define MLP_FIT_OPTIONS_INIT                                                                                 \
    {                                                                                                        \
        sizeof(mlp_fit_options), 0, 0, 0, 0, 0, NULL, 0, 0.0, 0, 0, NULL, NULL, 0, NULL, NULL, NULL, NULL,   \
            0, 0, 0, NULL, 0, 0, MLP_STOP_VALIDATION_LOSS, 0                                                 \
    }

/** ::MLP_FIT_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_fit_options_default(mlp_fit_options *options);

/** One epoch of the history. */
typedef struct mlp_epoch {
    double loss; /**< Training loss, each batch measured before its update, added up as by mlp_evaluate(): by
                    the network's reduction over all samples of the epoch, weights and classes' weights
                    included. With a sum it is the sum. Batches whose loss is not finite do not count. */
    double accuracy;        /**< Training accuracy, likewise; NaN without classes. */
    mlp_metrics validation; /**< loss NaN, count 0 without a validation set, and in epochs that are not
                               validated. */
    double
        gradient_norm; /**< Mean norm before clipping, over the steps that were applied; NaN when none was. */
    double clip_scale; /**< Mean of mlp_clip_report::scale over them: 1 where nothing was scaled; NaN
                          likewise. */
    double clipped;    /**< Share of the steps in which clipping acted. */
    double skipped; /**< Share of the steps that were left out: as mlp_step_report::skipped says, or since all
                       weights of their batch were 0. */
    double learning_rate; /**< Of the last step. */
    double seconds;       /**< Time of the epoch, validation included. */
    size_t steps;         /**< Steps done. */
} mlp_epoch;

/** The results of a fit. Opaque. */
typedef struct mlp_report mlp_report;

/** Trains a network. Network and optimizer belong to one thread for the call; data sets may be read by
 * others.
 * @param data    training samples; targets must suit the network's loss. A batch whose weights, or with
 *                ::MLP_REDUCTION_MEAN those of its classes, are all 0 is measured, but its step left out; a
 *                data set of such samples alone is refused (RANGE), for validation, too
 * @param options NULL for the defaults
 * @param report  receives the report, which the caller owns, also when the fit fails part-way (then it holds
 *                the epochs done); NULL when arguments, options or the checkpoint
 *                are refused; may be NULL
 * When a step fails (NONFINITE), parameters and optimizer state are those before that step. When a fit
 * cannot resume from its checkpoint (ARGUMENT: it was made with other settings or data, which the message
 * names; UNSUPPORTED: by a newer library; FORMAT: it and all before it are damaged; IO), nothing has changed.
 * When data that were opened cannot be read on (IO, FORMAT), the network is that after the last step.
 * Errors: ARGUMENT, SHAPE, RANGE, NONFINITE, MEMORY; IO, FORMAT, UNSUPPORTED from checkpoints; IO, FORMAT
 * from opened data; EXCHANGE where ranks cannot exchange (the network is that after the last step). The
 * failure of a rank is that of all, and the text names the rank. */
MLP_API mlp_status mlp_fit(mlp_network *network, mlp_optimizer *optimizer, const mlp_data *data,
                           const mlp_fit_options *options, mlp_report **report);

/** Frees the report and sets the pointer to NULL. NULL and a pointer to NULL are fine. */
MLP_API void mlp_report_destroy(mlp_report **report);
/** Epochs begun; a stop part-way counts its unfinished epoch. */
MLP_API size_t mlp_report_epochs(const mlp_report *report);
/** An epoch of the history, from 0. ::MLP_ERROR_RANGE when there is no such epoch. */
MLP_API mlp_status mlp_report_epoch(const mlp_report *report, size_t epoch, mlp_epoch *figures);
/** Epoch, from 0, of the best validation loss (or accuracy, where it is the stop_figure); the last epoch
 * without a validation set. */
MLP_API size_t mlp_report_best_epoch(const mlp_report *report);
/** Number of the monitor's records: at most 1024. When there would be more, every second one is dropped and
 * the interval doubled, so that they always span the whole fit. */
MLP_API size_t mlp_report_monitor_count(const mlp_report *report);
/** A record of the monitor, from 0.
 * @param record receives the step's figures; may be NULL
 * @param layers receives one entry for each layer of the network; may be NULL
 * Errors: ARGUMENT; RANGE when there is no such record. */
MLP_API mlp_status mlp_report_monitor(const mlp_report *report, size_t index, mlp_monitor_record *record,
                                      mlp_monitor_layer *layers);
/** Path of the newest checkpoint: the last written, or the one that the fit resumed from; NULL: none. Valid
 * until the report is destroyed. */
MLP_API const char *mlp_report_checkpoint(const mlp_report *report);
/** What became of checkpoints, a line for each warning (UTF-8; those beyond 4 KiB are left out), or NULL
 * when there was none: a damaged or unreadable one in whose place the one before it was read, one that
 * another machine wrote, one that could not be written. The same lines as mlp_progress::warning has, for
 * callers without a progress callback. Valid until the report is destroyed; any thread. */
MLP_API const char *mlp_report_warnings(const mlp_report *report);
/** 1 when the network holds the parameters (or the average) of the best epoch rather than the last. */
MLP_API int mlp_report_restored(const mlp_report *report);
/** 1 when the progress callback stopped the fit. */
MLP_API int mlp_report_stopped(const mlp_report *report);
/** 1 when early stopping ended the fit. */
MLP_API int mlp_report_stopped_early(const mlp_report *report);

#ifdef __cplusplus
}
#endif

#endif
