/* Mean-field theory: E[φ²] and E[φ′²] by quadrature, the fixed point of q ← σ_w²·E[φ(√q·z)²] + σ_b², and the
 * critical line. */
#include "theory/mean_field.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "base/status.h"
#include "strategy/activation.h"
#include "theory/exact_activation.h"

/* Beyond so many deviations the density is under 1e-31. */
#define REACH 12.0

/* Gauss–Legendre of 16 points on [−1, 1], the positive half (Abramowitz & Stegun, table 25.4). */
static const double nodes[][2] = {
    { 0.095012509837637441, 0.18945061045506864 }, { 0.28160355077925892, 0.18260341504492364 },
    { 0.45801677765722737, 0.16915651939500265 },  { 0.61787624440264377, 0.14959598881657671 },
    { 0.755404408355003, 0.12462897125553407 },    { 0.86563120238783176, 0.095158511682492605 },
    { 0.9445750230732326, 0.062253523938647456 },  { 0.98940093499164994, 0.027152459411754176 },
};

enum { NODES = sizeof nodes / sizeof nodes[0] };

/* Where panels end: twelve deviations of z in halves, and pre-activations around 0 where activations bend,
 * kinks (0, ±1, ±3) among them. */
static const double bends[] = { 0.0, 0.125, 0.25, 0.5,  0.75, 1.0,  1.5,  2.0,  2.5,  3.0, 4.0,
                                5.0, 6.0,   8.0,  10.0, 13.0, 16.0, 20.0, 25.0, 32.0, 40.0 };

enum { BENDS = sizeof bends / sizeof bends[0] };

static void add_point(const mlp_activation_choice *choice, double deviation, double z, double weight,
                      mlp_activation_moments *sum)
{
    const double value =
        activation_exact_value(choice->activation, choice->parameter, &choice->custom, deviation * z);
    const double slope =
        activation_exact_slope(choice->activation, choice->parameter, &choice->custom, deviation * z);
    const double density = weight * exp(-0.5 * z * z) * 0.39894228040143267794; /* 1/√(2π) */
    sum->mean += density * value;
    sum->square += density * value * value;
    sum->slope_square += density * slope * slope;
}

static void add_panel(const mlp_activation_choice *choice, double deviation, double low, double high,
                      mlp_activation_moments *sum)
{
    const double middle = 0.5 * (low + high), half = 0.5 * (high - low);
    for (int i = 0; i < NODES; i++) {
        add_point(choice, deviation, middle - half * nodes[i][0], half * nodes[i][1], sum);
        add_point(choice, deviation, middle + half * nodes[i][0], half * nodes[i][1], sum);
    }
}

/* The next end of a panel above z ≥ 0. Beyond the bends pre-activations double: an activation may still
 * approach its asymptote by a power of z there, as softsign does. */
static double next_end(double z, double deviation)
{
    double end = (floor(2.0 * z) + 1.0) * 0.5;
    if (z * deviation >= bends[BENDS - 1]) {
        return fmin(end, 2.0 * z);
    }
    for (int i = 0; i < BENDS; i++) {
        const double bend = bends[i] / deviation;
        if (bend > z) {
            return bend < end ? bend : end;
        }
    }
    return end;
}

/* The limits at q → 0 and q → ∞: φ and φ′² as they are at ±z, half of the time each. */
static mlp_activation_moments moments_at_ends(const mlp_activation_choice *choice, double z)
{
    mlp_activation_moments sum = { 0.0, 0.0, 0.0 };
    for (double side = -z; side <= z; side += 2.0 * z) {
        const double value =
            activation_exact_value(choice->activation, choice->parameter, &choice->custom, side);
        const double slope =
            activation_exact_slope(choice->activation, choice->parameter, &choice->custom, side);
        sum.mean += 0.5 * value;
        sum.square += 0.5 * value * value;
        sum.slope_square += 0.5 * slope * slope;
    }
    return sum;
}

mlp_activation_moments activation_moments(const mlp_activation_choice *choice, double q)
{
    mlp_activation_moments sum = { 0.0, 0.0, 0.0 };
    if (q == 0.0 || q == INFINITY) {
        return moments_at_ends(choice, q == 0.0 ? (double)FLT_MIN : (double)FLT_MAX);
    }
    const double deviation = sqrt(q);
    for (double low = 0.0; low < REACH;) {
        const double high = next_end(low, deviation);
        add_panel(choice, deviation, low, high, &sum);
        add_panel(choice, deviation, -high, -low, &sum);
        low = high;
    }
    return sum;
}

double activation_exact_gain(const mlp_activation_choice *choice)
{
    const double square = activation_moments(choice, 1.0).square;
    return square > 0.0 && isfinite(square) ? 1.0 / sqrt(square) : 1.0;
}

/* ---- fixed points -------------------------------------------------------------------------------------- */

/* Between these a fixed point is looked for; beyond them it is 0 or ∞. */
#define SMALLEST_Q 1e-14
#define LARGEST_Q 1e12
/* Relative distance from q that is no distance: the quadrature's accuracy, with room. */
#define SAME 1e-11

/* (f(q) − q)/q for a map f that is sought to rest. */
struct map {
    const mlp_activation_choice *choice;
    double weight_variance; /* 0: the one at which χ₁ is 1 at this q */
    double bias_variance;
};

static double excess(const struct map *map, double q)
{
    const mlp_activation_moments moments = activation_moments(map->choice, q);
    const double weight_variance =
        map->weight_variance > 0.0 ? map->weight_variance : 1.0 / moments.slope_square;
    const double next = weight_variance * moments.square + map->bias_variance;
    return isfinite(next) ? (next - q) / q : INFINITY;
}

/* The root between q's of opposite signs. */
static double bisect(const struct map *map, double low, double high, bool positive_at_low)
{
    for (int i = 0; i < 100 && high > low * (1.0 + 1e-14); i++) {
        const double middle = sqrt(low * high);
        if ((excess(map, middle) > 0.0) == positive_at_low) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return sqrt(low * high);
}

/* From q on, in the direction in which the map leads, to where it rests; f grows with q, so nothing is leapt
 * over. */
static double resting_point(const struct map *map)
{
    const double at_one = excess(map, 1.0);
    if (fabs(at_one) <= SAME) {
        return 1.0;
    }
    const double factor = at_one > 0.0 ? 2.0 : 0.5;
    for (double q = 1.0; q > SMALLEST_Q && q < LARGEST_Q; q *= factor) {
        if (excess(map, q * factor) * at_one <= 0.0) {
            return factor > 1.0 ? bisect(map, q, q * factor, true) : bisect(map, q * factor, q, true);
        }
    }
    return factor > 1.0 ? INFINITY : 0.0;
}

static mlp_status check_choice(const char *function, const mlp_activation_choice *choice, const void *out,
                               mlp_activation_choice *resolved)
{
    FAIL_IF(choice == NULL || out == NULL, MLP_ERROR_ARGUMENT, "%s: %s is NULL", function,
            choice == NULL ? "choice" : "the result");
    *resolved = *choice;
    FAIL_IF(choice->activation == MLP_ACTIVATION_SOFTMAX, MLP_ERROR_ARGUMENT,
            "%s: softmax does not work entry by entry, expected another activation", function);
    return activation_check(choice->activation, choice->parameter, &choice->custom, false,
                            &resolved->parameter);
}

static mlp_status check_variance(const char *function, const char *name, double variance)
{
    FAIL_IF(!(variance >= 0.0) || !isfinite(variance), MLP_ERROR_RANGE,
            "%s: %s is %g, expected a finite number of at least 0", function, name, variance);
    return MLP_OK;
}

static mlp_mean_field point_at(const struct map *map, double q)
{
    const double slope_square = activation_moments(map->choice, q).slope_square;
    const double weight_variance = map->weight_variance > 0.0 ? map->weight_variance : 1.0 / slope_square;
    const double chi = weight_variance * slope_square;
    return (mlp_mean_field){ weight_variance, map->bias_variance, q, chi,
                             fabs(chi - 1.0) <= SAME ? INFINITY : 1.0 / fabs(log(chi)) };
}

mlp_status mlp_activation_moments_at(const mlp_activation_choice *choice, double q,
                                     mlp_activation_moments *moments)
{
    mlp_activation_choice resolved;
    TRY(check_choice(__func__, choice, moments, &resolved));
    TRY(check_variance(__func__, "q", q));
    *moments = activation_moments(&resolved, q);
    return MLP_OK;
}

mlp_status mlp_mean_field_point(const mlp_activation_choice *choice, double weight_variance,
                                double bias_variance, mlp_mean_field *point)
{
    mlp_activation_choice resolved;
    TRY(check_choice(__func__, choice, point, &resolved));
    TRY(check_variance(__func__, "weight_variance", weight_variance));
    TRY(check_variance(__func__, "bias_variance", bias_variance));
    const struct map map = { &resolved, weight_variance, bias_variance };
    if (weight_variance == 0.0) {
        *point = (mlp_mean_field){ 0.0, bias_variance, bias_variance, 0.0, 0.0 };
        return MLP_OK;
    }
    *point = point_at(&map, resting_point(&map));
    return MLP_OK;
}

/* ReLU and its kin. */
static bool rests_everywhere(const struct map *map)
{
    for (double q = SMALLEST_Q; q < LARGEST_Q; q *= 100.0) {
        if (fabs(excess(map, q)) > SAME) {
            return false;
        }
    }
    return true;
}

/* χ₁ = 1 at q asks for σ_w² = 1/E[φ′²]; what is left is E[φ²]/E[φ′²] + σ_b² = q. */
mlp_status mlp_mean_field_critical(const mlp_activation_choice *choice, double bias_variance,
                                   mlp_mean_field *point)
{
    mlp_activation_choice resolved;
    TRY(check_choice(__func__, choice, point, &resolved));
    TRY(check_variance(__func__, "bias_variance", bias_variance));
    const struct map map = { &resolved, 0.0, bias_variance };
    if (excess(&map, SMALLEST_Q) <= 1e-6) {
        *point = point_at(&map, rests_everywhere(&map) ? 1.0 : 0.0);
        return MLP_OK;
    }
    for (double q = SMALLEST_Q; q < LARGEST_Q; q *= 2.0) {
        if (excess(&map, 2.0 * q) <= 0.0) {
            *point = point_at(&map, bisect(&map, q, 2.0 * q, true));
            return MLP_OK;
        }
    }
    return fail(MLP_ERROR_UNSUPPORTED,
                "%s: %s with a bias variance of %g has no critical point, its signal grows without bound",
                __func__, mlp_activation_name(choice->activation), bias_variance);
}
