/* Address space for OpenBLAS's buffers. */
#ifndef LINALG_BLAS_MEMORY_H
#define LINALG_BLAS_MEMORY_H

#include <mlp/status.h>

/* OpenBLAS takes a buffer for each thread that is inside a product at the same time, keeps it, and tries
 * without end where it cannot have one. This has it take the buffers of `threads` more threads at once, where
 * the process has a limit on its address space (RLIMIT_AS) and they are not there yet: MLP_ERROR_MEMORY where
 * the limit leaves no room. Every success is followed by blas_memory_release() of as many. Any thread. */
mlp_status blas_memory_reserve(int threads);
void blas_memory_release(int threads);

static inline void blas_memory_release_all(const int *threads)
{
    blas_memory_release(*threads);
}

/* The same until the end of the enclosing block; a failure is passed on to the caller (TRY() of
 * base/status.h). */
#define BLAS_MEMORY(threads)                                                                                 \
    TRY(blas_memory_reserve(threads));                                                                       \
    const int blas_memory_ __attribute__((cleanup(blas_memory_release_all), unused)) = (threads)

#endif
