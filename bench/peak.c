/* The most a processor can compute: chains x ← x·a + b, enough of them that none waits for its own last
 * result. */
#include "peak.h"

#include <math.h>
#include <sched.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "base/cpu.h"
#include "base/team.h"
#include "statistics.h"

/* 12 chains and two constants fit 16 registers; a latency of 4 or 5 cycles times two units asks for 8 or 10.
 */
enum { CHAINS = 12, ROUNDS = 20000 };

/* The chains tend to 1: neither overflow nor denormals. Volatile: the compiler must not foresee any link. */
static volatile float factor = 0.75f, addend = 0.25f;

static const double measured_seconds = 0.1;

/* A function that advances every chain by ROUNDS links and returns the sum, which keeps the compiler from
 * dropping them. The level is that function's own: the file as a whole is compiled for the baseline. */
#define DEFINE_CHAINS(name, attributes, vector, splat, multiply_add)                                         \
    attributes static float name(void)                                                                       \
    {                                                                                                        \
        vector chains[CHAINS];                                                                               \
        const vector a = splat(factor), b = splat(addend);                                                   \
        float values[sizeof(vector) / sizeof(float)], sum = 0.0f;                                            \
        for (int c = 0; c < CHAINS; c++) {                                                                   \
            chains[c] = splat(factor * (float)c);                                                            \
        }                                                                                                    \
        for (int round = 0; round < ROUNDS; round++) {                                                       \
            _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++)                                        \
            {                                                                                                \
                chains[c] = multiply_add(chains[c], a, b);                                                   \
            }                                                                                                \
        }                                                                                                    \
        for (int c = 0; c < CHAINS; c++) {                                                                   \
            __builtin_memcpy(values, &chains[c], sizeof values);                                             \
            for (unsigned long i = 0; i < sizeof values / sizeof values[0]; i++) {                           \
                sum += values[i];                                                                            \
            }                                                                                                \
        }                                                                                                    \
        return sum;                                                                                          \
    }

#if defined(__x86_64__)

#define MULTIPLY_THEN_ADD(x, a, b) _mm_add_ps(_mm_mul_ps(x, a), b)
DEFINE_CHAINS(chains_baseline, , __m128, _mm_set1_ps, MULTIPLY_THEN_ADD)
DEFINE_CHAINS(chains_avx2, __attribute__((target("avx2,fma"))), __m256, _mm256_set1_ps, _mm256_fmadd_ps)
DEFINE_CHAINS(chains_avx512, __attribute__((target("avx512f"))), __m512, _mm512_set1_ps, _mm512_fmadd_ps)

static const struct level {
    float (*chains)(void);
    int lanes;
} levels[] = {
    [CPU_BASELINE] = { chains_baseline, 4 },
    [CPU_AVX2] = { chains_avx2, 8 },
    [CPU_AVX512] = { chains_avx512, 16 },
};

#else

#if defined(__aarch64__)
#define FUSED(x, a, b) vfmaq_f32(b, x, a)
DEFINE_CHAINS(chains_baseline, , float32x4_t, vdupq_n_f32, FUSED)
enum { BASELINE_LANES = 4 };
#else
#define SAME(x) (x)
#define MULTIPLY_THEN_ADD(x, a, b) ((x) * (a) + (b))
DEFINE_CHAINS(chains_baseline, , float, SAME, MULTIPLY_THEN_ADD)
enum { BASELINE_LANES = 1 };
#endif

static const struct level {
    float (*chains)(void);
    int lanes;
} levels[] = { [CPU_BASELINE] = { chains_baseline, BASELINE_LANES } };

#endif

/* What BLAS may use, whatever level MLP_VECTOR_LEVEL sets for the library. */
static const struct level *widest(void)
{
    return &levels[cpu_level_best()];
}

struct member {
    double seconds;
    float sum;
};

struct gang {
    int size;
    struct member members[1024];
};

/* Every member has its own clock: a region as a whole would also time the system's placing of the threads. */
static void run_chains(const struct team *team, void *context)
{
    struct gang *gang = context;
    struct member *member = &gang->members[team->rank];
    if (team->rank == 0) {
        gang->size = team->size;
    }
    team_barrier(team);
    const double start = now();
    member->sum = widest()->chains();
    member->seconds = now() - start;
}

static double cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1024;
}

double peak_gflops(int threads)
{
    static struct gang gang;
    const double end = now() + measured_seconds;
    const double gigaflops = 2e-9 * (double)CHAINS * (double)ROUNDS * widest()->lanes;
    double best = 0.0;
    for (int repeat = 0; repeat < MIN_REPEATS || now() < end; repeat++) {
        double sum = 0.0;
        team_run(threads, run_chains, &gang);
        for (int i = 0; i < gang.size; i++) {
            sum += gigaflops / gang.members[i].seconds;
        }
        best = fmax(best, sum);
    }
    return best * fmin(1.0, cores() / gang.size);
}
