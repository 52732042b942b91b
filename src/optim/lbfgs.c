/* L-BFGS (Liu & Nocedal 1989): its row. What it does is session/lbfgs.c, for a line search needs passes. */
#include "optim/rule_rows.h"

const struct update_rule LEVEL_NAME(lbfgs_rule) = {
    .name = { "lbfgs", "quasi-Newton with 10 pairs and a strong-Wolfe line search; for full batches" },
    .step = STEP_SEARCHED,
    .states = LBFGS_STATES,
    .searches = true,
    .defaults = { .learning_rate = 1.0,
                  .momentum = NAN,
                  .beta1 = NAN,
                  .beta2 = NAN,
                  .epsilon = NAN,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
};
