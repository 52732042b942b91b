/* A BLAS other than OpenBLAS: BLIS, MKL, the reference's, or what stands behind the system's libblas. Its
 * threads and its name are found by the functions that it exports. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include <mlp/info.h>

#include "base/status.h"
#include "linalg/blas.h"
#include "linalg/blas_memory.h"

/* BLIS (frame/thread/bli_thread.h, frame/base/bli_info.h): its integers have 64 bits on machines of 64. */
typedef intptr_t blis_int;
extern blis_int bli_thread_get_num_threads(void) __attribute__((weak));
extern void bli_thread_set_num_threads(blis_int threads) __attribute__((weak));
extern char *bli_info_get_version_str(void) __attribute__((weak));
extern int bli_arch_query_id(void) __attribute__((weak));
extern char *bli_arch_string(int id) __attribute__((weak));

/* MKL (mkl_service.h). */
extern int MKL_Get_Max_Threads(void) __attribute__((weak));
extern void MKL_Set_Num_Threads(int threads) __attribute__((weak));
extern void MKL_Get_Version_String(char *text, int size) __attribute__((weak));

/* OpenBLAS behind the system's libblas, or behind LAPACK. */
extern int openblas_get_num_threads(void) __attribute__((weak));
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern char *openblas_get_config(void) __attribute__((weak));
extern char *openblas_get_corename(void) __attribute__((weak));

/* ---- BLIS ---------------------------------------------------------------------------------------------- */

/* -1 stands for "never set", which means one thread. */
static int blis_threads(void)
{
    const blis_int threads = bli_thread_get_num_threads();
    return threads < 1 || threads > INT_MAX ? 1 : (int)threads;
}

static void blis_set_threads(int threads)
{
    bli_thread_set_num_threads(threads);
}

static const char *blis_config(void)
{
    static char text[64];
    snprintf(text, sizeof text, "BLIS %s",
             bli_info_get_version_str != NULL ? bli_info_get_version_str() : "");
    return text;
}

static const char *blis_core(void)
{
    return bli_arch_query_id != NULL && bli_arch_string != NULL ? bli_arch_string(bli_arch_query_id())
                                                                : "unknown";
}

/* ---- MKL ----------------------------------------------------------------------------------------------- */

static int mkl_threads(void)
{
    return MKL_Get_Max_Threads();
}

static void mkl_set_threads(int threads)
{
    MKL_Set_Num_Threads(threads);
}

static const char *mkl_config(void)
{
    static char text[200];
    if (MKL_Get_Version_String == NULL) {
        return "MKL";
    }
    MKL_Get_Version_String(text, sizeof text);
    return text;
}

/* ---- OpenBLAS, the reference --------------------------------------------------------------------------- */

static int system_threads(void)
{
    return openblas_get_num_threads();
}

static void system_set_threads(int threads)
{
    openblas_set_num_threads(threads);
}

/* OpenBLAS may be there for LAPACK alone, and products be the reference's: this does not tell them apart. */
static const char *system_config(void)
{
    static char text[200];
    snprintf(text, sizeof text, "libblas+%s",
             openblas_get_config != NULL ? openblas_get_config() : "OpenBLAS");
    return text;
}

static const char *system_core(void)
{
    return openblas_get_corename != NULL ? openblas_get_corename() : "unknown";
}

static int one_thread(void)
{
    return 1;
}

static void keep_one_thread(int threads)
{
    (void)threads;
}

static const char *reference_config(void)
{
    return "libblas (reference)"; /* which exports neither its name nor its version */
}

static const char *unknown_core(void)
{
    return "unknown";
}

/* ---- the one that is there ----------------------------------------------------------------------------- */

struct vendor {
    int (*threads)(void);
    void (*set_threads)(int threads);
    const char *(*config)(void);
    const char *(*core)(void);
};

static const struct vendor *vendor(void)
{
    static const struct vendor blis = { blis_threads, blis_set_threads, blis_config, blis_core };
    static const struct vendor mkl = { mkl_threads, mkl_set_threads, mkl_config, unknown_core };
    static const struct vendor system = { system_threads, system_set_threads, system_config, system_core };
    static const struct vendor reference = { one_thread, keep_one_thread, reference_config, unknown_core };
    if (bli_thread_get_num_threads != NULL && bli_thread_set_num_threads != NULL) {
        return &blis;
    }
    if (MKL_Get_Max_Threads != NULL && MKL_Set_Num_Threads != NULL) {
        return &mkl;
    }
    return openblas_get_num_threads != NULL && openblas_set_num_threads != NULL ? &system : &reference;
}

int blas_threads(void)
{
    return vendor()->threads();
}

void blas_set_threads(int threads)
{
    vendor()->set_threads(threads);
}

const char *blas_core(void)
{
    return vendor()->core();
}

const char *blas_config(void)
{
    return vendor()->config();
}

const char *blas_threading(void)
{
    return "unknown";
}

enum blas_class blas_class(void)
{
    return BLAS_PACKED;
}

/* Any product may take threads of BLAS's own. */
double blas_serial_limit(void)
{
    return 0.0;
}

mlp_status blas_memory_reserve(int threads)
{
    (void)threads;
    return MLP_OK; /* no buffers that are tried for without end */
}

void blas_memory_release(int threads)
{
    (void)threads;
}

const char *blas_core_suggested(void)
{
    return NULL;
}

const char *mlp_blas_core_chosen(void)
{
    return blas_core();
}

const char *mlp_blas_core_reason(void)
{
    return NULL;
}

mlp_status mlp_blas_select_core(const char *name)
{
    FAIL_IF(name != NULL, MLP_ERROR_UNSUPPORTED,
            "kernels of \"%s\": this library is built on %s, which chooses them itself", name, blas_config());
    return MLP_OK;
}
