/* Partial dependence of one feature: a grid of its values, the mean predictions, and how they are shown. */
#include "reports/dependence.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mlp/importance.h>

#include "charts/plot.h"
#include "message.h"
#include "options/model_argument.h"
#include "reports/json_output.h"

enum {
    QUANTILES = 20,
    CURVES = 6,
    PRINTED = 6,
    ROWS = 256,
    NAME_SIZE = FEATURE_NAME,
    VALUE_SIZE = 128,
    TITLE_SIZE = 80
};
#define SECONDS_OF_DAY 86400
#define DAYS_OF_YEAR 365.2425

/* ---- the values that the feature is set to ------------------------------------------------------------- */

static const mlp_schema_column *column_of(const struct dependence *d)
{
    return &d->features->items[d->feature].column;
}

static int by_first(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The feature's first `width` inputs in all samples, in ascending order of the first; the caller frees. */
static int read_sorted(const mlp_data *data, size_t input, size_t width, float **values)
{
    const size_t inputs = mlp_data_inputs(data), count = mlp_data_count(data);
    float *rows = calloc(inputs, ROWS * sizeof *rows);
    *values = calloc(count, width * sizeof **values);
    int code = rows != NULL && *values != NULL ? EXIT_DONE : out_of_memory();
    for (size_t first = 0; code == EXIT_DONE && first < count; first += ROWS) {
        const size_t size = count - first < ROWS ? count - first : ROWS;
        code = work_code(mlp_data_read(data, first, size, rows, NULL, NULL));
        for (size_t i = 0; i < size; i++) {
            memcpy(*values + (first + i) * width, rows + i * inputs + input, width * sizeof **values);
        }
    }
    free(rows);
    if (code == EXIT_DONE) {
        qsort(*values, count, width * sizeof **values, by_first);
    }
    return code;
}

/* Whether the feature's last input says that a value was missing. */
static bool has_indicator(const struct dependence *d)
{
    static const char missing[] = " missing";
    const mlp_schema_column *column = column_of(d);
    const char *name = mlp_schema_input_name(mlp_network_schema(d->features->network),
                                             column->first_input + column->input_count - 1);
    const size_t length = strlen(name), ending = sizeof missing - 1;
    return column->input_count > 1 && strchr(name, '=') == NULL && length > ending &&
           strcmp(name + length - ending, missing) == 0;
}

/* Quantiles at equal distances, from the least to the largest, each once. A day comes with the inputs of its
 * place in week and year, as a sample has them. */
static int choose_quantiles(struct dependence *d, const mlp_data *data, float *grid)
{
    const mlp_schema_column *column = column_of(d);
    const size_t width = column->input_count - has_indicator(d);
    float *sorted;
    const int code = read_sorted(data, column->first_input, width, &sorted);
    if (code == EXIT_DONE) {
        const size_t last = mlp_data_count(data) - 1;
        for (size_t q = 0; q < QUANTILES; q++) {
            const float *value = sorted + q * last / (QUANTILES - 1) * width;
            if (d->points == 0 || value[0] > grid[(d->points - 1) * column->input_count]) {
                memcpy(grid + d->points * column->input_count, value, width * sizeof *value);
                d->values[d->points++] = (double)value[0] + column->offset;
            }
        }
    }
    free(sorted);
    return code;
}

/* One level after another is 1, the others are 0. */
static void choose_levels(struct dependence *d, float *grid)
{
    const mlp_schema_column *column = column_of(d);
    const mlp_schema *schema = mlp_network_schema(d->features->network);
    const size_t name = column->name != NULL ? strlen(column->name) + 1 : 0,
                 levels = column->input_count - has_indicator(d);
    for (size_t i = 0; i < levels; i++) {
        const char *level = mlp_schema_input_name(schema, column->first_input + i);
        grid[d->points * column->input_count + i] = 1.0f;
        d->values[d->points] = (double)d->points;
        d->names[d->points++] = column->name != NULL && strlen(level) > name ? level + name : level;
    }
}

static int choose_grid(struct dependence *d, const mlp_data *data, float *grid)
{
    if (column_of(d)->kind == MLP_COLUMN_CATEGORICAL) {
        choose_levels(d, grid);
        return EXIT_DONE;
    }
    return choose_quantiles(d, data, grid);
}

int dependence_make(struct dependence *dependence, const struct features *features, size_t feature,
                    const mlp_data *data, int threads)
{
    struct dependence *d = dependence;
    *d =
        (struct dependence){ features, feature, 0, mlp_network_outputs(features->network), NULL, NULL, NULL };
    const mlp_schema_column *column = column_of(d);
    const bool texts = column->kind == MLP_COLUMN_CATEGORICAL;
    const size_t most = texts ? column->input_count : QUANTILES;
    float *grid = calloc(most * column->input_count, sizeof *grid);
    size_t *inputs = calloc(column->input_count, sizeof *inputs);
    d->values = calloc(most, sizeof *d->values);
    d->names = texts ? calloc(most, sizeof *d->names) : NULL;
    d->means = calloc(most * d->outputs, sizeof *d->means);
    const bool made = grid != NULL && inputs != NULL && d->values != NULL && d->means != NULL &&
                      (d->names != NULL || !texts);
    int code = made ? choose_grid(d, data, grid) : out_of_memory();
    if (code == EXIT_DONE) {
        for (size_t i = 0; i < column->input_count; i++) {
            inputs[i] = column->first_input + i;
        }
        code = work_code(mlp_partial_dependence(features->network, data, inputs, column->input_count, grid,
                                                d->points, 0, threads, d->means));
    }
    free(inputs);
    free(grid);
    return code;
}

void dependence_free(struct dependence *dependence)
{
    free(dependence->values);
    free(dependence->names);
    free(dependence->means);
}

/* ---- how they are shown -------------------------------------------------------------------------------- */

/* Of a class, a target, or a number. */
static const char *output_name(const struct dependence *d, size_t output, char number[NAME_SIZE])
{
    const mlp_network *network = d->features->network;
    const char *target = mlp_schema_target_name(mlp_network_schema(network), output);
    if (network_classifies(network)) {
        return network_class_text(network, d->outputs == 1 ? 1 : output, number);
    }
    snprintf(number, NAME_SIZE, "output %zu", output);
    return target != NULL ? target : number;
}

/* A level, a day, or a number. */
static void value_text(const struct dependence *d, size_t point, char text[VALUE_SIZE])
{
    if (d->names != NULL) {
        mlp_text_escape(d->names[point], text, VALUE_SIZE);
    } else if (column_of(d)->kind == MLP_COLUMN_DATE) {
        const time_t seconds = (time_t)floor(d->values[point] * SECONDS_OF_DAY);
        struct tm date = { 0 };
        gmtime_r(&seconds, &date);
        strftime(text, VALUE_SIZE, seconds % SECONDS_OF_DAY == 0 ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M", &date);
    } else {
        snprintf(text, VALUE_SIZE, "%.6g", d->values[point]);
    }
}

int print_dependence(const struct dependence *dependence)
{
    const struct dependence *d = dependence;
    char number[FEATURE_NAME], text[VALUE_SIZE];
    const size_t shown = d->outputs < PRINTED ? d->outputs : PRINTED;
    mlp_text_escape(feature_name(d->features, d->feature, number), text, sizeof text);
    printf("%-20.20s", text);
    for (size_t o = 0; o < shown; o++) {
        mlp_text_escape(output_name(d, o, number), text, sizeof text);
        printf(" %12.12s", text);
    }
    printf("%s\n", shown < d->outputs ? " ..." : "");
    for (size_t p = 0; p < d->points; p++) {
        value_text(d, p, text);
        printf("%-20.20s", text);
        for (size_t o = 0; o < shown; o++) {
            printf(" %12.5g", d->means[p * d->outputs + o]);
        }
        putchar('\n');
    }
    return EXIT_DONE;
}

static json_t *value_json(const struct dependence *d, size_t point)
{
    char text[VALUE_SIZE];
    if (d->names != NULL) {
        return json_text(d->names[point]);
    }
    value_text(d, point, text);
    return column_of(d)->kind == MLP_COLUMN_DATE ? json_text(text) : json_figure(d->values[point]);
}

int print_dependence_json(const struct dependence *dependence, const char *model, const char *data)
{
    const struct dependence *d = dependence;
    char number[FEATURE_NAME];
    json_t *names = json_array(), *points = json_array();
    for (size_t o = 0; o < d->outputs; o++) {
        json_array_append_new(names, json_text(output_name(d, o, number)));
    }
    for (size_t p = 0; p < d->points; p++) {
        json_t *means = json_array();
        for (size_t o = 0; o < d->outputs; o++) {
            json_array_append_new(means, json_figure(d->means[p * d->outputs + o]));
        }
        json_array_append_new(points, json_pack("{s:o, s:o}", "value", value_json(d, p), "means", means));
    }
    return print_json(json_pack("{s:o, s:o, s:o, s:o, s:o}", "model", json_text(model), "data",
                                json_text(data), "feature",
                                json_text(feature_name(d->features, d->feature, number)), "outputs", names,
                                "dependence", points));
}

/* Levels stand at 0, 1, ... and are named at the first curve; days are years and their parts. */
static int draw(struct canvas *canvas, const struct dependence *d, double *columns, struct mark *marks)
{
    struct curve curves[CURVES];
    char numbers[CURVES][NAME_SIZE], number[FEATURE_NAME], title[TITLE_SIZE] = "Partial dependence";
    const size_t outputs = d->outputs < CURVES ? d->outputs : CURVES;
    const bool days = column_of(d)->kind == MLP_COLUMN_DATE;
    double *x = columns + outputs * d->points;
    for (size_t p = 0; p < d->points; p++) {
        x[p] = days ? 1970.0 + d->values[p] / DAYS_OF_YEAR : d->values[p];
    }
    for (size_t o = 0; o < outputs; o++) {
        double *column = columns + o * d->points;
        for (size_t p = 0; p < d->points; p++) {
            column[p] = d->means[p * d->outputs + o];
        }
        curves[o] = (struct curve){ .title = output_name(d, o, numbers[o]),
                                    .kind = d->names != NULL ? CURVE_POINTS : CURVE_MEASURED,
                                    .colour = (int)o,
                                    .x = x,
                                    .y = column,
                                    .count = d->points };
    }
    if (d->names != NULL) {
        for (size_t p = 0; p < d->points; p++) {
            marks[p] = (struct mark){ d->values[p], columns[p], d->names[p], 0 };
        }
    }
    if (d->outputs > CURVES) {
        snprintf(title, sizeof title, "Partial dependence of the first %d of %zu outputs", CURVES,
                 d->outputs);
    }
    const struct chart chart = { .title = title,
                                 .x_label = feature_name(d->features, d->feature, number),
                                 .y_label = "mean prediction",
                                 .curves = curves,
                                 .curve_count = outputs,
                                 .marks = marks,
                                 .mark_count = d->names != NULL ? d->points : 0 };
    return plot_draw(canvas, &chart, 1);
}

int plot_dependence(const char *path, const struct dependence *dependence)
{
    struct canvas canvas = { .path = path };
    double *columns = calloc(dependence->points, (CURVES + 1) * sizeof *columns);
    struct mark *marks = calloc(dependence->points, sizeof *marks);
    const int code =
        columns != NULL && marks != NULL ? draw(&canvas, dependence, columns, marks) : out_of_memory();
    free(marks);
    free(columns);
    return code;
}
