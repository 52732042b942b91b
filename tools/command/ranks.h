/* This process as one of the ranks that train together (mlp-mpi); `mlp` is rank 0, alone. All ranks run the
 * same command line; rank 0 alone prints and writes. */
#ifndef TOOLS_RANKS_H
#define TOOLS_RANKS_H

#include <mlp/exchange.h>

enum { RANKS_TEXT = 4096 };

struct ranks {
    const char *program;          /* begins messages: "mlp" */
    const mlp_exchange *exchange; /* NULL: alone */
    int rank;
    int other_bits;                     /* --allow-other-bits */
    int ended_together;                 /* the last fit ended alike on all ranks: rank 0 says how */
    char message[RANKS_TEXT];           /* the last error of a rank that does not print, or "" */
    int (*set_timeout)(double seconds); /* --exchange-timeout: 0, or not */
};

extern struct ranks ranks;

#endif
