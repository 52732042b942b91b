/* A network in training. */
#include "training.h"

#include <stdio.h>

#define SMALL_RATE 1e-6

bool training_make(const struct workload *workload, int threads, const mlp_optimizer_options *options,
                   const mlp_regularization *regularization, struct training *training)
{
    mlp_optimizer_options small = *options;
    small.learning_rate = options->learning_rate > 0.0 ? options->learning_rate : SMALL_RATE;
    *training = (struct training){ .status = MLP_OK };
    if (!problem_make(workload, threads, &training->problem)) {
        return false;
    }
    if (mlp_optimizer_create(training->problem.network, &small, &training->optimizer) != MLP_OK ||
        mlp_workspace_set_regularization(training->problem.workspace, regularization) != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
        return false;
    }
    return true;
}

void training_step(void *context)
{
    struct training *training = context;
    const struct problem *problem = &training->problem;
    const mlp_status status =
        mlp_train_step(problem->network, training->optimizer, problem->workspace, problem->x,
                       &problem->targets, mlp_workspace_batch(problem->workspace), NULL);
    training->status = training->status == MLP_OK ? status : training->status;
}

bool training_went_well(const struct training *training, const char *name)
{
    if (training->status != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s: %s\n", name, mlp_last_error());
    }
    return training->status == MLP_OK;
}

void training_free(struct training *training)
{
    mlp_optimizer_destroy(&training->optimizer);
    problem_free(&training->problem);
}
