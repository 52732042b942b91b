/* `mlp train --find-learning-rate`: the learning-rate range test, its curve and what it suggests. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <mlp/rate_test.h>

#include "reports/json_output.h"
#include "message.h"
#include "reports/output_file.h"
#include "charts/chart_title.h"
#include "charts/plot.h"
#include "training/train.h"

/* Losses are drawn up to so many times the first. */
#define TALLEST 1.5

enum { MARK_SIZE = 32 };

/* The suggestion on the smoothed curve. */
static size_t mark_suggestion(const mlp_rate_point *points, size_t count, double rate, char text[MARK_SIZE],
                              struct mark *mark)
{
    size_t k = 0;
    while (k < count && points[k].rate < rate) {
        k++;
    }
    if (isnan(rate) || k == count) {
        return 0;
    }
    snprintf(text, MARK_SIZE, "suggestion %.2g", rate);
    *mark = (struct mark){ rate, points[k].smoothed, text, 1 };
    return 1;
}

static int draw(const struct train_settings *settings, const mlp_network *network,
                const mlp_rate_point *points, size_t count, double suggestion)
{
    char title[CHART_TITLE], text[MARK_SIZE];
    struct mark mark;
    struct canvas canvas = { .path = settings->plot, .title = title };

    double *values = calloc(3 * count + 1, sizeof *values);
    FAIL_IF(values == NULL, out_of_memory());
    const double highest = points[0].smoothed * TALLEST; /* where it breaks out there is nothing to see */
    for (size_t k = 0; k < count; k++) {
        values[k] = points[k].rate;
        values[count + k] = points[k].loss < highest ? points[k].loss : NAN;
        values[2 * count + k] = points[k].smoothed < highest ? points[k].smoothed : NAN;
    }
    /* clang-format off */
    const struct curve curves[] = {
        { .title = "of the batch", .kind = CURVE_MEASURED, .colour = 0, .x = values, .y = values + count,
          .count = count },
        { .title = "smoothed", .kind = CURVE_MEASURED, .colour = 1, .x = values, .y = values + 2 * count,
          .count = count },
    };
    /* clang-format on */
    const struct chart chart = { .title = "learning-rate range test",
                                 .x_label = "learning rate",
                                 .y_label = "loss",
                                 .log_x = true,
                                 .curves = curves,
                                 .curve_count = 2,
                                 .marks = &mark,
                                 .mark_count = mark_suggestion(points, count, suggestion, text, &mark) };
    chart_title("range test", settings->from, network, settings->data, title);
    const int code = plot_draw(&canvas, &chart, 1);
    free(values);
    return code;
}

static int print_as_json(const mlp_rate_point *points, size_t count, const mlp_rate_suggestion *suggestion)
{
    json_t *list = json_array();
    for (size_t k = 0; k < count; k++) {
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "rate", json_figure(points[k].rate), "loss",
                                              json_figure(points[k].loss), "smoothed",
                                              json_figure(points[k].smoothed)));
    }
    return print_json(json_pack("{s:o, s:o, s:o}", "suggestion", json_figure(suggestion->steepest), "lowest",
                                json_figure(suggestion->lowest), "points", list));
}

static void print_text(const mlp_rate_point *points, size_t count, const mlp_rate_suggestion *suggestion)
{
    printf("%zu steps at rates from %.2g to %.2g; the smoothed loss is lowest at %.2g\n", count,
           points[0].rate, points[count - 1].rate, suggestion->lowest);
    if (isnan(suggestion->steepest)) {
        puts("The loss never falls: no rate to suggest.");
    } else {
        printf("suggestion   --learning-rate %.2g, where it falls fastest\n", suggestion->steepest);
    }
}

int find_learning_rate(const struct train_settings *settings, const struct train_data *data,
                       mlp_network *network, mlp_optimizer *optimizer)
{
    mlp_rate_test_options options = MLP_RATE_TEST_OPTIONS_INIT;
    mlp_rate_suggestion suggestion = { NAN, NAN };
    mlp_regularization noise = settings->regularization;
    size_t count = 0;
    noise.mixup = 0.0;
    options.batch = settings->fit.batch;
    options.seed = settings->seed;
    options.threads = settings->fit.threads;
    options.regularization = &noise;
    if (settings->plot != NULL && check_output("--plot", settings->plot) != EXIT_DONE) {
        return EXIT_WORK;
    }
    mlp_rate_point *points = calloc(mlp_rate_test_steps(&options), sizeof *points);
    FAIL_IF(points == NULL, out_of_memory());
    const mlp_status status =
        mlp_rate_test(network, optimizer, data->train, &options, points, &count, &suggestion);
    int code = option_code(status);
    if (code == EXIT_DONE && settings->json) {
        code = print_as_json(points, count, &suggestion);
    } else if (code == EXIT_DONE) {
        print_text(points, count, &suggestion);
    }
    if (code == EXIT_DONE &&
        (settings->plot != NULL || (!settings->json && !settings->quiet && plot_possible()))) {
        code = draw(settings, network, points, count, suggestion.steepest);
    }
    free(points);
    return code;
}
