/* Invariants of the library's own: what must hold whatever a caller or a file gives. */
#ifndef MLP_BASE_ASSERT_H
#define MLP_BASE_ASSERT_H

/* Built with -Dassertions=true (as tools/check builds): a condition that does not hold ends the program with
 * its place. Otherwise the condition is compiled, so that it stays right, and not evaluated. It must have no
 * side effect. */
#ifdef MLP_ASSERTIONS
#include <stdio.h>
#include <stdlib.h>
#define MLP_ASSERT(condition)                                                                                \
    ((condition)                                                                                             \
         ? (void)0                                                                                           \
         : (fprintf(stderr, "%s:%d: %s does not hold: %s\n", __FILE__, __LINE__, __func__, #condition),      \
            abort()))
#else
#define MLP_ASSERT(condition) ((void)(0 && (condition))) /* what it calls is needed, but not called */
#endif

#endif
