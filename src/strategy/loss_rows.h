/* The table of losses, one for each vector level. */
#ifndef STRATEGY_LOSS_ROWS_H
#define STRATEGY_LOSS_ROWS_H

#include "base/cpu.h"
#include "base/names.h"
#include "strategy/loss.h"

struct loss_entry {
    struct loss_row row;                    /* must be first: it begins with the name */
    bool (*accepts)(mlp_activation output); /* which output activations go with it */
    const char *advice;                     /* what a refused one should be instead */
};

/* Its rows are struct loss_entry, indexed by mlp_loss. */
LEVEL_DECLARE(const struct name_table, loss_table);

static inline const struct loss_entry *loss_entry_at(const struct name_table *table, size_t i)
{
    return (const struct loss_entry *)table->rows + i;
}

#endif
