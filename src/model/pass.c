/* The passes as a caller sees them, and what the teams' passes share. */
#include "model/pass.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include <mlp/pass.h>

#include "base/status.h"
#include "linalg/blas_section.h"
#include "model/parts.h"
#include "model/regularize.h"
#include "model/sample_gradient.h"

/* Multiply-adds from which on a thread may pay: a few microseconds of a core; fewer of one sample, which is
 * bound by reading the weights. From certain_work on it does, wherever the threads are
 * (model/team_choice.c). */
enum { WORK_OF_A_THREAD = 200000, WORK_OF_ONE_SAMPLE = 50000 };
static const double certain_work = 3.2e7;

/* Where φ′ follows from A, the epilogue may put A in Z's place: a third less to write and to keep in cache.
 * The output's Z is what losses start from. */
static void place_pre_activations(struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    for (size_t l = 0; l < workspace->layer_count; l++) {
        struct workspace_layer *layer = &workspace->layers[l];
        const bool in_place = pass->network->layers[l].activation->slope_from_value && !workspace->keep_z &&
                              l + 1 < workspace->layer_count;
        layer->z = in_place ? layer->a : layer->buffer_z;
    }
}

/* The gradient as that of one batch by itself. */
static void take_whole_gradient(struct pass *pass)
{
    pass->workspace->gradients = pass->workspace->gradient_buffer;
    pass->gradient = pass->workspace->gradients;
    pass->parts = NULL;
}

void pass_begin(struct pass *pass, const float *x, size_t count)
{
    regularize_begin(pass);
    take_whole_gradient(pass);
    pass_place(pass, x, count);
    pass->status = MLP_OK;
    pass->loss = NAN;
}

bool pass_shares_input(const struct pass *pass)
{
    return pass->parts != NULL && pass->want_gradient && parts_are_shared(pass->parts);
}

void pass_place(struct pass *pass, const float *x, size_t count)
{
    struct mlp_workspace *workspace = pass->workspace;
    pass->x = x;
    const bool prepared = pass->network->mean != NULL || regularizes_inputs(workspace->regularizer) ||
                          pass->stride > 0 || pass_shares_input(pass);
    workspace->x = prepared ? workspace->input : x;
    workspace->count = count;
    workspace->state = WORKSPACE_EMPTY;
    workspace->implied = false;
    place_pre_activations(pass);
    const enum plan_kind kind = pass->parts != NULL ? parts_plan_kind(pass) : PLAN_BATCH;
    if (workspace->plan.count != count || workspace->plan.kind != kind) {
        plan_make(&workspace->plan, pass->network->layers, count, kind);
    }
}

int pass_threads(const struct pass *pass)
{
    const int least = pass->workspace->plan.count == 1 ? WORK_OF_ONE_SAMPLE : WORK_OF_A_THREAD;
    const double work = fmin(pass->workspace->plan.work, (double)INT_MAX * least);
    return team_size_for((size_t)work, (size_t)least, pass->workspace->threads);
}

void pass_run(struct pass *pass, team_work *work, void *context)
{
    struct mlp_workspace *workspace = pass->workspace;
    const bool forward_only = !pass->want_gradient && pass->input_gradient == NULL;
    const int threads = pass_threads(pass);
    BLAS_SECTION(!forward_only || !workspace->plan.forward_is_serial);
    if (threads == 1 || workspace->plan.work >= certain_work) {
        team_run(threads, work, context);
    } else {
        team_choice_run(&workspace->choices[forward_only ? 0 : 1], threads, workspace->plan.count, work,
                        context);
    }
}

struct area area_of(const struct team *team, const struct area *area)
{
    const double each = (area->end - area->first) / team->size;
    const bool last = team->rank + 1 == team->size;
    return (struct area){ area->first + each * team->rank,
                          last ? area->end : area->first + each * (team->rank + 1) };
}

struct area area_share(const struct team *team, double whole)
{
    return area_of(team, &(struct area){ 0.0, whole });
}

bool area_takes(const struct area *share, double *area, const struct tile *tile)
{
    const double half = 0.5 * (double)tile->rows * (double)tile->columns, middle = *area + half;
    *area = middle + half;
    return middle >= share->first && middle < share->end;
}

/* This member's rows of one column, whole vectors. */
static void visit_rows(const struct team *team, struct pass *pass, const struct grid *grid, size_t layer,
                       tile_visitor visit)
{
    const struct range share = team_share(team, (grid->m + STRIDE_MULTIPLE - 1) / STRIDE_MULTIPLE);
    const size_t first = share.first * STRIDE_MULTIPLE, end = share.end * STRIDE_MULTIPLE;
    const struct tile tile = { first, (end < grid->m ? end : grid->m) - first, 0, 1 };
    if (share.first < share.end) {
        visit(pass, layer, &tile);
    }
}

/* Of the tiles in these columns of tiles, in the order of visits, those of a run of them. */
static void visit_run(struct pass *pass, const struct grid *grid, const struct range *columns,
                      const struct range *tiles, size_t layer, tile_visitor visit)
{
    struct tile tile;
    for (size_t t = tiles->first; t < tiles->end;) {
        t += grid_visit_run(grid, columns->first, columns->end, t, tiles->end, &tile);
        visit(pass, layer, &tile);
    }
}

void visit_tiles(const struct team *team, struct pass *pass, const struct grid *grid, size_t layer,
                 tile_visitor visit)
{
    if (grid->any_rows) {
        visit_rows(team, pass, grid, layer, visit);
        return;
    }
    const size_t rows = grid_tile_rows(grid), columns = grid_tile_columns(grid);
    if (plan_is_chained(&pass->workspace->plan, team->size)) {
        const struct range share = plan_columns(&pass->workspace->plan, team);
        const size_t first = share.first / grid->columns,
                     end = (share.end + grid->columns - 1) / grid->columns;
        visit_run(pass, grid, &(struct range){ first, end },
                  &(struct range){ 0, share.first < share.end ? rows * (end - first) : 0 }, layer, visit);
        return;
    }
    const struct area share = area_share(team, (double)grid->m * (double)grid->n);
    struct range own = { 0, 0 };
    double area = 0.0;
    for (size_t t = 0; t < rows * columns; t++) {
        const struct tile tile = grid_visit(grid, 0, columns, t);
        const bool before = own.first == own.end;
        if (area_takes(&share, &area, &tile)) {
            own = (struct range){ before ? t : own.first, t + 1 };
        }
    }
    visit_run(pass, grid, &(struct range){ 0, columns }, &own, layer, visit);
}

void visit_slices(const struct team *team, struct pass *pass, const struct grid *grid, size_t slices,
                  size_t layer, slice_visitor visit)
{
    const size_t columns = grid_tile_columns(grid), tiles = grid_tiles(grid);
    const struct area share = area_share(team, (double)slices * (double)grid->m * (double)grid->n);
    double area = 0.0;
    for (size_t t = 0; t < slices * tiles; t++) {
        const struct tile tile = grid_visit(grid, 0, columns, t % tiles);
        if (area_takes(&share, &area, &tile)) {
            visit(pass, layer, t / tiles, &tile);
        }
    }
}

void join_columns(const struct team *team, const struct pass *pass)
{
    if (!plan_is_chained(&pass->workspace->plan, team->size)) {
        team_barrier(team);
    }
}

const float *layer_input(const struct pass *pass, size_t layer, size_t *ld)
{
    const struct mlp_workspace *workspace = pass->workspace;
    const size_t source = layer_source(layer);
    *ld = source != NETWORK_INPUT ? workspace->layers[source].ld : workspace->inputs;
    return workspace_layer_input(workspace, layer);
}

bool pass_part(const struct pass *pass, size_t i, struct range *columns)
{
    if (pass->parts != NULL) {
        return parts_columns(pass, i, columns);
    }
    *columns = (struct range){ 0, pass->workspace->count };
    return i == 0;
}

double pass_part_loss(const struct pass *pass, size_t i)
{
    struct range part;
    double sum = 0.0;
    pass_part(pass, i, &part);
    for (size_t j = part.first; j < part.end; j += LOSS_BLOCK) {
        sum += *loss_block(pass, i, j);
    }
    return sum;
}

void pass_set_loss(struct pass *pass, double sum)
{
    pass->loss = sum * pass->loss_scale;
    sum /= (double)loss_units(&pass->network->loss, output_layer(pass->network)->units);
    pass->workspace->loss = (struct loss_sum){ sum, pass->mass };
}

void pass_sum_loss(struct pass *pass)
{
    if (!loss_row(pass->network->loss.loss)->whole_batch) {
        pass_set_loss(pass, pass_part_loss(pass, 0));
        return;
    }
    /* the callback has set pass->loss */
    const double sum =
        pass->network->loss.reduction == MLP_REDUCTION_SUM ? pass->loss : pass->loss * pass->mass;
    pass->workspace->loss = (struct loss_sum){ sum, pass->mass };
}

/* ---- what a caller sees -------------------------------------------------------------------------------- */

static mlp_status check_training(const char *function, const mlp_network *network,
                                 const mlp_workspace *workspace, enum workspace_state needed)
{
    FAIL_IF(network == NULL || workspace == NULL, MLP_ERROR_ARGUMENT, "%s: %s is NULL", function,
            network == NULL ? "network" : "workspace");
    FAIL_IF(workspace->purpose != MLP_WORKSPACE_TRAINING, MLP_ERROR_ARGUMENT,
            "%s: the workspace was made for inference, expected one for training", function);
    TRY(workspace_check(workspace, network));
    FAIL_IF(workspace->state < needed, MLP_ERROR_STATE, "%s: no %s pass has been made with this workspace",
            function, needed == WORKSPACE_FORWARD ? "forward" : "backward");
    return MLP_OK;
}

static void run_forward(const struct team *team, void *context)
{
    pass_forward(team, context);
}

static void run_loss(const struct team *team, void *context)
{
    pass_loss(team, context);
}

static void run_backward(const struct team *team, void *context)
{
    pass_backward(team, context);
}

static void run_loss_backward(const struct team *team, void *context)
{
    pass_loss(team, context);
    pass_backward(team, context);
}

mlp_status pass_check_training(const char *function, const mlp_network *network,
                               const mlp_workspace *workspace, const float *x)
{
    TRY(check_training(function, network, workspace, WORKSPACE_EMPTY));
    FAIL_IF(x == NULL, MLP_ERROR_ARGUMENT, "%s: x is NULL", function);
    return MLP_OK;
}

mlp_status pass_check_batch(const char *function, const mlp_network *network, const mlp_workspace *workspace,
                            const float *x, size_t count)
{
    TRY(pass_check_training(function, network, workspace, x));
    FAIL_IF(count == 0 || count > workspace->batch, MLP_ERROR_RANGE,
            "%s: count is %zu, expected 1 to the workspace's batch, %zu", function, count, workspace->batch);
    return workspace_check_inputs(function, workspace, x, workspace->inputs, count);
}

mlp_status pass_prepare_targets(struct pass *pass, size_t count)
{
    const struct loss_settings *loss = &pass->network->loss;
    const size_t units = output_layer(pass->network)->units;
    TRY(loss_check_targets(loss, pass->targets, units, count));
    pass->mass = loss_mass(loss, pass->targets, count);
    pass->loss_scale = loss_scale(loss, units, pass->mass);
    return MLP_OK;
}

mlp_status pass_check_targets(struct pass *pass, size_t count)
{
    const float *weights = pass->targets->weights;
    TRY(pass_prepare_targets(pass, count));
    if (pass->mass > 0.0 || weights == NULL || loss_row(pass->network->loss.loss)->whole_batch) {
        return MLP_OK;
    }
    size_t i = 0;
    while (i < count && weights[i] == 0.0f) {
        i++;
    }
    return i < count ? MLP_OK
                     : fail(MLP_ERROR_RANGE,
                            "targets: the weights of samples 0 to %zu are all 0, expected at least one above",
                            count - 1);
}

static void evaluate(const struct team *team, void *context)
{
    struct pass *pass = context;
    if (pass->mass > 0.0 || !loss_row(pass->network->loss.loss)->whole_batch) {
        pass_layers(team, pass);
        pass_output_loss(team, pass);
    } else {
        pass_forward(team, pass);
    }
}

mlp_status pass_evaluate(const mlp_network *network, mlp_workspace *workspace, const float *x,
                         const mlp_targets *targets, size_t count, bool noise)
{
    struct pass pass = { .network = network, .workspace = workspace, .targets = targets, .noise = noise };
    TRY(pass_prepare_targets(&pass, count));
    pass_begin(&pass, x, count);
    pass.loss = 0.0; /* what a custom loss that is not asked leaves */
    pass_run(&pass, evaluate, &pass);
    pass_sum_loss(&pass);
    workspace->state = WORKSPACE_FORWARD;
    return pass.status;
}

mlp_status mlp_forward(const mlp_network *network, mlp_workspace *workspace, const float *x, size_t count)
{
    struct pass pass = { .network = network, .workspace = workspace, .noise = true };
    TRY(pass_check_batch(__func__, network, workspace, x, count));
    pass_begin(&pass, x, count);
    pass_run(&pass, run_forward, &pass);
    workspace->state = WORKSPACE_FORWARD;
    return MLP_OK;
}

mlp_status pass_loss_status(const struct pass *pass)
{
    if (pass->status != MLP_OK) {
        return pass->status;
    }
    FAIL_IF(!isfinite(pass->loss), MLP_ERROR_NONFINITE, "the loss is %g", pass->loss);
    return MLP_OK;
}

static mlp_status loss_pass(const char *function, struct pass *pass, double *loss,
                            void (*work)(const struct team *team, void *context))
{
    TRY(check_training(function, pass->network, pass->workspace, WORKSPACE_FORWARD));
    TRY(pass_check_targets(pass, pass->workspace->count));
    pass->workspace->state = WORKSPACE_FORWARD;
    take_whole_gradient(pass);
    pass_run(pass, work, pass);
    pass_sum_loss(pass);
    if (loss != NULL) {
        *loss = pass->loss;
    }
    TRY(pass_loss_status(pass));
    pass->workspace->state = pass->want_gradient ? WORKSPACE_BACKWARD : WORKSPACE_FORWARD;
    sample_gradient_keep_input(pass->workspace);
    return MLP_OK;
}

mlp_status mlp_loss_evaluate(const mlp_network *network, mlp_workspace *workspace, const mlp_targets *targets,
                             double *loss)
{
    struct pass pass = { .network = network, .workspace = workspace, .targets = targets, .loss = NAN };
    REQUIRE_ARGUMENT(targets);
    REQUIRE_ARGUMENT(loss);
    return loss_pass(__func__, &pass, loss, run_loss);
}

mlp_status mlp_loss_backward(const mlp_network *network, mlp_workspace *workspace, const mlp_targets *targets,
                             double *loss)
{
    struct pass pass = {
        .network = network, .workspace = workspace, .targets = targets, .loss = NAN, .want_gradient = true
    };
    REQUIRE_ARGUMENT(targets);
    return loss_pass(__func__, &pass, loss, run_loss_backward);
}

/* The caller's dL/dŷ becomes the output layer's dA, then dZ. By one thread: it is a copy of the smallest
 * matrix. */
static void take_output_gradient(struct pass *pass, const float *dy)
{
    const size_t last = pass->network->layer_count - 1;
    const struct layer *output = output_layer(pass->network);
    const size_t count = pass->workspace->count;
    const struct tile all = { 0, output->units, 0, count };
    for (size_t j = 0; j < count; j++) {
        memcpy(pass->workspace->layers[last].d + j * output->stride, dy + j * output->units,
               output->units * sizeof(float));
    }
    activation_gradient(pass, last, &all);
}

mlp_status mlp_backward(const mlp_network *network, mlp_workspace *workspace, const float *dy)
{
    struct pass pass = { .network = network, .workspace = workspace, .want_gradient = true };
    REQUIRE_ARGUMENT(dy);
    TRY(check_training(__func__, network, workspace, WORKSPACE_FORWARD));
    FLUSH_DENORMALS;
    take_whole_gradient(&pass);
    take_output_gradient(&pass, dy);
    pass_run(&pass, run_backward, &pass);
    workspace->state = WORKSPACE_BACKWARD;
    sample_gradient_keep_input(workspace);
    return MLP_OK;
}

mlp_status mlp_input_gradient(const mlp_network *network, mlp_workspace *workspace, float *dx)
{
    struct pass pass = { .network = network, .workspace = workspace, .input_gradient = dx };
    REQUIRE_ARGUMENT(dx);
    TRY(check_training(__func__, network, workspace, WORKSPACE_BACKWARD));
    pass_run(&pass, pass_input_gradient, &pass);
    return MLP_OK;
}
