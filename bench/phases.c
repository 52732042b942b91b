/* What a training step spends its time on: the step of src/session/train_step.c with a clock between its
 * phases. */
#include "phases.h"

#include "base/team.h"
#include "linalg/blas_section.h"
#include "linalg/vector.h"
#include "model/network.h"
#include "model/pass.h"
#include "model/sample_gradient.h"
#include "optim/optimizer.h"
#include "statistics.h"

enum { STAMPS = PHASE_UPDATE + 1 };

struct timed_step {
    struct pass pass;
    struct update_plan update;
    double stamps[STAMPS + 1];
};

const char *phase_name(enum phase phase)
{
    static const char *const names[PHASES] = { "forward", "loss", "backward", "decide",
                                               "update",  "call", "norm",     "barriers" };
    return names[phase];
}

static void stamp(const struct team *team, struct timed_step *step, int index)
{
    if (team->rank == 0) {
        step->stamps[index] = now();
    }
}

static void train(const struct team *team, void *context)
{
    struct timed_step *step = context;
    stamp(team, step, PHASE_FORWARD);
    pass_layers(team, &step->pass);
    stamp(team, step, PHASE_LOSS);
    pass_output_loss(team, &step->pass);
    stamp(team, step, PHASE_BACKWARD);
    pass_backward(team, &step->pass);
    stamp(team, step, PHASE_DECIDE);
    if (team->rank == 0) {
        pass_sum_loss(&step->pass);
        pass_sum_magnitudes(&step->pass);
        optimizer_decide(&step->update, step->pass.loss, true);
    }
    team_barrier(team);
    stamp(team, step, PHASE_UPDATE);
    optimizer_update(team, &step->update);
    team_barrier(team);
    stamp(team, step, STAMPS);
}

/* Every member's share of the gradient, measured once more. */
static void measure(const struct team *team, void *context)
{
    const struct pass *pass = context;
    const struct range share = team_share(team, pass->network->arena_size / STRIDE_MULTIPLE);
    const size_t length = (share.end - share.first) * STRIDE_MULTIPLE;
    volatile double kept =
        vector_kernels()
            ->measure(pass->workspace->gradients + share.first * STRIDE_MULTIPLE, length, 1, length)
            .squares;
    (void)kept;
}

enum { BARRIERS = 16 };

static void only_barriers(const struct team *team, void *context)
{
    (void)context;
    for (int i = 0; i < BARRIERS; i++) {
        team_barrier(team);
    }
}

static void nothing(const struct team *team, void *context)
{
    (void)team;
    (void)context;
}

/* Barriers of a step: after the dA chain, after dW, after the decision; and after each layer where members do
 * not keep to columns of their own. */
static size_t barriers_of(const struct pass *pass)
{
    const size_t layers = pass->network->layer_count;
    return 3 + (plan_is_chained(&pass->workspace->plan, pass_threads(pass)) ? 0 : 2 * layers + 1);
}

/* On all threads: a pass that is timed in pieces is not one that may choose fewer. */
static void run_on_all(struct pass *pass, team_work *work, void *context)
{
    BLAS_SECTION(true);
    team_run(pass_threads(pass), work, context);
}

static double shortest(struct pass *pass, void (*work)(const struct team *team, void *context), size_t calls)
{
    double best = 1e9;
    for (int repeat = 0; repeat < MIN_REPEATS; repeat++) {
        const double start = now();
        for (size_t i = 0; i < calls; i++) {
            run_on_all(pass, work, pass);
        }
        const double time = (now() - start) / (double)calls;
        best = time < best ? time : best;
    }
    return best;
}

void phases_measure(struct problem *problem, mlp_optimizer *optimizer, size_t calls, double phases[PHASES])
{
    static struct samples samples[PHASES];
    size_t count = calls < MAX_REPEATS ? calls : MAX_REPEATS;
    count = count > MIN_REPEATS ? count : MIN_REPEATS;
    struct timed_step step = {
        .pass = { .network = problem->network,
                  .workspace = problem->workspace,
                  .targets = &problem->targets,
                  .want_gradient = true },
        .update = { .optimizer = optimizer, .network = problem->network, .workspace = problem->workspace },
    };
    for (size_t i = 0; i < count; i++) {
        const double start = now();
        pass_check_targets(&step.pass, problem->workspace->batch);
        pass_begin(&step.pass, problem->x, problem->workspace->batch);
        sample_gradient_imply(problem->workspace);
        run_on_all(&step.pass, train, &step);
        const double whole = now() - start;
        for (int p = 0; p < STAMPS; p++) {
            samples[p].seconds[i] = step.stamps[p + 1] - step.stamps[p];
        }
        samples[PHASE_CALL].seconds[i] = whole - (step.stamps[STAMPS] - step.stamps[0]);
    }
    for (int p = 0; p <= PHASE_CALL; p++) {
        samples[p].count = count;
        phases[p] = summarize(&samples[p]).minimum;
    }
    const double region = shortest(&step.pass, nothing, calls);
    phases[PHASE_NORM] = shortest(&step.pass, measure, calls) - region;
    phases[PHASE_BARRIERS] = (shortest(&step.pass, only_barriers, calls) - region) / (double)BARRIERS *
                             (double)barriers_of(&step.pass);
}
