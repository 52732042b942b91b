/* Philox4x32-10 against Random123's known answers; deviates against their distributions. */
#include "support/support.h"

#include <math.h>

#include "base/random.h"
#include "base/random_blocks.h"
#include "base/vector_math.h"

static const struct random_kernels *kernels_of(enum cpu_level level)
{
    return LEVEL_PICK(random_kernels, level);
}

/* Random123's kat_vectors, philox4x32 10 rounds (Salmon et al. 2011). */
static void known_answers(void **unused)
{
    static const uint32_t vectors[3][10] = {
        { 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
        { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
          0xa20bc7c6, 0x6d5451fd },
        { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
          0x5001e420, 0x24126ea1 },
    };
    (void)unused;
    for (int v = 0; v < 3; v++) {
        uint32_t out[4];
        philox4x32_10(vectors[v], vectors[v] + 4, out);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(out[i], vectors[v][6 + i]);
        }
    }
}

/* Values are numbered: a range may be cut anywhere. */
static void ranges_can_be_cut(void **unused)
{
    const struct random_stream stream = random_stream(42, RANDOM_WEIGHTS, 3, 0);
    float whole[100], part[100];
    (void)unused;
    for (int normal = 0; normal < 2; normal++) {
        void (*draw)(const struct random_stream *, size_t, size_t, float *) =
            normal ? random_normal : random_uniform;
        draw(&stream, 0, 100, whole);
        for (size_t first = 0; first < 100; first++) {
            draw(&stream, first, 100 - first, part);
            assert_memory_equal(part, whole + first, (100 - first) * sizeof(float));
        }
    }
}

/* The words of one block, by the scalar generator. */
static void words_of(const struct random_stream *stream, uint64_t block, uint32_t words[4])
{
    const uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32), stream->name[0],
                                  stream->name[1] };
    philox4x32_10(counter, stream->key, words);
}

/* Blocks on every level, in runs of 0 … 33, against the scalar generator and Box and Muller's formula in
 * double. The radius is good to 1.5 ulp, the turn to 2, their product rounds once more: 3.6e-7 is 6 ulp of
 * 2⁻²⁴. */
static void every_level_draws_the_same(void **unused)
{
    enum { MOST = 33 };
    const struct random_stream stream = random_stream(99, RANDOM_WEIGHTS, 5, 0);
    static const uint64_t starts[] = { 0, 1, 12345, 0xFFFFFFF8u, (uint64_t)1 << 40 };
    (void)unused;
    for (size_t run = 0; run < sizeof starts / sizeof starts[0] * (MOST + 1); run++) {
        const size_t first = (size_t)starts[run / (MOST + 1)], count = run % (MOST + 1);
        for (int level = CPU_BASELINE; level <= (int)cpu_level_best(); level++) {
            float uniform[4 * MOST + 1], normal[4 * MOST + 1];
            uniform[4 * count] = normal[4 * count] = 77.0f;
            kernels_of((enum cpu_level)level)->uniform(&stream, first, count, uniform);
            kernels_of((enum cpu_level)level)->normal(&stream, first, count, normal);
            assert_true(uniform[4 * count] == 77.0f && normal[4 * count] == 77.0f);
            float same[4 * MOST + 1];
            kernels_of(CPU_BASELINE)->normal(&stream, first, count, same);
            assert_memory_equal(normal, same, 4 * count * sizeof(float));
            for (size_t i = 0; i < 4 * count; i++) {
                uint32_t words[4];
                words_of(&stream, (uint64_t)first + i / 4, words);
                const size_t pair = i % 4 / 2 * 2;
                const double u = ((double)words[pair] + 1.0) * 0x1p-32;
                const double angle = 2.0 * acos(-1.0) * (double)words[pair + 1] * 0x1p-32;
                const double z = sqrt(-2.0 * log(u)) * (i % 2 ? sin(angle) : cos(angle));
                assert_true(uniform[i] == (float)(words[i % 4] >> 8) * 0x1p-24f);
                assert_true(fabs(normal[i] - z) <= 3.6e-7 * fabs(z));
            }
        }
    }
}

static void check_word(uint32_t word)
{
    float cosine, sine;
    const double u = ((double)word + 1.0) * 0x1p-32, angle = 2.0 * acos(-1.0) * (double)word * 0x1p-32;
    const double minus_log = u > 0.5 ? -log1p(-(double)(~word) * 0x1p-32) : -log(u);
    vector_turn(word, &cosine, &sine);
    assert_true(fabs(vector_minus_log_of_word(word) - minus_log) <= 2.4e-7 * minus_log); /* 2 ulp */
    /* sin π and cos π/2 are 0 but for the rounding of the angle in double */
    assert_true(fabs(cosine - cos(angle)) <= 2.4e-7 * fabs(cos(angle)) + 1e-15);
    assert_true(fabs(sine - sin(angle)) <= 2.4e-7 * fabs(sin(angle)) + 1e-15);
}

/* Both ends of the range, the joints of the pieces, and a walk over all of it. */
static void logarithms_and_turns_of_words(void **unused)
{
    static const uint32_t joints[] = { 0,          1,          255,        256,        0x00FFFFFF,
                                       0x1FFFFFFF, 0x3FFFFFFF, 0x5FFFFFFF, 0x7FFFFFFF, 0x9FFFFFFF,
                                       0xB504F333, 0xBFFFFFFF, 0xDFFFFFFF, 0xFFFFFF00, 0xFFFFFFFE };
    (void)unused;
    for (size_t i = 0; i < sizeof joints / sizeof joints[0]; i++) {
        for (uint32_t near = 0; near < 5; near++) {
            check_word(joints[i] + near - 2);
        }
    }
    for (uint64_t word = 0; word <= 0xFFFFFFFFu; word += 7919) {
        check_word((uint32_t)word);
    }
}

static void streams_differ(void **unused)
{
    const struct random_stream streams[] = {
        random_stream(1, RANDOM_WEIGHTS, 0, 0), random_stream(2, RANDOM_WEIGHTS, 0, 0),
        random_stream(1, RANDOM_BIAS, 0, 0),    random_stream(1, RANDOM_WEIGHTS, 1, 0),
        random_stream(1, RANDOM_WEIGHTS, 0, 1), random_stream(1ull << 32 | 1, RANDOM_WEIGHTS, 0, 0)
    };
    float values[6];
    (void)unused;
    for (int i = 0; i < 6; i++) {
        random_uniform(&streams[i], 0, 1, &values[i]);
        for (int j = 0; j < i; j++) {
            assert_true(values[i] != values[j]);
        }
    }
}

/* Within five standard errors: mean, variance, kurtosis of 10⁶ draws. */
static void moments(void **unused)
{
    enum { COUNT = 1000000, PIECE = 1000 };
    const struct random_stream stream = random_stream(7, RANDOM_WEIGHTS, 0, 0);
    (void)unused;
    for (int normal = 0; normal < 2; normal++) {
        double sum = 0, square = 0, fourth = 0;
        float piece[PIECE];
        for (size_t first = 0; first < COUNT; first += PIECE) {
            (normal ? random_normal : random_uniform)(&stream, first, PIECE, piece);
            for (int i = 0; i < PIECE; i++) {
                const double value = normal ? piece[i] : (piece[i] - 0.5) * sqrt(12.0);
                assert_true(normal || (piece[i] >= 0.0f && piece[i] < 1.0f));
                sum += value;
                square += value * value;
                fourth += value * value * value * value;
            }
        }
        const double kurtosis = normal ? 3.0 : 1.8, eighth = normal ? 105.0 : 9.0;
        assert_close(sum / COUNT, 0.0, 5.0 / sqrt(COUNT));
        assert_close(square / COUNT, 1.0, 5.0 * sqrt((kurtosis - 1.0) / COUNT));
        assert_close(fourth / COUNT, kurtosis, 5.0 * sqrt((eighth - kurtosis * kurtosis) / COUNT));
    }
}

/* Each of the 24 orders of 4 comes up equally often: χ² with 23 degrees of freedom, 99.99 % below 56. */
static void shuffles_are_fair(void **unused)
{
    enum { TRIALS = 24000 };
    int counts[256] = { 0 };
    double chi2 = 0.0;
    (void)unused;
    for (size_t t = 0; t < TRIALS; t++) {
        const struct random_stream stream = random_stream(5, RANDOM_SHUFFLE, 0, t);
        size_t order[4] = { 0, 1, 2, 3 };
        random_shuffle(&stream, order, 4);
        assert_int_equal(1 << order[0] | 1 << order[1] | 1 << order[2] | 1 << order[3], 15);
        counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        chi2 += counts[i] > 0 ? (counts[i] - 1000.0) * (counts[i] - 1000.0) / 1000.0 : 0.0;
    }
    assert_true(chi2 < 56.0);
}

/* Schoolbook: the digits of 16 bits. */
static void the_upper_half_of_a_product(void **unused)
{
    const uint64_t extremes[] = { 0, 1, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX - 1, UINT64_MAX };
    const struct random_stream stream = random_stream(6, RANDOM_SHUFFLE, 0, 0);
    (void)unused;
    for (size_t trial = 0; trial < 10000; trial++) {
        const uint64_t a = trial < 36 ? extremes[trial / 6] : random_below(&stream, 2 * trial, UINT64_MAX);
        const uint64_t b =
            trial < 36 ? extremes[trial % 6] : random_below(&stream, 2 * trial + 1, UINT64_MAX);
        uint64_t digits[8] = { 0 };
        for (int i = 0; i < 16; i++) {
            const uint64_t product = (a >> 16 * (i / 4) & 0xFFFF) * (b >> 16 * (i % 4) & 0xFFFF);
            digits[i / 4 + i % 4] += product & 0xFFFF;
            digits[i / 4 + i % 4 + 1] += product >> 16;
        }
        for (int i = 0; i < 7; i++) {
            digits[i + 1] += digits[i] >> 16;
            digits[i] &= 0xFFFF;
        }
        assert_true(random_multiply_high_by_halves(a, b) ==
                    (digits[4] | digits[5] << 16 | digits[6] << 32 | digits[7] << 48));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers),
                                        cmocka_unit_test(ranges_can_be_cut),
                                        cmocka_unit_test(streams_differ),
                                        cmocka_unit_test(every_level_draws_the_same),
                                        cmocka_unit_test(logarithms_and_turns_of_words),
                                        cmocka_unit_test(moments),
                                        cmocka_unit_test(shuffles_are_fair),
                                        cmocka_unit_test(the_upper_half_of_a_product) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
