/* One training step: forward, loss, backward, clip, update, in one parallel region. */
#include <math.h>

#include <mlp/train.h>

#include "base/assert.h"
#include "base/denormals.h"
#include "base/status.h"
#include "model/parts.h"
#include "model/sample_gradient.h"
#include "optim/shards.h"

struct step {
    struct pass pass;
    struct update_plan update;
};

/* The boundary between backward and clipping, by one thread: what the members have left becomes one loss and
 * one gradient with its magnitudes. An exchange of gradients with other processes has its place here, before
 * any norm is taken: of what it leaves the magnitudes are pass_measure()'s. */
static void complete_gradient(struct pass *pass)
{
    pass_sum_batch_loss(pass);
    pass_sum_magnitudes(pass);
}

/* What every member of the team does. */
static void train(const struct team *team, void *context)
{
    struct step *step = context;
    pass_run_batch(team, &step->pass);
    if (team->rank == 0 && step->pass.status == MLP_OK) {
        complete_gradient(&step->pass);
        optimizer_decide(&step->update, step->pass.loss, true);
    }
    team_barrier(team);
    if (step->update.apply) {
        optimizer_update(team, &step->update);
    }
}

mlp_status mlp_train_step(mlp_network *network, mlp_optimizer *optimizer, mlp_workspace *workspace,
                          const float *x, const mlp_targets *targets, size_t count, mlp_step_report *report)
{
    /* clang-format off */
    struct step step = {
        .pass = { .network = network, .workspace = workspace, .targets = targets, .want_gradient = true,
                  .noise = true },
        .update = { .optimizer = optimizer, .network = network, .workspace = workspace,
        .report = { .loss = NAN } },
    };
    /* clang-format on */
    if (report != NULL) {
        *report = step.update.report;
    }
    REQUIRE_ARGUMENT(optimizer);
    REQUIRE_ARGUMENT(targets);
    TRY(pass_check_training(__func__, network, workspace, x));
    TRY(workspace_check_inputs(__func__, workspace, x, network->inputs, count));
    TRY(parts_check(__func__, workspace, count));
    FAIL_IF(workspace->parts != NULL && network->loss.loss == MLP_LOSS_CUSTOM, MLP_ERROR_UNSUPPORTED,
            "%s: a custom loss sees the whole batch at once, expected a workspace of one part", __func__);
    TRY(optimizer_check(optimizer, network));
    TRY(shards_check(__func__, optimizer, workspace->parts != NULL ? &workspace->parts->exchange : NULL));
    TRY(pass_check_targets(&step.pass, count));
    FLUSH_DENORMALS;
    if (optimizer->rule->search != NULL) {
        optimizer->rule->search(&step.pass, x, count, &step.update);
    } else {
        pass_begin_batch(&step.pass, x, count);
        sample_gradient_imply(workspace);
        pass_run(&step.pass, train, &step);
    }
    MLP_ASSERT(network_padding_is_zero(network, network->parameters));
    workspace->state = step.pass.status == MLP_OK ? WORKSPACE_BACKWARD : WORKSPACE_FORWARD;
    sample_gradient_keep_input(workspace);
    if (report != NULL) {
        *report = step.update.report;
    }
    return step.pass.status != MLP_OK ? step.pass.status : step.update.status;
}
