/* Address space for OpenBLAS's buffers, asked for before OpenBLAS would try for it without end. */
#include "linalg/blas_memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/platform.h"
#include "base/status.h"

/* OpenBLAS's own allocator. */
extern void *blas_memory_alloc(int position) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

/* A buffer of OpenBLAS's on x86-64 is 128 MiB. As much again as one stays for its other needs. */
static const size_t buffer_bytes = (size_t)128 << 20;

/* More buffers than these are left to OpenBLAS, whose table of them has an end. */
enum { MOST_BUFFERS = 64 };

static atomic_int promised; /* threads that may be in products at once */
static atomic_int present;  /* buffers that OpenBLAS was made to take */

static void take_buffers(int count)
{
    void *buffers[MOST_BUFFERS];
    for (int i = 0; i < count; i++) {
        buffers[i] = blas_memory_alloc(0);
    }
    for (int i = 0; i < count; i++) {
        blas_memory_free(buffers[i]);
    }
}

mlp_status blas_memory_reserve(int threads)
{
    int total = atomic_fetch_add(&promised, threads) + threads;
    total = total < MOST_BUFFERS ? total : MOST_BUFFERS;
    const int missing = total - atomic_load(&present);
    if (missing <= 0 || !platform_limits_addresses()) {
        return MLP_OK;
    }
    if (!platform_has_addresses((size_t)missing * buffer_bytes)) {
        blas_memory_release(threads);
        return fail(MLP_ERROR_MEMORY,
                    "out of memory: OpenBLAS needs %zu MiB of address space for each of %d threads, and "
                    "the limit (ulimit -v) leaves less: take fewer threads or a higher limit",
                    buffer_bytes >> 20, missing);
    }
    if (blas_memory_alloc != NULL && blas_memory_free != NULL) {
        take_buffers(total);
        atomic_store(&present, total);
    }
    return MLP_OK;
}

void blas_memory_release(int threads)
{
    atomic_fetch_sub(&promised, threads);
}
