/* Address space for OpenBLAS's buffers, asked for before OpenBLAS would try for it without end. */
#include "linalg/blas_memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

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

static bool is_limited(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

static bool has_room(size_t buffers)
{
    const size_t bytes = buffers * buffer_bytes;
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, bytes) == 0;
}

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
    if (missing <= 0 || !is_limited()) {
        return MLP_OK;
    }
    if (!has_room((size_t)missing)) {
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
