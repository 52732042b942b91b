/* The table of activations, one for each vector level. */
#ifndef STRATEGY_ACTIVATION_ROWS_H
#define STRATEGY_ACTIVATION_ROWS_H

#include "base/cpu.h"
#include "strategy/activation.h"

enum { ACTIVATION_COUNT = MLP_ACTIVATION_CUSTOM + 1 };

typedef const struct activation_row activation_table[ACTIVATION_COUNT];
LEVEL_DECLARE(activation_table, activation_rows);

#endif
