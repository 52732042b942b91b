/* Filling a tensor with draws, constants, or orthonormal vectors. */
#include "strategy/init_draw.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "linalg/lapack.h"
#include "linalg/vector.h"

static struct random_stream stream_of(const struct init_task *task)
{
    return random_stream(task->seed, task->is_bias ? RANDOM_BIAS : RANDOM_WEIGHTS, task->layer, 0);
}

mlp_status check_drawn(const struct init_task *task, const struct target *target)
{
    const struct magnitude magnitude =
        vector_kernels()->measure(target->values, target->rows, target->columns, target->leading_dimension);
    if (isfinite(magnitude.squares)) {
        return MLP_OK;
    }
    for (size_t j = 0; j < target->columns; j++) {
        for (size_t i = 0; i < target->rows; i++) {
            const float value = target->values[i + j * target->leading_dimension];
            FAIL_IF(!isfinite(value), MLP_ERROR_NONFINITE,
                    "layer %zu: initializer %s gives %g at row %zu, column %zu", task->layer,
                    mlp_init_name(task->init), (double)value, i, j);
        }
    }
    return MLP_OK;
}

/* Φ⁻¹(p), Wichura 1988, algorithm AS 241 (PPND16): relative accuracy about 1e-16. */
static double normal_quantile(double p)
{
    static const double a[] = { 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                                1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                3.3430575583588128105e4, 2.5090809287301226727e3 };
    static const double b[] = { 1.0,
                                4.2313330701600911252e1,
                                6.8718700749205790830e2,
                                5.3941960214247511077e3,
                                2.1213794301586595867e4,
                                3.9307895800092710610e4,
                                2.8729085735721942674e4,
                                5.2264952788528545610e3 };
    static const double c[] = { 1.42343711074968357734e0,  4.63033784615654529590e0,
                                5.76949722146069140550e0,  3.64784832476320460504e0,
                                1.27045825245236838258e0,  2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4 };
    static const double d[] = { 1.0,
                                2.05319162663775882187e0,
                                1.67638483018380384940e0,
                                6.89767334985100004550e-1,
                                1.48103976427480074590e-1,
                                1.51986665636164571966e-2,
                                5.47593808499534494600e-4,
                                1.05075007164441684324e-9 };
    const double q = p - 0.5;
    const bool central = fabs(q) <= 0.425;
    const double r = central ? 0.180625 - q * q : sqrt(-log(q < 0.0 ? p : 1.0 - p)) - 1.6;
    const double *top = central ? a : c, *bottom = central ? b : d;
    double numerator = top[7], denominator = bottom[7];
    for (int i = 6; i >= 0; i--) {
        numerator = numerator * r + top[i];
        denominator = denominator * r + bottom[i];
    }
    const double value = numerator / denominator;
    if (central) {
        return q * value;
    }
    return q < 0.0 ? -value : value;
}

/* N(0, 1) cut at ±2, from a uniform: Φ⁻¹(Φ(−2) + u·(Φ(2) − Φ(−2))), then divided by its deviation. */
static void truncate(float *values, size_t count)
{
    const double low = 0.5 * erfc(2.0 / 1.4142135623730951), span = 1.0 - 2.0 * low;
    for (size_t i = 0; i < count; i++) {
        /* the middle of the uniform's cell: symmetric about 1/2 */
        const double u = (double)values[i] + 0x1p-25;
        values[i] = (float)(normal_quantile(low + span * u) / TRUNCATED_DEVIATION);
    }
}

/* One column of the tensor: values j·rows … of the stream. */
static void draw_column(const struct random_stream *stream, mlp_distribution distribution, size_t first,
                        size_t count, float *values)
{
    if (distribution == MLP_DISTRIBUTION_NORMAL) {
        random_normal(stream, first, count, values);
        return;
    }
    random_uniform(stream, first, count, values);
    if (distribution == MLP_DISTRIBUTION_TRUNCATED) {
        truncate(values, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(((double)values[i] + 0x1p-25 - 0.5) * 3.4641016151377544); /* ±√3: variance 1 */
    }
}

mlp_status draw_scaled(const struct init_task *task, mlp_distribution distribution, double deviation,
                       const struct target *target)
{
    const struct random_stream stream = stream_of(task);
    const float factor = (float)deviation;
    for (size_t j = 0; j < target->columns; j++) {
        float *column = target->values + j * target->leading_dimension;
        draw_column(&stream, distribution, j * target->rows, target->rows, column);
        for (size_t i = 0; i < target->rows; i++) {
            column[i] *= factor;
        }
    }
    return MLP_OK;
}

mlp_status draw_uniform(const struct init_task *task, double low, double high, const struct target *target)
{
    const struct random_stream stream = stream_of(task);
    for (size_t j = 0; j < target->columns; j++) {
        float *column = target->values + j * target->leading_dimension;
        random_uniform(&stream, j * target->rows, target->rows, column);
        for (size_t i = 0; i < target->rows; i++) {
            column[i] = (float)(low + (high - low) * (double)column[i]);
        }
    }
    return MLP_OK;
}

mlp_status fill_constant(double value, const struct target *target)
{
    for (size_t j = 0; j < target->columns; j++) {
        for (size_t i = 0; i < target->rows; i++) {
            target->values[i + j * target->leading_dimension] = (float)value;
        }
    }
    return MLP_OK;
}

mlp_status fill_identity(double gain, const struct target *target)
{
    TRY(fill_constant(0.0, target));
    for (size_t i = 0; i < target->rows && i < target->columns; i++) {
        target->values[i + i * target->leading_dimension] = (float)gain;
    }
    return MLP_OK;
}

/* Floyd's choice of `incoming` columns for each row: of 0 … n−k, 0 … n−k+1, … one at random, the last of them
 * where it is taken. A value that rounds to 0 would look like none. */
mlp_status draw_sparse(const struct init_task *task, size_t incoming, double deviation,
                       const struct target *target)
{
    const struct random_stream values = stream_of(task),
                               places = random_stream(task->seed, RANDOM_WEIGHTS, task->layer, 1);
    TRY(fill_constant(0.0, target));
    for (size_t i = 0; i < target->rows; i++) {
        for (size_t m = 0; m < incoming; m++) {
            const size_t last = target->columns - incoming + m;
            const size_t drawn = (size_t)random_below(&places, i * incoming + m, last + 1);
            const bool taken = target->values[i + drawn * target->leading_dimension] != 0.0f;
            float value;
            random_normal(&values, i * incoming + m, 1, &value);
            value *= (float)deviation;
            target->values[i + (taken ? last : drawn) * target->leading_dimension] =
                value != 0.0f ? value : FLT_MIN;
        }
    }
    return MLP_OK;
}

/* (−1)^(bits that row and column share)·2^(−(m−1)/2): Sylvester's matrix of order 2^m. */
mlp_status fill_hadamard(double gain, const struct target *target)
{
    int m = 0;
    while (((size_t)1 << m) < target->rows) {
        m++;
    }
    const double size = gain * pow(2.0, -0.5 * (m - 1));
    for (size_t j = 0; j < target->columns; j++) {
        for (size_t i = 0; i < target->rows; i++) {
            const bool odd = (__builtin_popcountll(i & j) & 1) != 0;
            target->values[i + j * target->leading_dimension] = (float)(odd ? -size : size);
        }
    }
    return MLP_OK;
}

mlp_status draw_orthogonal(const struct init_task *task, double gain, const struct target *target)
{
    const bool wide = target->columns > target->rows;
    const size_t tall = wide ? target->columns : target->rows, narrow = wide ? target->rows : target->columns;
    const struct random_stream stream = stream_of(task);
    float *q = memory_allocate(tall * narrow, sizeof(float)); /* no overflow: the arena holds as many */
    REQUIRE_MEMORY(q);
    random_normal(&stream, 0, tall * narrow, q);
    const mlp_status status = lapack_orthonormalize(q, tall, narrow);
    if (status == MLP_OK) {
        for (size_t j = 0; j < target->columns; j++) {
            for (size_t i = 0; i < target->rows; i++) {
                const float value = wide ? q[j + i * tall] : q[i + j * tall];
                target->values[i + j * target->leading_dimension] = (float)(gain * (double)value);
            }
        }
    }
    memory_free(q);
    return status;
}

mlp_status fill_custom(const struct init_task *task, const struct target *target)
{
    float *values = memory_allocate(target->rows * target->columns, sizeof(float));
    REQUIRE_MEMORY(values);
    const mlp_status status = task->parameters.custom(values, target->rows, target->columns, task->seed,
                                                      task->layer, task->parameters.context);
    if (status == MLP_OK) {
        for (size_t j = 0; j < target->columns; j++) {
            memcpy(target->values + j * target->leading_dimension, values + j * target->rows,
                   target->rows * sizeof(float));
        }
    }
    memory_free(values);
    return status;
}
