/* The table of activations, one for each vector level. */
#ifndef STRATEGY_ACTIVATION_ROWS_H
#define STRATEGY_ACTIVATION_ROWS_H

#include "base/cpu.h"
#include "base/names.h"
#include "strategy/activation.h"

/* Its rows are struct activation_row, indexed by mlp_activation. */
LEVEL_DECLARE(const struct name_table, activation_table);

static inline const struct activation_row *activation_row_at(const struct name_table *table, size_t i)
{
    return (const struct activation_row *)table->rows + i;
}

#endif
