/* A step of L-BFGS on a batch. */
#ifndef SESSION_LBFGS_H
#define SESSION_LBFGS_H

#include "model/pass.h"
#include "optim/optimizer.h"

/* One iteration: the gradient at the parameters, a direction, a line search. `pass` is checked and not begun;
 * `plan` receives the report and the status. */
void lbfgs_step(struct pass *pass, const float *x, size_t count, struct update_plan *plan);

#endif
