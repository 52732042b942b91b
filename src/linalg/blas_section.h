/* Sections: the stretches of a call in which the library computes with BLAS. */
#ifndef LINALG_BLAS_SECTION_H
#define LINALG_BLAS_SECTION_H

#include <stdbool.h>

#include "base/denormals.h"

/* What a section gives back at its end. */
struct blas_section {
    bool holds_threads; /* keeps OpenBLAS to one thread */
    denormal_setting denormals;
};

/* Until the matching end: OpenBLAS runs on one thread, where `threaded` says that it might take more, and the
 * calling thread flushes denormals (a team's members do so by themselves, base/team.h). Sections nest and may
 * overlap between threads; the last one to end restores the caller's setting. Takes no lock and makes no
 * system call, except while another thread forks. Outside any parallel region. */
struct blas_section blas_section_begin(bool threaded);
void blas_section_end(const struct blas_section *section);

/* Sections of other threads that are under way. */
int blas_sections_elsewhere(void);

/* A section until the end of the enclosing block, however it is left. */
#define BLAS_SECTION(threaded)                                                                               \
    const struct blas_section blas_section_ __attribute__((cleanup(blas_section_end), unused)) =             \
        blas_section_begin(threaded)

#endif
