/** @file
 * Optimizers: update rule, decay, clipping, and what to do with a gradient that is not finite.
 *
 * w is a parameter, g its gradient after clipping, η the learning rate, t the number of the update from 1.
 * An optimizer and its network belong to one thread for the call. */
#ifndef MLP_OPTIMIZER_H
#define MLP_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/clip.h>
#include <mlp/exchange.h>
#include <mlp/export.h>
#include <mlp/network.h>
#include <mlp/status.h>
#include <mlp/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An optimizer with its state. Opaque. */
typedef struct mlp_optimizer mlp_optimizer;

/* clang-format off */
/** The update rules. Values are fixed; files store the names. µ is `momentum`.
 *
 * | rule               | state | correction of moments    | ε                       | decay          | where sources differ, as  |
 * |--------------------|-------|--------------------------|-------------------------|----------------|---------------------------|
 * | sgd                | 0     |                          |                         | L2             |                           |
 * | momentum, nesterov | 1     | none                     |                         | L2             | PyTorch: η outside of v   |
 * | rmsprop            | 1     | none                     | outside the root        | L2             | PyTorch                   |
 * | adam, amsgrad      | 2, 3  | m, v (the largest v)     | outside the root of v̂   | L2             | paper; AMSGrad: PyTorch   |
 * | adamw              | 2     | m, v                     | likewise                | decoupled, η·λ | PyTorch                   |
 * | adagrad            | 1     | none                     | outside the root        | L2             | PyTorch                   |
 * | adadelta           | 2     | none                     | inside both roots       | L2             | paper                     |
 * | adamax             | 2     | m                        | added to the size of g  | L2             | PyTorch; paper: no ε      |
 * | nadam              | 2     | m by the product of µ, v | outside the root of v̂   | L2             | PyTorch                   |
 * | radam              | 2     | m, v while ρ > 5         | outside the root of v   | L2             | PyTorch; paper: ρ > 4     |
 * | lion               | 1     | none                     |                         | decoupled, η·λ | paper                     |
 * | rprop              | 2     |                          |                         | L2             | PyTorch                   |
 * | lamb               | 3     | m, v                     | outside the root of v̂   | in u           | paper; b: authors' code   |
 * | muon               | 3     | none; else as adamw      | 10⁻⁷, beside ‖u‖        | decoupled, η·λ | PyTorch, match_rms_adamw  |
 * | lbfgs              | 23    |                          |                         | L2, in loss    | Nocedal & Wright          |
 *
 * State: arrays of the size of the parameters. Decay: the default of ::mlp_decay. Rules whose state has squares in it take
 * entries of a clipped gradient beyond ±10¹⁸ for ±10¹⁸, so that it stays finite. */
/* clang-format on */
typedef enum mlp_optimizer_rule {
    /** w ← w − η·g; η default 0.01 */
    MLP_OPTIMIZER_SGD = 0,
    /** v ← µ·v + g; w ← w − η·v; η default 0.01, µ 0.9 (Polyak 1964) */
    MLP_OPTIMIZER_MOMENTUM = 1,
    /** v ← µ·v + g; w ← w − η·(g + µ·v) (Nesterov 1983, Sutskever 2013) */
    MLP_OPTIMIZER_NESTEROV = 2,
    /** s ← β₂·s + (1−β₂)·g²; w ← w − η·g/(√s + ε); η default 0.01, β₂ 0.99 */
    MLP_OPTIMIZER_RMSPROP = 3,
    /** Kingma & Ba 2015, algorithm 1; η default 0.001 */
    MLP_OPTIMIZER_ADAM = 4,
    /** Adam with decoupled decay (Loshchilov & Hutter 2019), decay default 0.01 */
    MLP_OPTIMIZER_ADAMW = 5,
    /** s ← s + g²; w ← w − η·g/(√s + ε); η default 0.01, ε 1e-10 (Duchi 2011) */
    MLP_OPTIMIZER_ADAGRAD = 6,
    /** s ← β₂·s + (1−β₂)·g²; δ = √(d + ε)/√(s + ε)·g; d ← β₂·d + (1−β₂)·δ²; w ← w − η·δ; η default 1, β₂ 0.9,
       ε 1e-6 (Zeiler 2012) */
    MLP_OPTIMIZER_ADADELTA = 7,
    /** v ← max(β₂·v, |g| + ε); w ← w − η·m̂/v; η default 0.002 (Kingma & Ba 2015, algorithm 2) */
    MLP_OPTIMIZER_ADAMAX = 8,
    /** Adam with the largest v so far; η default 0.001 (Reddi 2018) */
    MLP_OPTIMIZER_AMSGRAD = 9,
    /** Adam with Nesterov's look ahead, µₜ = β₁·(1 − 0.96^(t/250)/2); η default 0.002 (Dozat 2016) */
    MLP_OPTIMIZER_NADAM = 10,
    /** Adam that trusts v by how many steps it has seen; η default 0.001 (Liu 2020) */
    MLP_OPTIMIZER_RADAM = 11,
    /** w ← w − η·sign(β₁·m + (1−β₁)·g); m ← β₂·m + (1−β₂)·g; η default 1e-4, β₂ 0.99, decay decoupled (Chen
       2023) */
    MLP_OPTIMIZER_LION = 12,
    /** A step for each parameter, times 1.2 or 0.5 by the signs of its gradients; η, default 0.01, is the
       first. For full batches (Riedmiller & Braun 1993; iRprop−) */
    MLP_OPTIMIZER_RPROP = 13,
    /** u = m̂/(√v̂ + ε) + λ·w; w ← w − η·‖w‖/‖u‖·u for each W, w ← w − η·u for each b (as for W with
       `decay_biases`); η default 0.002, ε 1e-6, λ 0.01 (You 2020) */
    MLP_OPTIMIZER_LAMB = 14,
    /** The momentum of W, orthogonalized, is its step, of root mean square 0.2·η; biases and the output layer
       go by AdamW; η default 0.001, µ 0.95, λ 0.01, decoupled (Jordan 2024, Liu 2025) */
    MLP_OPTIMIZER_MUON = 15,
    /** Quasi-Newton with the last 10 pairs of steps and changes of the gradient, and a line search by the
       strong Wolfe conditions, which takes several passes: in mlp_train_step() and mlp_fit() alone. For full
       batches. η, default 1, is the first length tried. Takes L2 decay, but no clipping, L1 or max-norm. What
       mlp_fit() reports as accuracy is that after the steps (Liu & Nocedal 1989) */
    MLP_OPTIMIZER_LBFGS = 16
} mlp_optimizer_rule;

/** How the decay λ enters. */
typedef enum mlp_decay {
    MLP_DECAY_AUTOMATIC = 0, /**< Decoupled for AdamW, Lion, LAMB and Muon, L2 for the others. */
    MLP_DECAY_L2 = 1,        /**< g ← g + λ·w, after clipping: the gradient of λ/2·‖w‖². */
    MLP_DECAY_DECOUPLED = 2  /**< w ← w·(1 − η·λ), before the rule; with LAMB in its u. */
} mlp_decay;

/** What a NaN or an infinity in the loss or in a gradient leads to, or an update that would put one into the
 * parameters or the state though the gradient is finite. It is never applied. */
typedef enum mlp_nonfinite {
    /** ::MLP_ERROR_NONFINITE; parameters and state stay bit for bit. */
    MLP_NONFINITE_ERROR = 0,
    /** The update is left out, up to `max_skips` times in a row; then an error. */
    MLP_NONFINITE_SKIP = 1,
    /** Entries of the gradient that are not finite become 0. A loss or an update that is not finite is still
       an error. */
    MLP_NONFINITE_ZERO = 2
} mlp_nonfinite;

/** Options of mlp_optimizer_create(). Start from ::MLP_OPTIMIZER_OPTIONS_INIT. ::MLP_ZERO says 0
 * where 0 stands for the default. */
typedef struct mlp_optimizer_options {
    size_t struct_size;      /**< Set by the INIT. */
    mlp_optimizer_rule rule; /**< Default SGD. */
    double learning_rate;    /**< η > 0, finite; 0: the rule's default. */
    double momentum;         /**< µ in [0, 1); 0: the rule's default. Momentum, Nesterov and Muon only. */
    double beta1;            /**< In [0, 1); 0: the rule's default, 0.9. Adam's family and Lion only. */
    double beta2;          /**< In [0, 1); 0: the rule's default, 0.999 (RMSProp, Lion 0.99; Adadelta 0.9). */
    double epsilon;        /**< > 0; 0: the rule's default, 1e-8 unless said otherwise. */
    double weight_decay;   /**< λ ≥ 0; default 0 (AdamW, LAMB, Muon: 0 means 0.01). */
    mlp_decay decay;       /**< Default automatic. */
    int decay_biases;      /**< Not 0: biases decay too. Default 0. */
    mlp_clip clip;         /**< Default none. */
    double clip_threshold; /**< c > 0, finite; 0: the rule's default, where it has one; must be 0 for
                              ::MLP_CLIP_NONE. */
    mlp_nonfinite nonfinite; /**< Default error. */
    size_t max_skips;        /**< Skips in a row that ::MLP_NONFINITE_SKIP allows, ≥ 1; 0: 10. */
    double l1; /**< λ₁ ≥ 0 of an L1 penalty: g ← g + λ₁·sign(w), after clipping, where weights decay; with an
                  L2 decay an elastic net. Default 0. */
    double max_norm; /**< c > 0, finite: after each update the weights into a unit are scaled to norm c where
                        theirs is larger (Srivastava 2014, where 3 to 4 is usual); biases and frozen weights
                        are left alone. 0 (default): none. */
    mlp_clip_norm clip_norm; /**< p of tensor-norm, layer-norm and global-norm; default 2. */
    int centralize; /**< Not 0: before clipping, each unit's mean over its incoming weights is taken from dW
                       (gradient centralization, Yong 2020). Default 0. */
    mlp_clip update_clip; /**< Clips what the rule changes the parameters by: none (default), value, a norm (p
                             2) or block-rms. Costs another pass over the parameters. */
    double update_clip_threshold;  /**< As clip_threshold. */
    mlp_clip_callback custom_clip; /**< For ::MLP_CLIP_CUSTOM. */
    void *custom_clip_context;     /**< Handed to `custom_clip`; borrowed for the life of the optimizer. */
    int shard_rank;  /**< 0 … shard_count − 1: this process among those that share out the state. */
    int shard_count; /**< R of 2 to 1024: the state is sharded, as in ZeRO's first stage (Rajbhandari 2020).
                        This process has that of a slice of the parameters, about 1/R, and updates these
                        alone; a step gathers what the others have updated. Network and figures have the bits
                        that they have with 0 (default) or 1, where the state is whole. Steps need an exchange
                        of R ranks (mlp/exchange.h) whose rank is `shard_rank`. LAMB and Muon, which look at
                        whole tensors, share out whole tensors. Not with L-BFGS (UNSUPPORTED), whose searches
                        multiply whole vectors. */
} mlp_optimizer_options;

#define MLP_OPTIMIZER_OPTIONS_INIT                                                                           \
    {                                                                                                        \
        sizeof(mlp_optimizer_options), MLP_OPTIMIZER_SGD, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, MLP_DECAY_AUTOMATIC, \
            0, MLP_CLIP_NONE, 0.0, MLP_NONFINITE_ERROR, 0, 0.0, 0.0, MLP_CLIP_NORM_2, 0, MLP_CLIP_NONE, 0.0, \
            NULL, NULL, 0, 0                                                                                 \
    }

/** ::MLP_OPTIMIZER_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_optimizer_options_default(mlp_optimizer_options *options);

/** Creates an optimizer for networks of this network's layer sizes.
 * @param options   NULL for the defaults
 * @param optimizer receives the optimizer, which the caller owns; NULL on failure
 * Errors: ARGUMENT, RANGE (the message names the field), UNSUPPORTED, MEMORY. */
MLP_API mlp_status mlp_optimizer_create(const mlp_network *network, const mlp_optimizer_options *options,
                                        mlp_optimizer **optimizer);

/** Frees the optimizer and sets the pointer to NULL. NULL and a pointer to NULL are fine. */
MLP_API void mlp_optimizer_destroy(mlp_optimizer **optimizer);

/** The options in force, with every default resolved.
 * @param options start from ::MLP_OPTIMIZER_OPTIONS_INIT: its struct_size says which members there are;
 * without it the members of release 0.1.0 alone are written. */
MLP_API void mlp_optimizer_get_options(const mlp_optimizer *optimizer, mlp_optimizer_options *options);

/** Changes the learning rate, > 0 and finite, from the next step on. */
MLP_API mlp_status mlp_optimizer_set_learning_rate(mlp_optimizer *optimizer, double learning_rate);

/** Factors on the optimizer's figures for one layer. Start from ::MLP_LAYER_FACTORS_INIT. */
typedef struct mlp_layer_factors {
    double weight_rate; /**< On the learning rate of W; finite, ≥ 0. 0 freezes: W and its moments stay bit for
                           bit, and its gradient counts for no norm. With L-BFGS 0 or 1. */
    double bias_rate;   /**< The same for b. */
    double decay;       /**< On the weight decay λ and the L1 penalty λ₁; finite, ≥ 0. */
} mlp_layer_factors;

#define MLP_LAYER_FACTORS_INIT                                                                               \
    {                                                                                                        \
        1.0, 1.0, 1.0                                                                                        \
    }

/** Sets the factors of a layer, from the next step on. L-BFGS forgets its pairs when they change.
 * Errors: ARGUMENT (also a rate that L-BFGS does not take); RANGE (no such layer, a factor negative or not
 * finite, or η·λ of 1 and more, decoupled). */
MLP_API mlp_status mlp_optimizer_set_factors(mlp_optimizer *optimizer, size_t layer,
                                             const mlp_layer_factors *factors);
/** The factors of a layer; 1 unless set. */
MLP_API mlp_status mlp_optimizer_get_factors(const mlp_optimizer *optimizer, size_t layer,
                                             mlp_layer_factors *factors);

/** Gives a layer a clipping rule of its own, from the next step on; the optimizer's rule then leaves the
 * layer alone.
 * @param clip      none, value, tensor-norm, layer-norm (of this layer), block-rms or adaptive; the norms
 *                  have the p of the options
 * @param threshold as mlp_optimizer_options::clip_threshold
 * Errors: ARGUMENT (also with L-BFGS, which takes none), RANGE. */
MLP_API mlp_status mlp_optimizer_set_clip(mlp_optimizer *optimizer, size_t layer, mlp_clip clip,
                                          double threshold);

/** The factors of the maximal update parametrization, with which a learning rate tuned at `base_width` suits
 * any width. With in = fan_in/base_width and out = units/base_width, but 1 for the inputs and the outputs of
 * the network:
 * - SGD, momentum, Nesterov: W of the first layer and all b `out`, W of the output 1/in, other W 1;
 * - LAMB, whose steps have a share of ‖W‖: W of hidden layers 1/√in;
 * - Muon: W of all layers but the output √(out/in)·√(L_base/L) with L = max(units, fan_in), so that ‖ΔW‖₂
 *   goes as √(units/fan_in) (Yang, Simon & Bernstein 2023); W of the output 1/in;
 * - L-BFGS 1; all other rules, whose entries step by about η: W 1/in (Yang et al. 2022, Tensor programs V,
 * table 3). They go with ::MLP_INIT_MUP of the same base width.
 * @param base_width ≥ 1, finite
 * Errors: ARGUMENT, RANGE. */
MLP_API mlp_status mlp_mup_factors(const mlp_network *network, mlp_optimizer_rule rule, double base_width,
                                   size_t layer, mlp_layer_factors *factors);

/** Brings the state of a sharded optimizer together: every rank has all of it afterwards, and its
 * `shard_count` is 1. All ranks make the call. It does nothing where the state is whole. After a step that failed with
 * EXCHANGE there is no whole state any more: mlp_optimizer_reset().
 * @param exchange that of the optimizer's steps (mlp/exchange.h)
 * Errors: ARGUMENT (NULL, or another exchange), MEMORY, EXCHANGE; the state is as it was. */
MLP_API mlp_status mlp_optimizer_gather(mlp_optimizer *optimizer, const mlp_exchange *exchange);

/** Number of updates applied since creation or reset. */
MLP_API uint64_t mlp_optimizer_updates(const mlp_optimizer *optimizer);

/** Forgets moments and counters; options stay. */
MLP_API void mlp_optimizer_reset(mlp_optimizer *optimizer);

/** What one step did. */
typedef struct mlp_step_report {
    double loss;          /**< Loss of the batch; NaN from mlp_optimizer_step(), which does not know it. */
    mlp_clip_report clip; /**< Norm before clipping, scale, whether it acted. */
    int skipped;          /**< 1 when the update was left out (::MLP_NONFINITE_SKIP). */
    size_t zeroed;        /**< Entries set to 0 (::MLP_NONFINITE_ZERO). */
    mlp_clip_report update_clip; /**< The same of `update_clip`'s rule, of what the parameters were changed
                               by; norm 0 and scale 1 without one. */
} mlp_step_report;

/** Clips the gradients of the workspace's last backward pass and updates the network's parameters by them.
 * The gradients in the workspace stay as they are, but for ::MLP_NONFINITE_ZERO, centralization and
 * ::MLP_CLIP_ADAPTIVE.
 * @param report may be NULL
 * Errors: ARGUMENT, SHAPE, STATE (no backward pass), NONFINITE (nothing was changed), UNSUPPORTED (L-BFGS, a
 * sharded state).
 */
MLP_API mlp_status mlp_optimizer_step(mlp_optimizer *optimizer, mlp_network *network,
                                      mlp_workspace *workspace, mlp_step_report *report);

/** Name of a rule, e.g. "adam", or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_optimizer_name(mlp_optimizer_rule rule);
/** One line that describes it, or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_optimizer_description(mlp_optimizer_rule rule);
/** Finds a rule by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_optimizer_from_name(const char *name, mlp_optimizer_rule *rule);
/** Number of rules: the valid values are 0 … count − 1. */
MLP_API size_t mlp_optimizer_count(void);
/** Name of a decay mode ("automatic", "l2", "decoupled"), or NULL. */
MLP_API const char *mlp_decay_name(mlp_decay decay);
/** Finds a decay mode by its name. */
MLP_API mlp_status mlp_decay_from_name(const char *name, mlp_decay *decay);
/** Name of a policy ("error", "skip", "zero"), or NULL. */
MLP_API const char *mlp_nonfinite_name(mlp_nonfinite policy);
/** Finds a policy by its name. */
MLP_API mlp_status mlp_nonfinite_from_name(const char *name, mlp_nonfinite *policy);

#ifdef __cplusplus
}
#endif

#endif
