/* The end of a training step: what is not finite is refused, the rest clipped and applied in one pass. */
#include <math.h>

#include "base/status.h"
#include "linalg/blas_section.h"
#include "linalg/vector.h"
#include "model/pass.h"
#include "model/sample_gradient.h"
#include "optim/finite.h"
#include "optim/shards.h"

/* Floats from which on a thread pays. */
enum { FLOATS_OF_A_THREAD = 32768 };

/* The first tensor with an entry that is not finite, or 2·layers: its Σ g² is not finite either. */
static size_t first_nonfinite(const struct mlp_workspace *workspace)
{
    size_t t = 0;
    while (t < 2 * workspace->layer_count && isfinite(workspace->squares[t])) {
        t++;
    }
    return t;
}

/* Takes entries that are not finite for 0 and measures again. Returns how many there were. */
static size_t zero_nonfinite(struct update_plan *plan)
{
    struct pass pass = { .network = plan->network, .workspace = plan->workspace };
    workspace_keep_gradients(plan->workspace);
    float *gradients = plan->workspace->gradients;
    size_t zeroed = 0;
    for (size_t i = 0; i < plan->workspace->arena_size; i++) {
        if (!isfinite(gradients[i])) {
            gradients[i] = 0.0f;
            zeroed++;
        }
    }
    pass_measure(&pass);
    return zeroed;
}

static mlp_status refuse(double loss, bool loss_known, size_t tensor)
{
    FAIL_IF(loss_known && !isfinite(loss), MLP_ERROR_NONFINITE,
            "the loss is %g; nothing was updated: a smaller learning rate, clipping, or "
            "another initializer may help",
            loss);
    return fail(MLP_ERROR_NONFINITE,
                "the gradient of layer %zu's %s has an entry that is not finite; nothing was "
                "updated",
                tensor / 2, tensor % 2 == 0 ? "weights" : "bias");
}

/* Whether the policy leaves out an update that cannot be made; counts it then. */
static bool may_skip(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    optimizer->skips = plan->skips_before;
    plan->report.clip = (mlp_clip_report){ .norm = NAN, .scale = 1.0 };
    plan->report.skipped =
        optimizer->options.nonfinite == MLP_NONFINITE_SKIP && optimizer->skips < optimizer->options.max_skips;
    optimizer->skips += (size_t)plan->report.skipped;
    return plan->report.skipped != 0;
}

static mlp_status explain_refusal(const struct update_plan *plan, mlp_status status)
{
    return plan->optimizer->options.nonfinite == MLP_NONFINITE_SKIP
               ? fail_in(status, "after %zu updates left out in a row", plan->optimizer->skips)
               : status;
}

/* Whether the update may go ahead; counts skips. */
static bool accept_gradient(struct update_plan *plan, double loss, bool loss_known)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const mlp_optimizer_options *options = &optimizer->options;
    const bool loss_finite = !loss_known || isfinite(loss);
    if (options->nonfinite == MLP_NONFINITE_ZERO && loss_finite &&
        first_nonfinite(plan->workspace) < 2 * plan->workspace->layer_count) {
        plan->report.zeroed = zero_nonfinite(plan);
    }
    const size_t tensor = first_nonfinite(plan->workspace);
    plan->skips_before = optimizer->skips;
    if (loss_finite && tensor == 2 * plan->workspace->layer_count) {
        optimizer->skips = 0;
        return true;
    }
    if (!may_skip(plan)) {
        plan->status = explain_refusal(plan, refuse(loss, loss_known, tensor));
    }
    return false;
}

/* What all tensors have in common. */
static struct update_constants common_constants(const struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const mlp_optimizer_options *o = &optimizer->options;
    const double t = (double)optimizer->updates, now = optimizer->momentum_now;
    const double momentum = isnan(now) ? o->momentum : now, beta1 = isnan(now) ? o->beta1 : now;
    struct update_constants constants = {
        .momentum = (float)momentum,
        .beta1 = (float)beta1,
        .beta2 = (float)o->beta2,
        .fresh1 = (float)(1.0 - beta1),
        .fresh2 = (float)(1.0 - o->beta2),
        .epsilon = (float)o->epsilon,
        .correction1 = (float)(1.0 / (1.0 - pow(beta1, t))),
        .correction2 = (float)(1.0 / (1.0 - pow(o->beta2, t))),
    };
    if (optimizer->rule->prepare != NULL) {
        const struct update_time time = {
            .beta1 = beta1, .beta2 = o->beta2, .t = t, .product = &optimizer->product
        };
        optimizer->rule->prepare(&time, &constants);
    }
    return constants;
}

/* Norms do not count what will not be updated. */
static void zero_frozen_gradients(const struct mlp_optimizer *optimizer, struct mlp_workspace *workspace)
{
    for (size_t t = 0; t < 2 * workspace->layer_count; t++) {
        if (optimizer_rate_factor(optimizer, t) == 0.0) {
            workspace->squares[t] = workspace->largest[t] = 0.0;
        }
    }
}

/* Clips, and counts the update. What it changes beside parameters and state is kept where the update may be
 * refused. */
static void prepare_update(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    zero_frozen_gradients(optimizer, plan->workspace);
    plan->product_before = optimizer->product;
    if (clip_row(optimizer->options.clip)->remembers) {
        optimizer->memory_before = optimizer->memory;
    }
    plan->status = optimizer_clip(plan);
    plan->apply = plan->status == MLP_OK;
    if (plan->apply) {
        optimizer->updates++;
        plan->common = common_constants(plan);
        finite_predict(plan);
    }
}

/* An update that is not made after all: everything is as it was before. */
static void undo_update(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    plan->apply = false;
    optimizer->updates--;
    optimizer->product = plan->product_before;
    if (clip_row(optimizer->options.clip)->remembers) {
        optimizer->memory = optimizer->memory_before;
    }
}

/* An update that would not be finite. */
static void refuse_update(struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    undo_update(plan);
    if (!may_skip(plan)) {
        plan->status = explain_refusal(plan, fail(MLP_ERROR_NONFINITE,
                                                  "the update is not finite at learning rate %g, though the "
                                                  "gradient is; nothing was updated: a "
                                                  "smaller learning rate, clipping, or less decay may help",
                                                  optimizer->options.learning_rate * optimizer->rate_scale));
    }
}

void optimizer_decide(struct update_plan *plan, double loss, bool loss_known)
{
    plan->report = (mlp_step_report){ .loss = loss_known ? loss : NAN,
                                      .clip = { .scale = 1.0 },
                                      .update_clip = { .scale = 1.0 } };
    plan->status = MLP_OK;
    const double bound = plan->network->bound;
    plan->parameters = network_write(plan->network);
    plan->network->bound = bound; /* until it is known what the update adds */
    plan->apply = accept_gradient(plan, loss, loss_known);
    MLP_ASSERT(!plan->apply || network_padding_is_zero(plan->network, plan->workspace->gradients));
    plan->reshapes = optimizer_reshapes(plan->optimizer);
    if (plan->apply && plan->reshapes) {
        workspace_keep_gradients(plan->workspace);
    } else if (plan->apply) {
        prepare_update(plan);
    }
}

/* A run of the arena whose parameters are all treated alike. */
struct run {
    size_t first;
    size_t end;
    float scale;        /* clip factor */
    float bound;        /* clip bound */
    double rate;        /* factor on η */
    double decay;       /* factor on λ and λ₁ */
    bool hidden_matrix; /* a rule takes those apart */
};

/* `is_try`: nothing is changed; pass is NULL where nothing is to be. Gradients count as at most `largest`. */
static void apply_rule(struct update_plan *plan, update_pass *pass, const struct update *update,
                       float largest, bool is_try)
{
    if (is_try) {
        finite_try(plan, pass, update, largest);
    } else if (plan->bounds) {
        finite_bounded(pass, update, largest);
    } else {
        pass(update);
    }
}

/* The same from float `first` of the arena on where the gradient is implied. */
static void apply_rule_to_implied(struct update_plan *plan, update_pass *pass, const struct update *update,
                                  size_t first, float largest, bool is_try)
{
    for (size_t i = 0; i < update->count;) {
        const struct outer_product gradient =
            sample_gradient_piece(plan->workspace, first + i, first + update->count);
        struct update piece = update_from(update, i, gradient.rows * gradient.columns);
        piece.gradients = gradient.x;
        piece.inputs = gradient.y;
        piece.rows = gradient.rows;
        apply_rule(plan, pass, &piece, largest, is_try);
        i += piece.count;
    }
}

static void update_run(struct update_plan *plan, const struct range *share, const struct run *run,
                       bool is_try)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    const mlp_optimizer_options *o = &optimizer->options;
    const size_t from = run->first > share->first ? run->first : share->first;
    const size_t to = run->end < share->end ? run->end : share->end;
    struct update update = { .count = to - from, .constants = plan->common };
    struct update_constants *k = &update.constants;
    if (from >= to) {
        return;
    }
    if (run->rate == 0.0 && !is_try) {
        return;
    }
    update.parameters = plan->parameters + from;
    update.gradients = plan->workspace->gradients + from;
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        update.state[s] = optimizer->state[s] + (from - optimizer->own.first);
    }
    const double rate = o->learning_rate * optimizer->rate_scale * run->rate;
    const double decay = o->weight_decay * run->decay;
    k->scale = run->scale;
    k->bound = run->bound;
    k->rate = (float)rate;
    k->l1 = (float)(o->l1 * run->decay);
    k->l2 = o->decay == MLP_DECAY_L2 ? (float)decay : 0.0f;
    k->decay = o->decay == MLP_DECAY_DECOUPLED ? (float)decay : 0.0f;
    k->keep = o->decay == MLP_DECAY_DECOUPLED ? (float)fmax(1.0 - rate * decay, 0.0) : 1.0f;
    update_pass *of_rule = run->hidden_matrix ? optimizer->rule->update_hidden : optimizer->rule->update;
    update_pass *pass = run->rate > 0.0 ? of_rule : NULL;
    const float largest = optimizer->rule->squares && !run->hidden_matrix ? LARGEST_SQUARED : INFINITY;
    if (plan->workspace->implied) {
        apply_rule_to_implied(plan, pass, &update, from, largest, is_try);
    } else {
        apply_rule(plan, pass, &update, largest, is_try);
    }
}

/* Neighbours in the arena that are treated alike go through the rule together: most often all of them. */
static void update_share(struct update_plan *plan, const struct range *share, bool is_try)
{
    const struct mlp_network *network = plan->network;
    const struct mlp_optimizer *optimizer = plan->optimizer;
    struct run run = { 0 };
    for (size_t t = 0; t < 2 * network->layer_count; t++) {
        const struct layer *layer = &network->layers[t / 2];
        const bool is_bias = t % 2 == 1;
        const size_t first = is_bias ? layer->bias : layer->weights;
        const float scale = optimizer->scale[t], bound = optimizer->bound[t];
        const double rate = optimizer_rate_factor(optimizer, t);
        const double decay =
            is_bias && !optimizer->options.decay_biases ? 0.0 : optimizer->factors[t / 2].decay;
        const bool matrix = optimizer_takes_apart(optimizer, t);
        if (scale != run.scale || bound != run.bound || rate != run.rate || decay != run.decay ||
            matrix != run.hidden_matrix) {
            update_run(plan, share, &run, is_try);
            run = (struct run){ first, first, scale, bound, rate, decay, matrix };
        }
        run.end = is_bias ? layer->bias + layer->stride : layer->bias;
    }
    update_run(plan, share, &run, is_try);
}

/* By one thread: whether what the members, of all ranks, have tried may be made. */
static void decide_tried(struct update_plan *plan)
{
    plan->status = shards_agree(plan);
    if (plan->status != MLP_OK) {
        undo_update(plan);
        return;
    }
    plan->finite = finite_accepts(plan);
    if (!plan->finite) {
        refuse_update(plan);
    }
}

/* Whether the update may be made, tried by the team where that is not known. */
static bool update_is_finite(const struct team *team, struct update_plan *plan, const struct range *share)
{
    if (plan->finite) {
        return true;
    }
    update_share(plan, share, true);
    team_barrier(team);
    if (team->rank == 0) {
        decide_tried(plan);
    }
    team_barrier(team);
    return plan->apply;
}

/* This member's share of a range of the arena. */
static struct range share_of(const struct team *team, const struct range *range)
{
    const struct range blocks = team_share(team, (range->end - range->first) / STRIDE_MULTIPLE);
    return (struct range){ range->first + blocks.first * STRIDE_MULTIPLE,
                           range->first + blocks.end * STRIDE_MULTIPLE };
}

/* Every parameter by its rule; those of other ranks by these. */
static void update_parameters(const struct team *team, struct update_plan *plan, const struct range *share)
{
    const bool sharded = shards_are_used(plan->optimizer);
    if (sharded) {
        shards_keep(plan, share);
    }
    update_share(plan, share, false);
    if (plan->optimizer->rule->finish != NULL) {
        team_barrier(team);
        optimizer_finish(team, plan);
    }
    if (sharded) {
        shards_gather(team, plan);
    }
}

void optimizer_update(const struct team *team, struct update_plan *plan)
{
    const mlp_optimizer_options *o = &plan->optimizer->options;
    const struct range all = { 0, plan->network->arena_size }, share = share_of(team, &plan->optimizer->own);
    if (plan->reshapes) {
        optimizer_reshape(team, plan);
        if (team->rank == 0) {
            prepare_update(plan);
        }
        team_barrier(team);
        if (!plan->apply) {
            return;
        }
    }
    if (!update_is_finite(team, plan, &share)) {
        return;
    }
    if (o->update_clip != MLP_CLIP_NONE) {
        const struct range before = share_of(team, &all);
        update_clip_begin(plan, &before);
    }
    update_parameters(team, plan, &share);
    if (!plan->apply) {
        return;
    }
    if (o->update_clip != MLP_CLIP_NONE) {
        update_clip_end(team, plan);
    }
    if (o->max_norm > 0.0) {
        team_barrier(team);
        max_norm_apply(team, plan);
    }
}

static void run_update(const struct team *team, void *context)
{
    optimizer_update(team, context);
}

static mlp_status check_step(const mlp_optimizer *optimizer, const mlp_network *network,
                             const mlp_workspace *workspace)
{
    TRY(optimizer_check(optimizer, network));
    TRY(shards_check_whole("mlp_optimizer_step", optimizer));
    TRY(workspace_check(workspace, network));
    FAIL_IF(optimizer->rule->search != NULL, MLP_ERROR_UNSUPPORTED,
            "mlp_optimizer_step: %s takes several passes: call mlp_train_step()", optimizer->rule->name.name);
    FAIL_IF(workspace->state < WORKSPACE_BACKWARD, MLP_ERROR_STATE,
            "mlp_optimizer_step: no backward pass has been made with this workspace");
    return MLP_OK;
}

mlp_status mlp_optimizer_step(mlp_optimizer *optimizer, mlp_network *network, mlp_workspace *workspace,
                              mlp_step_report *report)
{
    struct update_plan plan = { .optimizer = optimizer, .network = network, .workspace = workspace };
    struct pass pass = { .network = network, .workspace = workspace };
    if (report != NULL) {
        *report = (mlp_step_report){ .loss = NAN };
    }
    REQUIRE_ARGUMENT(optimizer);
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(workspace);
    TRY(check_step(optimizer, network, workspace));
    FLUSH_DENORMALS;
    sample_gradient_write(workspace);
    pass_measure(&pass);
    optimizer_decide(&plan, NAN, false);
    if (plan.apply) {
        BLAS_SECTION(true);
        team_run(team_size_for(network->arena_size, FLOATS_OF_A_THREAD, workspace->threads), run_update,
                 &plan);
    }
    if (report != NULL) {
        *report = plan.report;
    }
    return plan.status;
}
