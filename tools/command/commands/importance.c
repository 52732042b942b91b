/* `mlp importance`: what a model makes of its features. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/importance.h>

#include "charts/plot.h"
#include "command.h"
#include "options/data_argument.h"
#include "options/model_argument.h"
#include "reports/dependence.h"
#include "reports/features.h"
#include "reports/json_output.h"
#include "reports/output_file.h"

struct importance_settings {
    struct data_request request; /* first, for the parsers of data options */
    const char *data, *dependence, *plot;
    mlp_importance_options options;
    int json;
    /* what was found */
    const char *model;
    mlp_network *network;
    struct data_set set;
    struct features features;
    size_t *groups;
    double score;
    mlp_importance *importances; /* of each feature */
    size_t *order;               /* features, the largest drop first */
    struct dependence of_one;
};

#define FIELD(member) offsetof(struct importance_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    TEXT("data", "DATA", data, "Required. " DATA_SPEC_HELP, .letter = 'd'),
    DATA_PART_ROW,
    SIZE("repeats", "N", options.repeats, 1, 1e6, "Permutations of each feature (default: 5)."),
    SEED("seed", "N", options.seed, "Of the permutations (default: 0)."),
    TEXT("dependence", "FEATURE", dependence, "Tell how the predictions depend on this feature instead, by "
        "name or number from 0: the mean prediction, were its value the same in all samples."),
    TEXT("plot", "FILE", plot, "With --dependence: draw it here, as SVG or PNG, with gnuplot."),
    COUNT("threads", "N", options.threads, 1, 1024, "Threads to work with (default: OpenMP's)."),
    FLAG("json", json, 1, "Print the result as JSON."),
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last). Labels must be "
        "the model's class names."),
    { .kind = OPTION_END },
};
/* clang-format on */

static int prepare(void *settings)
{
    struct importance_settings *s = settings;
    s->options = (mlp_importance_options)MLP_IMPORTANCE_OPTIONS_INIT;
    s->options.repeats = 5;
    return data_request_default(settings);
}

static int check(const struct importance_settings *s, const char *model)
{
    FAIL_IF(s->data == NULL,
            usage_error("importance: --data is missing; `mlp importance --help` explains it"));
    FAIL_IF(s->plot != NULL && s->dependence == NULL, usage_error("--plot: needs --dependence FEATURE"));
    if (s->plot == NULL) {
        return EXIT_DONE;
    }
    const struct file_use uses[] = { { "--data", s->data, false },
                                     { "the model", model, false },
                                     { "--plot", s->plot, true } };
    TRY(plot_check_name("--plot", s->plot));
    TRY(plot_check_gnuplot("--plot"));
    return check_distinct(uses, sizeof uses / sizeof uses[0]);
}

/* The largest drop first; equal ones stay as in the table. */
static int by_drop(const void *a, const void *b, void *importances)
{
    const size_t i = *(const size_t *)a, j = *(const size_t *)b;
    const mlp_importance *all = importances;
    return all[i].drop != all[j].drop ? (all[i].drop < all[j].drop) - (all[i].drop > all[j].drop)
                                      : (i > j) - (i < j);
}

static void sort_features(struct importance_settings *s)
{
    for (size_t i = 0; i < s->features.count; i++) {
        s->order[i] = i;
    }
    qsort_r(s->order, s->features.count, sizeof *s->order, by_drop, s->importances);
}

static int print_importances_json(const struct importance_settings *s, const char *score)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->features.count; i++) {
        char number[FEATURE_NAME];
        const mlp_importance *importance = &s->importances[s->order[i]];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "feature",
                                              json_text(feature_name(&s->features, s->order[i], number)),
                                              "drop", json_figure(importance->drop), "deviation",
                                              json_figure(importance->deviation)));
    }
    return print_json(json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "model", json_text(s->model), "data",
                                json_text(s->data), "samples", json_count(mlp_data_count(s->set.data)),
                                "score_name", score, "score", json_figure(s->score), "repeats",
                                json_count(s->options.repeats), "features", list));
}

static int print_importances(const struct importance_settings *s, const char *score)
{
    printf("samples   %zu\n%-9s %.4f\n\n%-24s  %s without it\n", mlp_data_count(s->set.data), score, s->score,
           "feature", "drop of the score");
    for (size_t i = 0; i < s->features.count; i++) {
        char number[FEATURE_NAME], text[128];
        const mlp_importance *importance = &s->importances[s->order[i]];
        mlp_text_escape(feature_name(&s->features, s->order[i], number), text, sizeof text);
        printf("%-24.24s  %8.4f +- %.4f\n", text, importance->drop, importance->deviation);
    }
    return EXIT_DONE;
}

static int measure(struct importance_settings *s)
{
    const char *score = mlp_data_class_count(s->set.data) > 0 ? "accuracy" : "R2";
    s->groups = feature_groups(&s->features);
    s->importances = calloc(s->features.count, sizeof *s->importances);
    s->order = calloc(s->features.count, sizeof *s->order);
    FAIL_IF(s->groups == NULL || s->importances == NULL || s->order == NULL, out_of_memory());
    TRY(work_code(mlp_importance_measure(s->network, s->set.data, s->groups, s->features.count, &s->options,
                                         &s->score, s->importances)));
    sort_features(s);
    return s->json ? print_importances_json(s, score) : print_importances(s, score);
}

static int show_dependence(struct importance_settings *s)
{
    size_t feature;
    TRY(feature_find(&s->features, "--dependence", s->dependence, &feature));
    TRY(dependence_make(&s->of_one, &s->features, feature, s->set.data, s->options.threads));
    TRY(s->json ? print_dependence_json(&s->of_one, s->model, s->data) : print_dependence(&s->of_one));
    return s->plot != NULL ? plot_dependence(s->plot, &s->of_one) : EXIT_DONE;
}

static int run(void *settings, int operands, char **operand)
{
    struct importance_settings *s = settings;
    TRY(check(s, operands > 0 ? operand[0] : NULL));
    TRY(open_model(&importance_command, operands, operand, &s->network));
    s->model = operand[0];
    const struct data_source source = {
        .option = "--data", .spec = s->data, .part = s->request.part, .label_needed = s->dependence == NULL
    };
    TRY(open_data_of_model(&s->request, source, s->network, &s->set));
    FAIL_IF(mlp_data_inputs(s->set.data) != mlp_network_inputs(s->network),
            work_error("--data: '%s' has %zu features, the model has %zu inputs", s->data,
                       mlp_data_inputs(s->set.data), mlp_network_inputs(s->network)));
    TRY(features_make(&s->features, s->network, s->set.data));
    return s->dependence != NULL ? show_dependence(s) : measure(s);
}

static void release(void *settings)
{
    struct importance_settings *s = settings;
    dependence_free(&s->of_one);
    free(s->order);
    free(s->importances);
    free(s->groups);
    features_free(&s->features);
    mlp_data_destroy(&s->set.data);
    mlp_network_destroy(&s->network);
}

const struct command importance_command = {
    .name = "importance",
    .trains = true,
    .summary = "tell which features a model goes by, and how",
    .synopsis = "MODEL --data DATA [OPTION...]",
    .description =
        "Tells how much the accuracy, or R2 of numbers, drops when the values of a feature are dealt out to "
        "other samples, all inputs of a column together, with the deviation over the repeats. Best on data "
        "that the model was not trained on. Of features that say the same, each may have no drop.",
    .rows = rows,
    .examples = "  mlp importance income.safetensors --data more-people.csv\n"
                "  mlp importance price.safetensors --data houses.csv --dependence area --plot area.svg\n",
    .settings_size = sizeof(struct importance_settings),
    .prepare = prepare,
    .run = run,
    .release = release,
};
