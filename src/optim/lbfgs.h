/* A step of L-BFGS on a batch. */
#ifndef OPTIM_LBFGS_H
#define OPTIM_LBFGS_H

#include "model/pass.h"

struct update_plan;

/* One iteration: the gradient at the parameters, a direction, a line search. `pass` is checked and not begun;
 * `plan` receives the report and the status. */
void lbfgs_step(struct pass *pass, const float *x, size_t count, struct update_plan *plan);

#endif
