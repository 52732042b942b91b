/* mlp-bench optimizer: the pass of each update rule against the memory's bandwidth, and its step against the
 * bare products. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <mlp/mlp.h>

#include "base/team.h"
#include "bench.h"
#include "gemms.h"
#include "model/network.h"
#include "optim/optimizer.h"
#include "statistics.h"
#include "training.h"
#include "triad.h"

/* Units and inputs of one layer: beyond all caches with its gradient and moments, and within a core's own. */
static const size_t orders[] = { 4096, 128 };

/* ---- an update rule ------------------------------------------------------------------------------------ */

struct pass_of_rule {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    struct update_plan plan;
    int threads;
};

static void update_member(const struct team *team, void *context)
{
    optimizer_update(team, context);
}

static void run_update(void *context)
{
    struct pass_of_rule *pass = context;
    team_run(pass->threads, update_member, &pass->plan);
}

static bool make_pass(size_t order, mlp_optimizer_rule rule, const struct settings *settings,
                      struct pass_of_rule *pass)
{
    const mlp_layer layer = { .units = order, .init = MLP_INIT_CONSTANT, .init_parameters = { .a = 0.01 } };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = rule;
    options.learning_rate = 1e-6;
    options.clip = MLP_CLIP_GLOBAL_NORM;
    options.clip_threshold = 1.0;
    *pass = (struct pass_of_rule){ .threads = settings->threads };
    if (mlp_network_create(order, &layer, 1, NULL, &pass->network) != MLP_OK ||
        mlp_workspace_create(pass->network, 1, NULL, &pass->workspace) != MLP_OK ||
        mlp_optimizer_create(pass->network, &options, &pass->optimizer) != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
        return false;
    }
    for (size_t i = 0; i < pass->workspace->arena_size; i++) {
        pass->workspace->gradients[i] = settings->denormals ? 1e-39f : 0.01f;
        for (size_t s = 0; s < (size_t)pass->optimizer->rule->states; s++) {
            pass->optimizer->state[s][i] = settings->denormals ? 1e-39f : 0.0f;
        }
    }
    pass->workspace->squares[0] = 4.0; /* a norm of 2: the clip is at work */
    pass->plan = (struct update_plan){ .optimizer = pass->optimizer,
                                       .network = pass->network,
                                       .workspace = pass->workspace };
    optimizer_decide(&pass->plan, NAN, false);
    return true;
}

static void free_pass(struct pass_of_rule *pass)
{
    mlp_optimizer_destroy(&pass->optimizer);
    mlp_workspace_destroy(&pass->workspace);
    mlp_network_destroy(&pass->network);
}

/* Parameters and moments are read and written, the gradient is read. */
static double bytes_of(const struct pass_of_rule *pass)
{
    return (double)sizeof(float) * (3.0 + 2.0 * (double)pass->optimizer->rule->states);
}

static void print_row(const struct settings *settings, mlp_optimizer_rule rule,
                      const struct pass_of_rule *pass, const struct summary *update,
                      const struct summary *triad)
{
    const double parameters = (double)pass->workspace->arena_size;
    const double per_second = parameters / update->minimum, bytes = bytes_of(pass) * per_second;
    const double triad_bytes = (double)TRIAD_BYTES * parameters / triad->minimum;
    const double spread = update->spread > triad->spread ? update->spread : triad->spread;
    if (settings->json) {
        print_json(json_pack("{s:s, s:i, s:I, s:f, s:f, s:f, s:f, s:f}", "rule", mlp_optimizer_name(rule),
                             "threads", settings->threads, "parameters",
                             (json_int_t)pass->workspace->arena_size, "parameters_per_second", per_second,
                             "bytes_per_second", bytes, "triad_bytes_per_second", triad_bytes, "share",
                             bytes / triad_bytes, "spread", spread));
    } else {
        printf("%-10s %12zu %14.0f %10.1f %10.1f %8.2f%s\n", mlp_optimizer_name(rule),
               pass->workspace->arena_size, 1e-6 * per_second, 1e-9 * bytes, 1e-9 * triad_bytes,
               bytes / triad_bytes, noise_remark(spread));
        fflush(stdout);
    }
}

/* A rule's pass and the triad over as many entries, interleaved. */
static bool run_row(const struct settings *settings, size_t order, mlp_optimizer_rule rule)
{
    static struct contestant pair[2];
    struct pass_of_rule pass;
    bool done = make_pass(order, rule, settings, &pass);
    float *arrays = done ? calloc(3 * pass.workspace->arena_size, sizeof *arrays) : NULL;
    if (arrays != NULL) {
        const size_t count = pass.workspace->arena_size;
        struct triad triad = { settings->threads, count, arrays };
        pair[0] = (struct contestant){ .work = run_update, .context = &pass };
        pair[1] = (struct contestant){ .work = triad_run, .context = &triad };
        interleave(pair, 2, settings->seconds);
        print_row(settings, rule, &pass, &pair[0].summary, &pair[1].summary);
    } else if (done) {
        fputs("mlp-bench: out of memory\n", stderr);
        done = false;
    }
    free(arrays);
    free_pass(&pass);
    return done;
}

static bool run_passes(const struct settings *settings)
{
    bool done = true;
    if (!settings->json) {
        printf("%d thread%s; bytes: parameters and moments read and written, gradients read; triad: a = b + "
               "s c over as many entries, 16 bytes each\n%-10s %12s %14s %10s %10s %8s\n",
               settings->threads, settings->threads > 1 ? "s" : "", "rule", "parameters", "million/s", "GB/s",
               "triad", "share");
    }
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        for (size_t r = 0; r < MLP_OPTIMIZER_LBFGS;
             r++) { /* whose step is passes, not one over the parameters */
            if (is_chosen(settings, mlp_optimizer_name((mlp_optimizer_rule)r))) {
                done = run_row(settings, orders[o], (mlp_optimizer_rule)r) && done;
            }
        }
    }
    return done;
}

/* ---- steps --------------------------------------------------------------------------------------------- */

enum { MAX_RULES = 32 };

static void print_step(const struct settings *settings, const struct workload *workload, const char *rule,
                       const struct summary *step, const struct summary *gemm)
{
    const double ratio = step->minimum / gemm->minimum,
                 spread = step->spread > gemm->spread ? step->spread : gemm->spread;
    if (settings->json) {
        print_json(json_pack("{s:s, s:i, s:s, s:f, s:f, s:f, s:f}", "rule", rule, "threads",
                             settings->threads, "workload", workload->name, "step_us", 1e6 * step->minimum,
                             "gemm_us", 1e6 * gemm->minimum, "ratio", ratio, "spread", spread));
    } else {
        printf("%-10s %-10s %12.1f %12.1f %8.3f%s\n", rule, workload->name, 1e6 * step->minimum,
               1e6 * gemm->minimum, ratio, noise_remark(spread));
        fflush(stdout);
    }
}

/* The steps of all chosen rules and the bare products, in turn. */
static bool time_steps(const struct settings *settings, const struct workload *workload, struct gemms *gemms,
                       struct training *trainings)
{
    static struct contestant contestants[MAX_RULES + 1];
    const char *names[MAX_RULES];
    size_t count = 0;
    bool done = true;
    for (size_t r = 0; r < mlp_optimizer_count() && done && count < MAX_RULES; r++) {
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = (mlp_optimizer_rule)r;
        if (r == MLP_OPTIMIZER_LBFGS) {
            options.learning_rate = 1.0; /* the first length that its search tries */
        } else {
            options.clip = MLP_CLIP_GLOBAL_NORM;
            options.clip_threshold = 1.0;
        }
        if (is_chosen(settings, mlp_optimizer_name(options.rule))) {
            done = training_make(workload, settings->threads, &options, NULL, &trainings[count]);
            contestants[count] = (struct contestant){ .work = training_step, .context = &trainings[count] };
            names[count++] = mlp_optimizer_name(options.rule);
        }
    }
    if (done && count > 0) {
        gemms_choose_split(gemms);
        contestants[count] = gemms_contestant(gemms);
        interleave(contestants, count + 1, settings->seconds * (double)count);
    }
    for (size_t i = 0; i < count && done; i++) {
        done = training_went_well(&trainings[i], names[i]);
        print_step(settings, workload, names[i], &contestants[i].summary, &contestants[count].summary);
    }
    return done;
}

static bool run_steps(const struct settings *settings, const struct workload *workload)
{
    struct training trainings[MAX_RULES] = { { .status = MLP_OK } };
    struct gemms gemms = { .workload = NULL };
    if (!settings->json) {
        printf("\na step with each rule (lbfgs: of several passes) and its bare matrix products, "
               "microseconds\n"
               "%-10s %-10s %12s %12s %8s\n",
               "rule", "workload", "step", "bare GEMMs", "ratio");
    }
    const bool done =
        gemms_make(workload, settings->threads, &gemms) && time_steps(settings, workload, &gemms, trainings);
    for (size_t i = 0; i < MAX_RULES; i++) {
        training_free(&trainings[i]);
    }
    gemms_free(&gemms);
    return done;
}

static void list(void)
{
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        puts(mlp_optimizer_name((mlp_optimizer_rule)r));
    }
}

static int run(const struct settings *settings)
{
    const bool one_network = settings->custom.count > 0;
    const bool passed = one_network || run_passes(settings);
    const bool stepped = run_steps(settings, one_network ? &settings->custom : workload_find("mnist"));
    return passed && stepped ? 0 : 1;
}

/* clang-format off */
const struct command optimizer_command = {
    .name = "optimizer",
    .description = "each update rule against the memory's bandwidth, and its step against the bare products",
    .about = "Times the update of each rule, clip factor included, over an arena far larger than the "
             "caches and over one of\n"
             "16 thousand parameters, interleaved with the triad a = b + s c over as many entries; then a "
             "whole training step\n"
             "with each rule on mnist, interleaved with the step's bare matrix products. With --workload "
             "or --layers the steps\n"
             "of that network alone.\n\n"
             "JSON keys: rule threads parameters parameters_per_second bytes_per_second "
             "triad_bytes_per_second share\n"
             "spread; of steps: rule threads workload step_us gemm_us ratio spread.",
    .example = "mlp-bench optimizer --filter adam --threads 2",
    .options = OPTIONS_NETWORK | OPTIONS_DENORMALS,
    .seconds = 1.5,
    .list = list,
    .run = run,
};
/* clang-format on */
