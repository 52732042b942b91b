/* `mlp train --clip-survey`: an epoch's gradient norms, and the threshold that they propose. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "interrupt.h"
#include "reports/json_output.h"
#include "message.h"
#include "training/train.h"

/* Thresholds in use lie where a tenth of the steps is clipped. */
#define PROPOSED 90.0

static const double percentiles[] = { 0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 100.0 };
enum { PERCENTILES = sizeof percentiles / sizeof percentiles[0] };

struct survey {
    double *norms;
    size_t count, room;
};

static int note(const mlp_progress *progress, void *context)
{
    struct survey *survey = context;
    if (!progress->epoch_ended && progress->last.skipped == 0 && survey->count < survey->room) {
        survey->norms[survey->count++] = progress->last.clip.norm;
    }
    return interrupt_signal() != 0;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between neighbours in a straight line. */
static double percentile(const struct survey *survey, double p)
{
    const double place = p / 100.0 * (double)(survey->count - 1);
    const size_t below = (size_t)place, next = below + 1 < survey->count ? below + 1 : below;
    return survey->norms[below] + (place - (double)below) * (survey->norms[next] - survey->norms[below]);
}

static int print_survey(const struct survey *survey, int as_json)
{
    const double proposed = percentile(survey, PROPOSED);
    if (as_json) {
        json_t *list = json_array();
        for (size_t i = 0; i < PERCENTILES; i++) {
            json_array_append_new(list, json_pack("{s:o, s:o}", "percentile", json_figure(percentiles[i]),
                                                  "norm", json_figure(percentile(survey, percentiles[i]))));
        }
        return print_json(json_pack("{s:o, s:o, s:o}", "steps", json_count(survey->count), "norms", list,
                                    "proposed", json_figure(proposed)));
    }
    printf("norms of the gradient in %zu steps, all parameters together, before clipping:\n", survey->count);
    for (size_t i = 0; i < PERCENTILES; i++) {
        const double norm = percentile(survey, percentiles[i]);
        printf("  %3.0f %%  %-10.4g ", percentiles[i], norm);
        const int stars = (int)(40.0 * norm / survey->norms[survey->count - 1] + 0.5);
        for (int s = 0; s < stars; s++) {
            putchar('*');
        }
        putchar('\n');
    }
    printf("proposed     --clip global-norm:%.2g, which clips a tenth of the steps\n", proposed);
    return EXIT_DONE;
}

int survey_clipping(const struct train_settings *settings, const struct train_data *data,
                    mlp_network *network, mlp_optimizer *optimizer)
{
    mlp_fit_options options = settings->fit;
    struct survey survey = { .room = mlp_data_count(data->train) };
    int code = EXIT_DONE;
    survey.norms = calloc(survey.room, sizeof *survey.norms);
    FAIL_IF(survey.norms == NULL, out_of_memory());
    options.epochs = 1;
    options.checkpoint = NULL;
    options.patience = 0;
    options.progress = note;
    options.progress_context = &survey;
    catch_interrupts();
    const mlp_status status = mlp_fit(network, optimizer, data->train, &options, NULL);
    if (status != MLP_OK) {
        code = option_code(status);
    } else if (interrupt_signal() != 0) {
        code = work_error("stopped after %zu steps", survey.count);
    } else if (survey.count == 0) {
        code = work_error("--clip-survey: every step was left out");
    } else {
        qsort(survey.norms, survey.count, sizeof *survey.norms, ascending);
        code = print_survey(&survey, settings->json);
    }
    free(survey.norms);
    return code;
}
