/* What the files of update rules share: the loop around a rule's entry, and moments. Compiled for each vector
 * level. */
#ifndef OPTIM_RULE_ROWS_H
#define OPTIM_RULE_ROWS_H

#include "base/cpu.h"
#include "optim/rule.h"

/* Its rows are struct update_rule, indexed by mlp_optimizer_rule. */
LEVEL_DECLARE(const struct name_table, rule_table);

/* Rules with a step over whole tensors, each in a file of its own. */
typedef void tensor_step(const struct tensor_update *tensor);
LEVEL_DECLARE(update_pass, lamb_update);
LEVEL_DECLARE(tensor_step, lamb_finish);
LEVEL_DECLARE(update_pass, muon_hidden_update);
LEVEL_DECLARE(tensor_step, muon_finish);

/* Parameters of a block, and of a cache line. */
enum { UPDATE_BLOCK = 512, UPDATE_LINE = 16 };

/* The end of the block that begins at `first`, before `limit`. Asks for as many lines of the parameters a
 * block ahead of their use, to be written: other threads have read them in the forward pass, and to get such
 * a line back takes long. */
static inline size_t block_end(const struct update *u, size_t first, size_t limit)
{
    const size_t end = first + UPDATE_BLOCK < limit ? first + UPDATE_BLOCK : limit;
    for (size_t i = first + UPDATE_BLOCK; i < end + UPDATE_BLOCK && i < u->count; i += UPDATE_LINE) {
        __builtin_prefetch(u->parameters + i, 1);
    }
    return end;
}

/* Without a bound and an L1 penalty: constants that the compiler sees, so that what they do to the gradient
 * costs nothing. The bits are the same. */
static inline struct update_constants without_bound(struct update_constants k)
{
    k.bound = INFINITY;
    k.l1 = 0.0f;
    return k;
}

/* Defines `name`, the pass of a rule over its parameters. `entry` is an inline function
 *     float entry(const struct update_constants *k, float g, float w, float *s)
 * that returns the parameter after the update; g is the effective gradient, s the parameter's values in the
 * first `states` arrays, which it changes in place. The gradient is g, or its outer product with
 * `inputs`, column by column. */
#define UPDATE_PASS(linkage, name, entry, states)                                                            \
    static inline __attribute__((always_inline)) void entry##_block(const struct update_constants k,         \
                                                                    const float *restrict g, float factor,   \
                                                                    float *restrict w, float *restrict s0,   \
                                                                    float *restrict s1, float *restrict s2,  \
                                                                    size_t start, size_t first, size_t end)  \
    {                                                                                                        \
        for (size_t i = first; i < end; i++) {                                                               \
            float s[ENTRY_STATES] = { (states) > 0 ? s0[i] : 0.0f, (states) > 1 ? s1[i] : 0.0f,              \
                                      (states) > 2 ? s2[i] : 0.0f };                                         \
            w[i] = entry(&k, effective_gradient(&k, g[i - start] * factor, w[i]), w[i], s);                  \
            if ((states) > 0) {                                                                              \
                s0[i] = s[0];                                                                                \
            }                                                                                                \
            if ((states) > 1) {                                                                              \
                s1[i] = s[1];                                                                                \
            }                                                                                                \
            if ((states) > 2) {                                                                              \
                s2[i] = s[2];                                                                                \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static inline                                                                                            \
        __attribute__((always_inline)) void entry##_blocks(const struct update *u,                           \
                                                           const struct update_constants k, bool is_outer)   \
    {                                                                                                        \
        const size_t rows = is_outer ? u->rows : u->count;                                                   \
        for (size_t start = 0, column = 0; start < u->count; start += rows, column++) {                      \
            const float factor = is_outer ? u->inputs[column] : 1.0f;                                        \
            for (size_t first = start, end; first < start + rows; first = end) {                             \
                end = block_end(u, first, start + rows);                                                     \
                entry##_block(k, u->gradients, factor, u->parameters, u->state[0], u->state[1], u->state[2], \
                              start, first, end);                                                            \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    linkage void name(const struct update *u)                                                                \
    {                                                                                                        \
        const struct update_constants *k = &u->constants;                                                    \
        const bool is_free = k->bound == INFINITY && k->l1 == 0.0f, is_outer = u->inputs != NULL;            \
        if (is_free && is_outer) {                                                                           \
            entry##_blocks(u, without_bound(*k), true);                                                      \
        } else if (is_free) {                                                                                \
            entry##_blocks(u, without_bound(*k), false);                                                     \
        } else {                                                                                             \
            entry##_blocks(u, *k, is_outer);                                                                 \
        }                                                                                                    \
    }

/* Adam's moments: s₀ ← β₁·s₀ + (1 − β₁)·g; s₁ ← β₂·s₁ + (1 − β₂)·g². */
static inline void follow_moments(const struct update_constants *k, float g, float *s)
{
    s[0] = k->beta1 * s[0] + k->fresh1 * g;
    s[1] = k->beta2 * s[1] + k->fresh2 * (g * g);
}

/* Adam (Kingma & Ba 2015, algorithm 1) and AdamW (Loshchilov & Hutter 2019), which differ in their decay
 * alone: w ← keep·w − η·m̂/(√v̂ + ε), m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ). */
static inline float adam(const struct update_constants *k, float g, float w, float *s)
{
    follow_moments(k, g, s);
    return w * k->keep - k->rate * (s[0] * k->correction1) / (sqrtf(s[1] * k->correction2) + k->epsilon);
}

#endif
