/* Elementary functions in float, branch-free, so that loops over them vectorize. Each states its largest
 * error in units in the last place (ulp) of the exact value, denormal results included; all are right at ±∞,
 * and NaN stays NaN.
 *
 * Range reduction in two pieces of ln 2 (Cody & Waite 1980); the polynomials are minimax fits
 * (weighted for the error of the whole function), their coefficients rounded to float one by one.
 * Results do not depend on the vector level: there is no fused multiply-add and no reassociation. */
#ifndef BASE_VECTOR_MATH_H
#define BASE_VECTOR_MATH_H

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "not with -ffast-math: NaN would go unseen, and sums would not have the same bits everywhere"
#endif

#include <stdint.h>
#include <string.h>

#include "base/number_bits.h"

static inline int32_t bits_of_float(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float bounded(float x, float low, float high)
{
    const float below = x > high ? high : x;
    return below < low ? low : below;
}

static inline float magnitude_of(float x)
{
    return float_of_bits((uint32_t)bits_of_float(x) & 0x7FFFFFFFu);
}

static inline float with_sign_of(float magnitude, float x)
{
    return float_of_bits((uint32_t)bits_of_float(magnitude) | ((uint32_t)bits_of_float(x) & 0x80000000u));
}

/* Adding it rounds to a whole number n: the sum is 1.5·2²³ + 127 + n, its low bits are the exponent of 2ⁿ. */
#define EXP_ROUNDER 12583039.0f

/* 2ⁿ of n + EXP_ROUNDER, −127 ≤ n ≤ 127; 0 for −127. */
static inline float power_of_rounded(float rounded)
{
    return float_of_bits((uint32_t)bits_of_float(rounded) << 23);
}

/* p·2ⁿ of n + EXP_ROUNDER, −252 ≤ n ≤ 254: in two factors, each with half of the exponent, since 2ⁿ itself
 * may not be a normal float. */
static inline float scale_by_rounded(float p, float rounded)
{
    const uint32_t exponents = (uint32_t)bits_of_float(rounded + 127.0f), half = exponents >> 1;
    return p * float_of_bits(half << 23) * float_of_bits((exponents - half) << 23);
}

/* r where x = n·ln 2 + r, n whole, |r| ≤ ln 2 / 2, and in *rounded n + EXP_ROUNDER. |x| < 176: then n has 8
 * bits and ln 2's upper piece 15, and their product is exact. */
static inline float vector_reduced(float x, float *rounded)
{
    *rounded = x * 1.44269504f + EXP_ROUNDER;
    const float n = *rounded - EXP_ROUNDER;
    return (x - n * 0.693145752f) - n * 1.42860677e-6f;
}

/* eʳ for |r| ≤ ln 2 / 2: 1 + r + r²·q(r), q of degree 4, in pairs of terms, which do not wait for each other;
 * 0.05 ulp before rounding. */
static inline float vector_exp_of_reduced(float r)
{
    const float square = r * r;
    const float q = (1.385139185e-3f * square + (8.366755210e-3f * r + 4.166737944e-2f)) * square +
                    (1.666654199e-1f * r + 0.5f);
    return q * square + r + 1.0f;
}

/* eʳ − 1 for |r| ≤ ln 2 / 2: r + r²·q(r), q of degree 5, relative error 4e-10 before rounding. */
static inline float vector_expm1_of_reduced(float r)
{
    const float square = r * r;
    const float q =
        ((1.976023195e-4f * r + 1.393233659e-3f) * square + (8.333547041e-3f * r + 4.166649282e-2f)) *
            square +
        (1.666666567e-1f * r + 0.5f);
    return q * square + r;
}

/* eˣ = 2ⁿ·eʳ; 0 or ∞ beyond the range of float. 1 ulp. */
static inline float vector_exp(float x)
{
    float rounded;
    x = x < -105.0f ? -105.0f : x;
    x = x > 90.0f ? 90.0f : x;
    const float p = vector_exp_of_reduced(vector_reduced(x, &rounded));
    return scale_by_rounded(p, rounded);
}

/* eˣ for x ≤ 0, 0 where it is below 1.2e-38: where denormals are flushed, the bits of vector_exp(). */
static inline float vector_exp_flushed(float x)
{
    float rounded;
    x = x < -88.0f ? -88.0f : x; /* n ≥ −127, which makes 2ⁿ 0 */
    const float p = vector_exp_of_reduced(vector_reduced(x, &rounded));
    return p * power_of_rounded(rounded);
}

/* eˣ − 1 = 2ⁿ·(eʳ − 1) + (2ⁿ − 1) for x ≤ 0; −1 in float below −18. 1 ulp. */
static inline float vector_expm1_negative(float x)
{
    float rounded;
    x = x < -20.0f ? -20.0f : x;
    const float p = vector_expm1_of_reduced(vector_reduced(x, &rounded));
    const float scale = power_of_rounded(rounded);
    return scale * p + (scale - 1.0f);
}

/* ln(1 + f) − f for √½ − 1 ≤ f ≤ √2 − 1: −f²/2 + f³·q(f), q of degree 8, relative error of the whole 8e-10
 * before rounding. */
static inline float vector_log_tail(float f)
{
    const float square = f * f;
    float q = 6.752899289e-2f;
    q = q * f - 1.167067140e-1f;
    q = q * f + 1.188220978e-1f;
    q = q * f - 1.240606084e-1f;
    q = q * f + 1.422052234e-1f;
    q = q * f - 1.666800231e-1f;
    q = q * f + 2.000206411e-1f;
    q = q * f - 2.500000894e-1f;
    q = q * f + 3.333331347e-1f;
    return q * f * square - 0.5f * square;
}

/* ln(1 + u) for 0 ≤ u ≤ 1: 1 + u = w is 1 + f or 2·(1 + f) with √½ − 1 < f ≤ √2 − 1; (u − (w − 1))/w restores
 * what 1 + u has rounded away. 1 ulp. */
static inline float vector_log1p(float u)
{
    const float w = 1.0f + u;
    const float high = w > 1.41421356f ? 1.0f : 0.0f;
    const float f = w * (1.0f - 0.5f * high) - 1.0f;
    const float tail = vector_log_tail(f) + (u - (w - 1.0f)) / w;
    return tail + f + high * 0.693147182f;
}

/* −ln((word + 1)/2³²), from 0 to 32·ln 2. 2 ulp, near 0 too: from √½ on it is −ln(1 − d) of the distance d to
 * 1, which is exact to float's own precision. */
static inline float vector_minus_log_of_word(uint32_t word)
{
    const int32_t root_half = 0x3F3504F3;
    /* of 24 bits, for a float of all 32 could be rounded up to the next power of two */
    const uint32_t high_bits = word >> 8;
    const float u = ((float)(int32_t)high_bits * 256.0f + ((float)(int32_t)(word & 0xFFu) + 1.0f)) * 0x1p-32f;
    const uint32_t distance = ~word;
    const float d =
        ((float)(int32_t)(distance >> 8) * 256.0f + (float)(int32_t)(distance & 0xFFu)) * 0x1p-32f;
    /* u = 2ⁿ·m, √½ ≤ m < √2 */
    const int32_t shifted = bits_of_float(u) - root_half;
    const int32_t n = shifted >> 23;
    const float m = float_of_bits((uint32_t)((shifted & 0x007FFFFF) + root_half));
    const float f = n < 0 ? m - 1.0f : -d;
    return -((float)(n < 0 ? n : 0) * 0.693147182f + (vector_log_tail(f) + f));
}

/* cos and sin of 2π·word/2³². The nearest quarter turn comes off exactly, in whole numbers; polynomials on
 * ±π/4 after Cephes (Moshier 1989). 2 ulp. */
static inline void vector_turn(uint32_t word, float *cosine, float *sine)
{
    const uint32_t quarter = (word + 0x20000000u) >> 30;
    const int32_t rest = (int32_t)(word - (quarter << 30));
    const float x = (float)rest * 1.46291807927e-9f; /* 2π/2³² */
    const float square = x * x;
    float s = -1.9515295891e-4f, c = 2.443315711809948e-5f;
    s = s * square + 8.3321608736e-3f;
    s = s * square - 1.6666654611e-1f;
    s = s * square * x + x;
    c = c * square - 1.388731625493765e-3f;
    c = c * square + 4.166664568298827e-2f;
    c = c * square * square - 0.5f * square + 1.0f;
    const float first = quarter & 1 ? s : c, second = quarter & 1 ? c : s;
    *cosine = quarter == 1 || quarter == 2 ? -first : first;
    *sine = quarter >= 2 ? -second : second;
}

/* 1/(1 + e⁻ˣ), from e^−|x| so that nothing overflows. 2.5 ulp. */
static inline float vector_sigmoid(float x)
{
    const float e = vector_exp(-magnitude_of(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|). 2 ulp. */
static inline float vector_softplus(float x)
{
    const float positive = x < 0.0f ? 0.0f : x;
    return positive + vector_log1p(vector_exp(-magnitude_of(x)));
}

/* tanh |x| = −t/(t + 2), t = e^(−2|x|) − 1, which has no cancellation near 0; and 1 − 2e/(1 + e), e =
 * e^(−2|x|), which rounds better from 0.6 on. 2.5 ulp. */
static inline float vector_tanh(float x)
{
    float rounded;
    const float a = magnitude_of(x);
    const float p = vector_expm1_of_reduced(vector_reduced(a > 10.0f ? -20.0f : -2.0f * a, &rounded));
    const float scale = power_of_rounded(rounded);
    const float e = scale * (p + 1.0f);
    const float t = scale * p + (scale - 1.0f);
    const float quotient = (a < 0.6f ? magnitude_of(t) : 2.0f * e) / (a < 0.6f ? t + 2.0f : 1.0f + e);
    return with_sign_of(a < 0.6f ? quotient : 1.0f - quotient, x);
}

/* e^(−z²/2) for |z| ≤ 15. The square is split, z = h + l with h of 12 bits, so that none of it is lost: −h²/2
 * is reduced, and the rest, at most 0.06, added to r. 2 ulp. */
static inline float vector_exp_half_square(float z)
{
    float rounded;
    const float high = float_of_bits((uint32_t)bits_of_float(z) & 0xFFFFF000u);
    const float r = vector_reduced(-0.5f * high * high, &rounded) - 0.5f * (z - high) * (z + high);
    return scale_by_rounded(vector_exp_of_reduced(r), rounded);
}

/* Φ(z) = erfc(y)/2, y = −z/√2; erfc(y) = e^(−y²)·R(1/(1 + y/2))/(1 + y/2) for y ≥ 0, R a Chebyshev fit of
 * degree 10 over y ≤ 10, relative error 6e-9 before rounding. 6 ulp, in the lower tail too. */
static inline float vector_normal_cdf(float z)
{
    const float a = magnitude_of(z) > 15.0f ? 15.0f : magnitude_of(z);
    const float t = 1.0f / (1.0f + 0.353553391f * a);
    float r = 3.217942136e-2f;
    r = r * t - 1.702960087e-1f;
    r = r * t + 3.290216508e-1f;
    r = r * t - 2.135676995e-1f;
    r = r * t - 9.191612699e-2f;
    r = r * t + 7.794682678e-2f;
    r = r * t + 3.761164753e-2f;
    r = r * t + 1.902015154e-1f;
    r = r * t + 2.444077276e-1f;
    r = r * t + 2.823255013e-1f;
    r = r * t + 2.820855464e-1f;
    const float tail = 0.5f * (r * t) * vector_exp_half_square(a);
    return z > 0.0f ? 1.0f - tail : tail;
}

/* e^(−z²/2)/√(2π) for |z| ≤ 15. 3 ulp. */
static inline float vector_normal_density(float z)
{
    return 0.398942280f * vector_exp_half_square(z);
}

#endif
