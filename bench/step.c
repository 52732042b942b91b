/* mlp-bench step: the time of a training step and of its bare matrix products, interleaved. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

#include "bench.h"
#include "gemms.h"
#include "phases.h"
#include "statistics.h"
#include "training.h"

static bool make_step(const struct settings *settings, const struct workload *workload, struct training *step)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = settings->rule;
    options.clip = settings->clip;
    options.clip_threshold = settings->clip == MLP_CLIP_NONE ? 0.0 : 1.0;
    return training_make(workload, settings->threads, &options, NULL, step);
}

static void print_header(const struct settings *settings)
{
    mlp_info info;
    mlp_info_get(&info);
    printf("OpenBLAS core %s, vector level %s, %d thread%s, %s, clip %s; microseconds, minimum over "
           "interleaved repeats\n",
           info.blas_core, info.vector_level, settings->threads, settings->threads > 1 ? "s" : "",
           mlp_optimizer_name(settings->rule), mlp_clip_name(settings->clip));
    printf("%-10s %12s %12s %8s %14s\n", "workload", "step", "bare GEMMs", "ratio", "median ratio");
}

static json_t *phases_json(const double phases[PHASES])
{
    json_t *object = json_object();
    for (int p = 0; p < PHASES; p++) {
        json_object_set_new(object, phase_name((enum phase)p), json_real(1e6 * phases[p]));
    }
    return object;
}

static void print_row(const struct settings *settings, const struct workload *workload,
                      const struct summary *step, const struct summary *gemm, const double *phases)
{
    const double ratio = step->minimum / gemm->minimum, median_ratio = step->median / gemm->median;
    const double spread = fmax(step->spread, gemm->spread);
    if (settings->json) {
        json_t *object =
            json_pack("{s:s, s:i, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "workload", workload->name,
                      "threads", settings->threads, "optimizer", mlp_optimizer_name(settings->rule), "clip",
                      mlp_clip_name(settings->clip), "step_us", 1e6 * step->minimum, "gemm_us",
                      1e6 * gemm->minimum, "ratio", ratio, "step_median_us", 1e6 * step->median,
                      "gemm_median_us", 1e6 * gemm->median, "median_ratio", median_ratio, "spread", spread);
        if (phases != NULL) {
            json_object_set_new(object, "phases_us", phases_json(phases));
        }
        print_json(object);
        return;
    }
    printf("%-10s %12.1f %12.1f %8.3f %14.3f%s\n", workload->name, 1e6 * step->minimum, 1e6 * gemm->minimum,
           ratio, median_ratio, noise_remark(spread));
    if (phases != NULL) {
        for (int p = 0; p < PHASES; p++) {
            printf("    %-10s %8.1f\n", phase_name((enum phase)p), 1e6 * phases[p]);
        }
    }
    fflush(stdout);
}

static bool run_row(const struct settings *settings, const struct workload *workload)
{
    static struct contestant pair[2];
    struct training step = { .status = MLP_OK };
    struct gemms gemms = { .workload = NULL };
    double phases[PHASES];
    bool done = make_step(settings, workload, &step) && gemms_make(workload, settings->threads, &gemms);
    if (done) {
        gemms_choose_split(&gemms);
        pair[0] = (struct contestant){ .work = training_step, .context = &step };
        pair[1] = gemms_contestant(&gemms);
        interleave(pair, 2, settings->seconds);
        if (settings->phases) {
            phases_measure(&step.problem, step.optimizer, pair[0].calls, phases);
        }
        print_row(settings, workload, &pair[0].summary, &pair[1].summary, settings->phases ? phases : NULL);
        done = training_went_well(&step, workload->name);
    }
    gemms_free(&gemms);
    training_free(&step);
    return done;
}

static int run(const struct settings *settings)
{
    if (!settings->json) {
        print_header(settings);
    }
    return workloads_each(settings, run_row);
}

const struct command step_command = {
    .name = "step",
    .description = "a training step against the bare matrix products in it",
    .about =
        "Times one training step (forward, loss, backward, clip, update) and, interleaved with it, the bare "
        "matrix\n"
        "products of that step: one cblas_sgemm each, and with N threads the fastest of BLAS's own threads "
        "and of\n"
        "each product cut into N calls along rows or along columns in one parallel region.\n\n"
        "JSON keys: workload threads optimizer clip step_us gemm_us ratio step_median_us gemm_median_us\n"
        "median_ratio spread, and with --phases an object phases_us.",
    .example = "mlp-bench step --workload mnist --threads 2 --optimizer adam",
    .options = OPTIONS_NETWORK | OPTIONS_DENORMALS | OPTIONS_UPDATE | OPTIONS_PHASES,
    .seconds = 2.0,
    .list = workloads_list,
    .run = run,
};
