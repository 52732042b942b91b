/* What the files of update rules share: the loop around a rule's entry, and moments. Compiled for each vector
 * level. */
#ifndef OPTIM_RULE_ROWS_H
#define OPTIM_RULE_ROWS_H

#include "base/cpu.h"
#include "base/vector_math.h"
#include "optim/rule.h"

/* Its rows are struct update_rule, indexed by mlp_optimizer_rule. */
LEVEL_DECLARE(const struct name_table, rule_table);

/* Rules with a step over whole tensors, each in a file of its own. */
typedef float tensor_step(const struct tensor_update *tensor);
LEVEL_DECLARE(update_pass, lamb_update);
LEVEL_DECLARE(tensor_step, lamb_finish);
LEVEL_DECLARE(update_pass, muon_hidden_update);
LEVEL_DECLARE(tensor_step, muon_finish);

/* Parameters of a block, and of a cache line. */
enum { UPDATE_BLOCK = 512, UPDATE_LINE = 16 };

/* The end of the block that begins at `first`. Asks for the next block's lines of the parameters ahead of
 * their use, to be written: other threads have read them in the forward pass, and to get such a line back
 * takes long. */
static inline size_t block_end(const struct update *u, size_t first)
{
    const size_t end = first + UPDATE_BLOCK < u->count ? first + UPDATE_BLOCK : u->count;
    for (size_t i = end; i < end + UPDATE_BLOCK && i < u->count; i += UPDATE_LINE) {
        __builtin_prefetch(u->parameters + i, 1);
    }
    return end;
}

/* The gradient that the rule sees for parameter w: clipped, with L2 decay and L1 penalty; for a rule that
 * squares it the sum is bounded. */
static inline float effective_gradient(const struct update_constants *k, float g, float w, bool squares)
{
    const float scaled = g * k->scale;
    const float low = scaled < -k->bound ? -k->bound : scaled;
    const float clipped = low > k->bound ? k->bound : low;
    const float sign = (w > 0.0f ? k->l1 : 0.0f) - (w < 0.0f ? k->l1 : 0.0f);
    const float sum = clipped + k->l2 * w + sign;
    const float at_least = squares && sum < -k->largest ? -k->largest : sum;
    return squares && at_least > k->largest ? k->largest : at_least;
}

/* The larger magnitude, as bits: without their sign bit floats are ordered as their bits are, NaN last. */
static inline int32_t larger_bits(int32_t largest, float x)
{
    const int32_t bits = bits_of_float(x) & 0x7FFFFFFF;
    return bits > largest ? bits : largest;
}

/* Defines `name`, the pass of a rule over its parameters. `entry` is an inline function
 *     float entry(const struct update_constants *k, float g, float w, float *s)
 * that returns the parameter after the update; g is the effective gradient, s the parameter's values in the
 * first `states` arrays, which it changes in place; `squares`: whether it squares g. */
#define UPDATE_PASS(linkage, name, entry, states, squares)                                                   \
    linkage struct update_extent name(const struct update *u)                                                \
    {                                                                                                        \
        const struct update_constants k = u->constants;                                                      \
        const float *restrict g = u->gradients;                                                              \
        float *restrict w = u->parameters;                                                                   \
        float *restrict s0 = u->state[0], *restrict s1 = u->state[1], *restrict s2 = u->state[2];            \
        int32_t parameters = 0, state = 0;                                                                   \
        for (size_t first = 0, end; first < u->count; first = end) {                                         \
            end = block_end(u, first);                                                                       \
            for (size_t i = first; i < end; i++) {                                                           \
                float s[ENTRY_STATES] = { (states) > 0 ? s0[i] : 0.0f, (states) > 1 ? s1[i] : 0.0f,          \
                                          (states) > 2 ? s2[i] : 0.0f };                                     \
                const float after = entry(&k, effective_gradient(&k, g[i], w[i], squares), w[i], s);         \
                w[i] = after;                                                                                \
                parameters = larger_bits(parameters, after);                                                 \
                if ((states) > 0) {                                                                          \
                    s0[i] = s[0];                                                                            \
                    state = larger_bits(state, s[0]);                                                        \
                }                                                                                            \
                if ((states) > 1) {                                                                          \
                    s1[i] = s[1];                                                                            \
                    state = larger_bits(state, s[1]);                                                        \
                }                                                                                            \
                if ((states) > 2) {                                                                          \
                    s2[i] = s[2];                                                                            \
                    state = larger_bits(state, s[2]);                                                        \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
        return (struct update_extent){ float_of_bits(parameters), float_of_bits(state) };                    \
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
