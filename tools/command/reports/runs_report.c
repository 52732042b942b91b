/* What several trainings came to: a line for each and their mean, a table of a grid, JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "reports/json_output.h"
#include "training/runs.h"

static const struct {
    const char *key, *title;
    int digits; /* after the point; 0: significant ones, 5 */
} figures[FIGURES] = {
    [FIGURE_LOSS] = { "loss", "loss", 0 },
    [FIGURE_ACCURACY] = { "accuracy", "accuracy", 4 },
    [FIGURE_TOP_K] = { "top_k_accuracy", "top-k", 4 },
    [FIGURE_RMSE] = { "rmse", "RMSE", 0 },
    [FIGURE_MAE] = { "mae", "MAE", 0 },
    [FIGURE_R2] = { "r2", "R2", 4 },
};

/* The two data sets that a run is measured on. */
static const struct run_figures *part_of(const struct run *run, bool test)
{
    return test ? &run->test : &run->validation;
}

/* ---- statistics ---------------------------------------------------------------------------------------- */

/* Mean and standard deviation (with n − 1) over the runs of a choice that did not diverge. */
struct spread {
    double mean, deviation;
    size_t count;
};

static struct spread spread_of(const struct runs *runs, size_t choice, bool test, int figure)
{
    const size_t each = runs->repeats * runs->folds;
    struct spread spread = { 0.0, 0.0, 0 };
    double sum = 0.0, squares = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        spread.count = 0;
        for (size_t i = choice * each; i < (choice + 1) * each; i++) {
            const struct run_figures *part = part_of(&runs->items[i], test);
            const double value = part->values[figure];
            if (part->count == 0 || runs->items[i].diverged) {
                continue;
            }
            spread.count++;
            sum += pass == 0 ? value : 0.0;
            squares += pass == 0 ? 0.0 : (value - spread.mean) * (value - spread.mean);
        }
        spread.mean = spread.count > 0 ? sum / (double)spread.count : NAN;
    }
    spread.deviation = spread.count > 1 ? sqrt(squares / (double)(spread.count - 1)) : NAN;
    return spread;
}

static size_t count_of(const struct runs *runs, size_t choice, bool diverged)
{
    const size_t each = runs->repeats * runs->folds;
    size_t count = 0;
    for (size_t i = choice * each; i < (choice + 1) * each; i++) {
        count += diverged ? runs->items[i].diverged : runs->items[i].done;
    }
    return count;
}

static double mean_epochs(const struct runs *runs, size_t choice)
{
    const size_t each = runs->repeats * runs->folds, done = count_of(runs, choice, false);
    double sum = 0.0;
    for (size_t i = choice * each; i < (choice + 1) * each; i++) {
        sum += runs->items[i].done ? (double)runs->items[i].epochs : 0.0;
    }
    return sum / (double)done;
}

/* ---- order --------------------------------------------------------------------------------------------- */

/* By what choices are put in order: always figures of validation, which the test samples have no part in. */
struct place {
    size_t choice, missing; /* runs that diverged or were not done */
    double figures[2];      /* the lower the better */
};

static int compare_places(const void *one, const void *other)
{
    const struct place *a = one, *b = other;
    if (a->missing != b->missing) {
        return a->missing < b->missing ? -1 : 1;
    }
    for (int i = 0; i < 2; i++) {
        if (a->figures[i] < b->figures[i] || a->figures[i] > b->figures[i]) {
            return a->figures[i] < b->figures[i] ? -1 : 1;
        }
    }
    return a->choice < b->choice ? -1 : 1;
}

/* The choices, the best first; the caller frees them. NULL when memory is short. */
static struct place *place_choices(const struct runs *runs)
{
    const size_t each = runs->repeats * runs->folds;
    struct place *places = calloc(runs->choices, sizeof *places);
    for (size_t c = 0; places != NULL && c < runs->choices; c++) {
        const double accuracy = spread_of(runs, c, false, FIGURE_ACCURACY).mean;
        const double loss = spread_of(runs, c, false, FIGURE_LOSS).mean;
        const double rmse = spread_of(runs, c, false, FIGURE_RMSE).mean;
        places[c] = (struct place){ .choice = c,
                                    .missing = each - count_of(runs, c, false) + count_of(runs, c, true),
                                    .figures = { runs->class_count > 0 ? -accuracy : rmse, loss } };
    }
    if (places != NULL) {
        qsort(places, runs->choices, sizeof *places, compare_places);
    }
    return places;
}

/* ---- text ---------------------------------------------------------------------------------------------- */

char *choice_text(const struct runs *runs, size_t choice)
{
    const struct given_options *given = runs->settings->given;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < given->count; i++) {
        if (given->items[i].value_count > 1) {
            fprintf(stream, "%s--%s %s", ftell(stream) > 0 ? " " : "", given->items[i].row->name,
                    value_of_choice(given, i, choice));
        }
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* "0.9712", or "0.9712 +- 0.0031" */
static void format_spread(const struct spread *spread, int figure, char *text, size_t size)
{
    const int digits = figures[figure].digits;
    int length = snprintf(text, size, digits > 0 ? "%.*f" : "%.*g", digits > 0 ? digits : 5, spread->mean);
    if (!isnan(spread->deviation) && length > 0 && (size_t)length < size) {
        snprintf(text + length, size - (size_t)length, digits > 0 ? " +- %.*f" : " +- %.*g",
                 digits > 0 ? digits : 2, spread->deviation);
    }
}

static size_t top_k(const struct runs *runs)
{
    return runs->settings->fit.top_k != 0 ? runs->settings->fit.top_k : 5;
}

/* Those that are there; the accuracy of the k most probable classes where they are not all. */
static bool is_shown(const struct runs *runs, int figure, double value)
{
    return !isnan(value) && (figure != FIGURE_TOP_K || top_k(runs) < runs->class_count);
}

/* Of a run, or of all for NULL. */
static void print_figures(const struct runs *runs, const struct run *run, bool test)
{
    for (int f = 0; f < FIGURES; f++) {
        char text[64], title[32];
        const struct spread spread = run == NULL ? spread_of(runs, 0, test, f)
                                                 : (struct spread){ part_of(run, test)->values[f], NAN, 1 };
        if (is_shown(runs, f, spread.mean)) {
            format_spread(&spread, f, text, sizeof text);
            snprintf(title, sizeof title, f == FIGURE_TOP_K ? "top-%zu" : figures[f].title, top_k(runs));
            printf("  %s %s", title, text);
        }
    }
}

static void print_run(const struct runs *runs, const struct run *run)
{
    char seed[32] = "", fold[32] = "", name[64];
    size_t lines = 0;
    if (runs->repeats > 1) {
        snprintf(seed, sizeof seed, "seed %llu", (unsigned long long)run->settings.seed);
    }
    if (runs->folds > 1) {
        snprintf(fold, sizeof fold, "%sfold %zu", runs->repeats > 1 ? " " : "", run->fold + 1);
    }
    snprintf(name, sizeof name, "%s%s", seed, fold);
    for (int test = 0; test < 2; test++) {
        const struct run_figures *part = part_of(run, test != 0);
        if (part->count == 0) {
            continue;
        }
        printf("%-16s %-10s %8zu samples", lines == 0 ? name : "", test != 0 ? "test" : "validation",
               part->count);
        print_figures(runs, run, test != 0);
        printf(lines++ == 0 ? "  %zu epoch%s\n" : "\n", run->epochs, run->epochs == 1 ? "" : "s");
    }
    if (lines == 0) {
        printf("%-16s %s %zu epoch%s\n", name, run->diverged ? "diverged after" : "nothing to measure,",
               run->epochs, run->epochs == 1 ? "" : "s");
    }
}

/* A line for each run, and the mean of all. */
static void print_lines(const struct runs *runs)
{
    const size_t done = count_of(runs, 0, false) - count_of(runs, 0, true);
    for (size_t i = 0; i < runs->count; i++) {
        if (runs->items[i].done) {
            print_run(runs, &runs->items[i]);
        }
    }
    for (int test = 0; test < 2; test++) {
        if (spread_of(runs, 0, test != 0, FIGURE_LOSS).count > 0) {
            printf("%-16s %-10s %8zu runs   ", "mean", test != 0 ? "test" : "validation", done);
            print_figures(runs, NULL, test != 0);
            putchar('\n');
        }
    }
}

/* Columns of a grid's table after the options. */
static const struct {
    int figures[2]; /* of numbers, of classes */
    bool test;
} columns[] = {
    { { FIGURE_RMSE, FIGURE_ACCURACY }, false },
    { { FIGURE_LOSS, FIGURE_LOSS }, false },
    { { FIGURE_RMSE, FIGURE_ACCURACY }, true },
};

enum { COLUMNS = sizeof columns / sizeof columns[0], CELL = 64 };

static bool has_column(const struct runs *runs, size_t column)
{
    size_t i = 0;
    while (i < runs->count && part_of(&runs->items[i], columns[column].test)->count == 0) {
        i++;
    }
    return i < runs->count;
}

static void print_row(const struct runs *runs, size_t choice, const char *text, int width)
{
    const size_t diverged = count_of(runs, choice, true);
    printf("%-*s", width, text);
    for (size_t c = 0; c < COLUMNS; c++) {
        if (!has_column(runs, c)) {
            continue;
        }
        const int figure = columns[c].figures[runs->class_count > 0];
        const struct spread spread = spread_of(runs, choice, columns[c].test, figure);
        char cell[CELL] = "-";
        if (spread.count > 0) {
            format_spread(&spread, figure, cell, sizeof cell);
        }
        printf("  %-20s", cell);
    }
    printf("  %.4g", mean_epochs(runs, choice));
    printf(diverged > 0 ? ", %zu diverged\n" : "\n", diverged);
}

/* Of all choices; the caller frees the array and each. NULL when memory is short. */
static char **make_texts(const struct runs *runs, int *width)
{
    char **texts = calloc(runs->choices, sizeof *texts);
    if (texts == NULL) {
        return NULL;
    }
    for (size_t c = 0; c < runs->choices; c++) {
        texts[c] = choice_text(runs, c);
        const int length = texts[c] != NULL ? (int)strlen(texts[c]) : 0;
        *width = length > *width ? length : *width;
    }
    return texts;
}

/* The choices, the best first. */
static int print_table(const struct runs *runs, const struct place *places)
{
    static const char heading[] = "settings";
    int width = (int)strlen(heading);
    char **texts = make_texts(runs, &width);
    FAIL_IF(texts == NULL, out_of_memory());
    printf("%-*s", width, heading);
    for (size_t c = 0; c < COLUMNS; c++) {
        char title[CELL];
        if (has_column(runs, c)) {
            snprintf(title, sizeof title, "%s %s", columns[c].test ? "test" : "validation",
                     figures[columns[c].figures[runs->class_count > 0]].title);
            printf("  %-20s", title);
        }
    }
    printf("  epochs\n");
    for (size_t r = 0; r < runs->choices; r++) {
        const size_t choice = places[r].choice;
        if (count_of(runs, choice, false) > 0) {
            print_row(runs, choice, texts[choice] != NULL ? texts[choice] : "", width);
        }
    }
    for (size_t c = 0; c < runs->choices; c++) {
        free(texts[c]);
    }
    free(texts);
    return EXIT_DONE;
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *json_choice(const struct runs *runs, size_t choice)
{
    const struct given_options *given = runs->settings->given;
    json_t *object = json_object();
    for (size_t i = 0; i < given->count; i++) {
        if (given->items[i].value_count > 1) {
            json_object_set_new(object, given->items[i].row->name,
                                json_text(value_of_choice(given, i, choice)));
        }
    }
    return object;
}

static json_t *json_part(const struct run *run, bool test)
{
    const struct run_figures *part = part_of(run, test);
    if (part->count == 0) {
        return json_null();
    }
    json_t *object = json_pack("{s:o}", "samples", json_count(part->count));
    for (int f = 0; f < FIGURES; f++) {
        if (!isnan(part->values[f])) {
            json_object_set_new(object, figures[f].key, json_figure(part->values[f]));
        }
    }
    return object;
}

static json_t *json_run(const struct runs *runs, const struct run *run)
{
    json_t *object =
        json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "settings", json_choice(runs, run->choice), "seed",
                  json_count(run->settings.seed), "epochs", json_count(run->epochs), "seconds",
                  json_figure(run->seconds), "diverged", run->diverged, "validation", json_part(run, false),
                  "test", json_part(run, true));
    if (runs->folds > 1) {
        json_object_set_new(object, "fold", json_count(run->fold + 1));
    }
    return object;
}

static json_t *json_spreads(const struct runs *runs, size_t choice, bool test)
{
    json_t *object = json_object();
    for (int f = 0; f < FIGURES; f++) {
        const struct spread spread = spread_of(runs, choice, test, f);
        if (spread.count > 0 && !isnan(spread.mean)) {
            json_object_set_new(object, figures[f].key,
                                json_pack("{s:o, s:o}", "mean", json_figure(spread.mean), "deviation",
                                          json_figure(spread.deviation)));
        }
    }
    return object;
}

static int print_runs_json(const struct runs *runs, const struct place *places)
{
    json_t *all = json_array(), *summary = json_array();
    for (size_t i = 0; i < runs->count; i++) {
        if (runs->items[i].done) {
            json_array_append_new(all, json_run(runs, &runs->items[i]));
        }
    }
    for (size_t r = 0; r < runs->choices; r++) {
        const size_t choice = places[r].choice;
        json_array_append_new(summary,
                              json_pack("{s:o, s:o, s:o, s:o, s:o}", "settings", json_choice(runs, choice),
                                        "runs", json_count(count_of(runs, choice, false)), "diverged",
                                        json_count(count_of(runs, choice, true)), "validation",
                                        json_spreads(runs, choice, false), "test",
                                        json_spreads(runs, choice, true)));
    }
    return print_json(json_pack("{s:o, s:o}", "runs", all, "summary", summary));
}

int print_runs(const struct runs *runs)
{
    struct place *places = place_choices(runs);
    FAIL_IF(places == NULL, out_of_memory());
    int code = EXIT_DONE;
    if (runs->settings->json) {
        code = print_runs_json(runs, places);
    } else if (runs->choices > 1) {
        code = print_table(runs, places);
    } else {
        print_lines(runs);
    }
    free(places);
    return code;
}
