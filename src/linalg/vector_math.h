/* Elementary functions in float, branch-free, so that loops over them vectorize. Each is within a few units in the last
 * place of the exact value (the test holds them against double), right at ±∞, and NaN stays NaN.
 *
 * Range reduction after Cody & Waite (1980); polynomial coefficients of exp, log and tanh as published in the Cephes
 * mathematical library (Moshier 1984–1992). Results do not depend on the vector level: there is no fused
 * multiply-add and no reassociation. */
#ifndef LINALG_VECTOR_MATH_H
#define LINALG_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(int32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline int32_t bits_of_float(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float magnitude_of(float x)
{
    return float_of_bits(bits_of_float(x) & 0x7FFFFFFF);
}

static inline float with_sign_of(float magnitude, float x)
{
    return float_of_bits(bits_of_float(magnitude) | (bits_of_float(x) & (int32_t)0x80000000u));
}

/* eˣ = 2ⁿ·eʳ with n the whole number nearest to x/ln 2 and |r| ≤ ln 2 / 2. Beyond the range of float: 0 or ∞. */
static inline float vector_exp(float x)
{
    const float rounder = 12582912.0f; /* 1.5·2²³: adding it rounds to a whole number */
    x = x < -105.0f ? -105.0f : x;
    x = x > 90.0f ? 90.0f : x;
    const float shifted = x * 1.44269504f + rounder;
    const int32_t n = bits_of_float(shifted) - bits_of_float(rounder);
    const float whole = shifted - rounder;
    const float r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f; /* ln 2 in two pieces */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const int32_t half = n >> 1; /* two factors: 2ⁿ itself may not be a normal float */
    return p * float_of_bits((int32_t)((uint32_t)(half + 127) << 23)) *
           float_of_bits((int32_t)((uint32_t)(n - half + 127) << 23));
}

/* ln(1 + u) for 0 ≤ u ≤ 1. The last term restores what 1 + u has rounded away. */
static inline float vector_log1p(float u)
{
    const float w = 1.0f + u;
    const float high = w > 1.41421356f ? 1.0f : 0.0f;
    const float f = w * (1.0f - 0.5f * high) - 1.0f;
    const float square = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const float tail = p * f * square - 0.5f * square + high * -2.12194440e-4f + (u - (w - 1.0f)) / w;
    return tail + f + high * 0.693359375f;
}

/* 1/(1 + e⁻ˣ), from e^−|x| so that nothing overflows. */
static inline float vector_sigmoid(float x)
{
    const float e = vector_exp(-magnitude_of(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|) */
static inline float vector_softplus(float x)
{
    const float positive = x < 0.0f ? 0.0f : x;
    return positive + vector_log1p(vector_exp(-magnitude_of(x)));
}

/* An odd polynomial near 0, 1 − 2/(e^2|x| + 1) elsewhere. */
static inline float vector_tanh(float x)
{
    const float a = magnitude_of(x);
    const float square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    const float near = p * square * x + x;
    const float far = with_sign_of(1.0f - 2.0f / (vector_exp(2.0f * a) + 1.0f), x);
    return a < 0.625f ? near : far;
}

/* eˣ − 1 for x ≤ 0: e^(x/2)·2·sinh(x/2) is not needed, since near 0 a Taylor polynomial does. */
static inline float vector_expm1_negative(float x)
{
    float p = 1.0f / 5040.0f;
    p = p * x + 1.0f / 720.0f;
    p = p * x + 1.0f / 120.0f;
    p = p * x + 1.0f / 24.0f;
    p = p * x + 1.0f / 6.0f;
    p = p * x + 0.5f;
    const float near = p * (x * x) + x;
    return x > -0.35f ? near : vector_exp(x) - 1.0f;
}

/* Φ(z) = erfc(−z/√2)/2, erfc(y) = e^(−y²)·R(1/(1 + y/2)) for y ≥ 0; R is a Chebyshev fit of degree 10 over y ≤ 10,
 * relative error 6e-9 before rounding. The relative error in the lower tail grows with y² to about 1e-6 at z = −5. */
static inline float vector_normal_cdf(float z)
{
    const float y_unbounded = magnitude_of(z) * 0.707106781f;
    const float y = y_unbounded > 10.0f ? 10.0f : y_unbounded;
    const float t = 1.0f / (1.0f + 0.5f * y);
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
    const float tail = 0.5f * (r * t) * vector_exp(-y * y);
    return z > 0.0f ? 1.0f - tail : tail;
}

/* φ(z) = e^(−z²/2)/√(2π) */
static inline float vector_normal_density(float z)
{
    return 0.398942280f * vector_exp(-0.5f * z * z);
}

#endif
