/** @file
 * Learning-rate schedules: the factor on the learning rate at each step of a training.
 *
 * A schedule is a function of the step t = 0, 1, … of T: the factor, mostly in 0 … 1, by which the
 * optimizer's learning rate is multiplied. mlp_fit() follows one (mlp_fit_options::schedule); other loops
 * call mlp_schedule_at(). With Rprop the factor scales the first step alone, with L-BFGS the first length
 * that a search tries.
 */
#ifndef MLP_SCHEDULE_H
#define MLP_SCHEDULE_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The schedules. Values are fixed; files store the names. t counts from the end of the warm-up, and T does
 * not include it; `period`, γ = `factor`, m = `minimum` and so on are the fields of ::mlp_schedule_options.
 * Numbers given here are defaults. */
typedef enum mlp_schedule {
    /** 1 */
    MLP_SCHEDULE_CONSTANT = 0,
    /** γ^⌊t/period⌋; γ 0.1, period T/3 */
    MLP_SCHEDULE_STEP = 1,
    /** γ^(number of milestones at or before t); γ 0.1 */
    MLP_SCHEDULE_MULTI_STEP = 2,
    /** γ^(t/period); γ 0.01, period T */
    MLP_SCHEDULE_EXPONENTIAL = 3,
    /** m + (1 − m)·(1 − t/T)^power; power 1: linear */
    MLP_SCHEDULE_POLYNOMIAL = 4,
    /** m + (1 − m)·(1 + cos(π·t/T))/2 */
    MLP_SCHEDULE_COSINE = 5,
    /** The same over each period, the first of `period` steps, each `growth` times as long as the one before
       (SGDR, Loshchilov & Hutter 2017); period T/7 and growth 2, which are three periods */
    MLP_SCHEDULE_COSINE_RESTARTS = 6,
    /** From m up to 1 and back in each period (cyclic, Smith 2015): the first step's is m; period T/5 */
    MLP_SCHEDULE_TRIANGULAR = 7,
    /** The same, the height 1 − m halved with each period */
    MLP_SCHEDULE_TRIANGULAR2 = 8,
    /** The same, the height times γ^t; γ 0.99994 */
    MLP_SCHEDULE_EXP_RANGE = 9,
    /** By half a cosine from 1/25 up to 1 at step share·T − 1, and down to m at the last, T − 1 (Smith 2018;
       the steps are PyTorch's); share 0.3, m 4·10⁻⁶. Momentum, or Adam's β₁, goes from 0.95 down to 0.85 and
       back meanwhile. Takes no `warmup`: it begins with one. */
    MLP_SCHEDULE_ONE_CYCLE = 10,
    /** √(period/(period + t)); period: the warm-up, or else T/100 (Vaswani 2017) */
    MLP_SCHEDULE_INVERSE_SQRT = 11,
    /** 1, and over the last `share` of T down to m in a straight line; share 0.2 */
    MLP_SCHEDULE_WARMUP_STABLE_DECAY = 12,
    /** times γ whenever the validation loss (without one the training loss) has not fallen by 10⁻⁴ of its
       least for `patience` epochs, down to m; γ 0.1, patience 5. In mlp_fit() alone */
    MLP_SCHEDULE_PLATEAU = 13,
    /** mlp_schedule_options::custom */
    MLP_SCHEDULE_CUSTOM = 14
} mlp_schedule;

/** A caller's own schedule: the factor for step t of `total`, counted as for the others. Must be finite and ≥
 * 0: mlp_fit() fails with RANGE otherwise. Called before every step, by the thread that called mlp_fit() or
 * mlp_schedule_at(); it should depend on its arguments alone: a fit that resumes from a checkpoint begins at
 * the checkpoint's step. It must return: no exception and no longjmp() may leave it. */
typedef double (*mlp_schedule_callback)(size_t t, size_t total, void *context);

/** Options of a schedule. Start from ::MLP_SCHEDULE_OPTIONS_INIT. A number that a schedule does not take must
 * be 0. */
typedef struct mlp_schedule_options {
    size_t struct_size; /**< Set by the INIT. */
    mlp_schedule rule;  /**< Default constant. */
    int per_epoch;      /**< Not 0: t, T and all lengths count epochs, and the rate stays for one. Default 0:
                             steps. */
    size_t warmup;      /**< Length of a linear rise in front: (t + 1)/(warmup + 1); default 0. */
    size_t period;      /**< ≥ 1, see ::mlp_schedule; 0: the default. */
    double factor;      /**< γ, above 0, at most 1; 0: the default. */
    double minimum;     /**< m in 0 … 1; default 0. */
    double power;       /**< > 0, finite; 0: 1. */
    double growth;      /**< ≥ 1, finite; 0: 2. */
    double share;       /**< In 0 … 1, neither; 0: the default. */
    size_t patience;    /**< Epochs, ≥ 1; 0: 5. */
    const size_t *milestones; /**< Ascending, at least one with multi-step; borrowed until the fit ends. */
    size_t milestone_count;   /**< Length of `milestones`. */
    mlp_schedule_callback custom; /**< ::MLP_SCHEDULE_CUSTOM only. */
    void *context;                /**< Handed to `custom`. */
} mlp_schedule_options;

#define MLP_SCHEDULE_OPTIONS_INIT                                                                            \
    {                                                                                                        \
        sizeof(mlp_schedule_options), MLP_SCHEDULE_CONSTANT, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, NULL, 0,   \
            NULL, NULL                                                                                       \
    }

/** ::MLP_SCHEDULE_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_schedule_options_default(mlp_schedule_options *options);

/** The values of a schedule at a step. */
typedef struct mlp_schedule_point {
    double factor;   /**< On the learning rate; ≥ 0. */
    double momentum; /**< µ, or β₁, in its place; NaN: as the optimizer has it. */
} mlp_schedule_point;

/** Computes the factor for step t of `total`, both counted with the warm-up, and in epochs with `per_epoch`;
 * beyond the end that of the last step.
 * @param total ≥ 1
 * @param point receives it
 * Errors: ARGUMENT, RANGE (the message names the field); UNSUPPORTED for plateau, which hangs on what
 * training does. Any thread. */
MLP_API mlp_status mlp_schedule_at(const mlp_schedule_options *options, size_t t, size_t total,
                                   mlp_schedule_point *point);

/** Name of a schedule, e.g. "cosine", or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_schedule_name(mlp_schedule schedule);
/** One line that describes it, or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_schedule_description(mlp_schedule schedule);
/** Finds a schedule by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names.
 */
MLP_API mlp_status mlp_schedule_from_name(const char *name, mlp_schedule *schedule);
/** Number of schedules: the valid values are 0 … count − 1. */
MLP_API size_t mlp_schedule_count(void);

#ifdef __cplusplus
}
#endif

#endif
