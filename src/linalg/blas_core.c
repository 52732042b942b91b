/* The right OpenBLAS kernels. OpenBLAS takes those of the newest processor it knows of, which for one that
 * is newer than the library is Prescott (its issue 4267). Builds for many processors can choose again, in
 * the same process, which this does when the library is loaded. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mlp/info.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/platform.h"
#include "base/status.h"
#include "linalg/blas.h"
#include "linalg/blas_memory.h"
#include "linalg/blas_section.h"
#include "linalg/gemm.h"

/* Exported by builds with DYNAMIC_ARCH; absent from others. The second reads OPENBLAS_CORETYPE. */
extern void gotoblas_dynamic_quit(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));

static const char variable[] = "OPENBLAS_CORETYPE";

/* Cores that can be asked for, and what their kernels need of the processor. */
static const struct core {
    const char *name;
    enum cpu_level level;
    bool bfloat16;
} cores[] = {
    { "Prescott", CPU_BASELINE, false }, { "Sandybridge", CPU_AVX2, false },
    { "Haswell", CPU_AVX2, false },      { "Zen", CPU_AVX2, false },
    { "SkylakeX", CPU_AVX512, false },   { "Cooperlake", CPU_AVX512, true },
};

enum { CORES = sizeof cores / sizeof cores[0] };

static char chosen[32];  /* by OpenBLAS itself; "" before anything was changed */
static char reason[256]; /* why its choice was changed or stays, "" where it fits */

const char *mlp_blas_core_chosen(void)
{
    return chosen[0] != '\0' ? chosen : openblas_get_corename();
}

const char *mlp_blas_core_reason(void)
{
    return reason[0] != '\0' ? reason : NULL;
}

/* ---- switching ----------------------------------------------------------------------------------------- */

/* Lets OpenBLAS choose once more, as OPENBLAS_CORETYPE=name would have it; the environment is as before. */
static bool choose_again(const char *name)
{
    char *before = getenv(variable) != NULL ? memory_copy_text(getenv(variable)) : NULL;
    if ((before == NULL && getenv(variable) != NULL) || !platform_set_variable(variable, name)) {
        memory_free(before);
        return false;
    }
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    platform_set_variable(variable, before);
    memory_free(before);
    return strcasecmp(openblas_get_corename(), name) == 0;
}

/* Sides of the products that are tried: one for small-matrix kernels, one that packs on every core. */
enum { SMALL_SIDE = 33, LARGE_SIDE = 101, SAMPLES = 64 };

static float entry(size_t i)
{
    return (float)(i * 2654435761U % 2001) / 1000.0f - 1.0f;
}

/* Entries of a product of two side × side matrices against a sum in double; true when all are right. */
static bool product_is_right(size_t side, bool transpose_a, bool transpose_b)
{
    static float a[LARGE_SIDE * LARGE_SIDE], b[LARGE_SIDE * LARGE_SIDE], c[LARGE_SIDE * LARGE_SIDE];
    for (size_t i = 0; i < side * side; i++) {
        a[i] = entry(i);
        b[i] = entry(i + 7919);
        c[i] = NAN;
    }
    if (transpose_a) {
        gemm_tn(GEMM_WHOLE, side, side, side, a, side, b, side, c, side);
    } else if (transpose_b) {
        gemm_nt(GEMM_WHOLE, side, side, side, a, side, b, side, c, side);
    } else {
        gemm_nn(GEMM_WHOLE, side, side, side, a, side, b, side, c, side);
    }
    for (size_t s = 0; s < SAMPLES; s++) {
        const size_t i = s * 31 % side, j = s * 17 % side;
        double sum = 0.0;
        for (size_t k = 0; k < side; k++) {
            sum += (double)a[transpose_a ? k + i * side : i + k * side] *
                   (double)b[transpose_b ? j + k * side : k + j * side];
        }
        if (!(fabs(sum - (double)c[i + j * side]) <= 1e-4)) {
            return false;
        }
    }
    return true;
}

static bool products_are_right(void)
{
    BLAS_SECTION(true);
    bool right = true;
    for (int kind = 0; kind < 3; kind++) {
        right = right && product_is_right(SMALL_SIDE, kind == 1, kind == 2) &&
                product_is_right(LARGE_SIDE, kind == 1, kind == 2);
    }
    return right;
}

/* The row of a core that this processor runs. */
static mlp_status find_core(const char *name, const struct core **found)
{
    const struct core *core = NULL;
    for (size_t c = 0; c < CORES; c++) {
        core = strcasecmp(name, cores[c].name) == 0 ? &cores[c] : core;
    }
    FAIL_IF(core == NULL, MLP_ERROR_ARGUMENT,
            "OpenBLAS core \"%s\": expected Prescott, Sandybridge, Haswell, Zen, SkylakeX or "
            "Cooperlake",
            name);
    FAIL_IF(core->level > cpu_level_best() || (core->bfloat16 && !cpu_has_bfloat16()), MLP_ERROR_UNSUPPORTED,
            "OpenBLAS core %s: this processor does not run its kernels", core->name);
    *found = core;
    return MLP_OK;
}

static mlp_status switch_core(const char *name)
{
    const struct core *core = NULL;
    char before[sizeof chosen];
    TRY(find_core(name, &core));
    if (strcasecmp(openblas_get_corename(), core->name) == 0) {
        return MLP_OK;
    }
    FAIL_IF(gotoblas_dynamic_quit == NULL || gotoblas_dynamic_init == NULL, MLP_ERROR_UNSUPPORTED,
            "this OpenBLAS cannot change its kernels: it runs those of %s", openblas_get_corename());
    FAIL_IF(blas_sections_elsewhere() > 0, MLP_ERROR_UNSUPPORTED,
            "another thread computes: OpenBLAS's kernels stay those of %s", openblas_get_corename());
    TRY(blas_memory_reserve(1));
    blas_memory_release(1);
    snprintf(before, sizeof before, "%s", openblas_get_corename());
    if (chosen[0] == '\0') {
        snprintf(chosen, sizeof chosen, "%s", before);
    }
    if (!choose_again(core->name) || !products_are_right()) {
        choose_again(before);
        return fail(MLP_ERROR_UNSUPPORTED,
                    "OpenBLAS's kernels for %s are absent or wrong: it runs those of %s", core->name,
                    openblas_get_corename());
    }
    snprintf(reason, sizeof reason, "OpenBLAS had chosen the kernels of %s", chosen);
    return MLP_OK;
}

mlp_status mlp_blas_select_core(const char *name)
{
    const char *wanted = name != NULL ? name : blas_core_suggested();
    return wanted != NULL ? switch_core(wanted) : MLP_OK;
}

/* ---- when the library is loaded ------------------------------------------------------------------------ */

/* Whether this process has no threads but this one and OpenBLAS's. */
static bool is_alone(void)
{
    const int threads = platform_count_threads();
    const int blas = openblas_get_parallel() == OPENBLAS_THREAD ? openblas_get_num_threads() : 1;
    return threads >= 1 && threads <= blas;
}

/* Why OpenBLAS's own choice stays although another would be better, or NULL. */
static const char *obstacle(const char *forced)
{
    if (forced != NULL && strcmp(forced, "keep") == 0) {
        return "MLP_BLAS_CORE=keep leaves OpenBLAS its choice of kernels";
    }
    if (forced == NULL && getenv(variable) != NULL) {
        return "OPENBLAS_CORETYPE has chosen OpenBLAS's kernels";
    }
    return is_alone() ? NULL
                      : "OpenBLAS's kernels were left alone, as the process already had other threads: set "
                        "OPENBLAS_CORETYPE, or call mlp_blas_select_core() before any thread uses BLAS";
}

static __attribute__((constructor)) void take_right_core(void)
{
    const char *forced = getenv("MLP_BLAS_CORE");
    const bool keep = forced != NULL && strcmp(forced, "keep") == 0;
    const char *wanted = forced != NULL && !keep ? forced : blas_core_suggested();
    const char *why_not = wanted != NULL ? obstacle(forced) : NULL;
    if (why_not != NULL) {
        snprintf(reason, sizeof reason, "%s", why_not);
    } else if (wanted != NULL && switch_core(wanted) != MLP_OK) {
        snprintf(reason, sizeof reason, "%s", mlp_last_error());
    }
}
