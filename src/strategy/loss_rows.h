/* The table of losses, one for each vector level. */
#ifndef STRATEGY_LOSS_ROWS_H
#define STRATEGY_LOSS_ROWS_H

#include "base/cpu.h"
#include "strategy/loss.h"

enum { LOSS_COUNT = MLP_LOSS_CUSTOM + 1 };

struct loss_entry {
    struct loss_row row;                    /* must be first: it begins with the name */
    bool (*accepts)(mlp_activation output); /* which output activations go with it */
    const char *advice;                     /* what a refused one should be instead */
};

typedef const struct loss_entry loss_table[LOSS_COUNT];
LEVEL_DECLARE(loss_table, loss_rows);

#endif
