/* What `mlp predict` prints: labels, probabilities, JSON or pictures. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/schema.h>

#include "reports/json_output.h"
#include "message.h"
#include "options/model_argument.h"
#include "charts/picture.h"
#include "reports/predict.h"

enum { NUMBER_SIZE = 32 };

/* After each batch, so that a full disk or a closed pipe is reported with its reason, and soon. */
static int check_stream(const struct predict_settings *s)
{
    return ferror(s->stream) == 0 && fflush(s->stream) == 0
               ? EXIT_DONE
               : work_error("cannot write to %s: %s", s->output != NULL ? s->output : "standard output",
                            strerror(errno));
}

/* Calls `print` for every sample. */
static int for_each(struct predict_settings *s,
                    void (*print)(const struct predict_settings *s, size_t sample))
{
    struct prediction *prediction = &s->prediction;
    for (;;) {
        TRY(prediction_next(prediction));
        if (prediction->count == 0) {
            return EXIT_DONE;
        }
        for (size_t i = 0; i < prediction->count; i++) {
            print(s, i);
        }
        TRY(check_stream(s));
    }
}

/* ---- lines --------------------------------------------------------------------------------------------- */

/* Nine digits give a float exactly. A flag is 1 from one half on. */
static void print_outputs(const struct predict_settings *s, size_t sample)
{
    const float *outputs = prediction_outputs(&s->prediction, sample);
    const bool flags = network_predicts_flags(s->network);
    for (size_t i = 0; i < mlp_network_outputs(s->network); i++) {
        const double value = (double)outputs[i];
        fprintf(s->stream, "%s%.9g", i > 0 ? "," : "", flags ? (double)(value >= 0.5) : value);
    }
}

static void print_line(const struct predict_settings *s, size_t sample)
{
    char number[NUMBER_SIZE];
    if (network_classifies(s->network)) {
        print_escaped(s->stream,
                      network_class_text(s->network, prediction_class(&s->prediction, sample), number));
    } else {
        print_outputs(s, sample);
    }
    fputc('\n', s->stream);
}

/* ---- CSV ----------------------------------------------------------------------------------------------- */

/* A field of a CSV file behind a text that says what it is of, in quotes where it needs them. */
static void print_field(FILE *stream, const char *before, const char *text)
{
    const bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    fprintf(stream, "%s%s", quoted ? "\"" : "", before);
    for (; *text != '\0'; text++) {
        fputs(*text == '"' ? "\"\"" : (char[]){ *text, '\0' }, stream);
    }
    fputs(quoted ? "\"" : "", stream);
}

/* Name of the schema's column of ids, or "id". */
static const char *id_name(const struct predict_settings *s)
{
    const mlp_schema *schema = mlp_network_schema(s->network);
    mlp_schema_column column;
    for (size_t c = 0; c < mlp_schema_column_count(schema); c++) {
        const bool found = mlp_schema_get_column(schema, c, &column) == MLP_OK && column.role == MLP_ROLE_ID;
        if (found && column.name != NULL) {
            return column.name;
        }
    }
    return "id";
}

/* What output i is called; "label" for classes, but behind the columns of the file. */
static const char *title_of(const struct predict_settings *s, size_t i, char number[NUMBER_SIZE])
{
    const char *name = mlp_schema_target_name(mlp_network_schema(s->network), i);
    if (network_classifies(s->network) && (name == NULL || !s->append)) {
        return "label";
    }
    snprintf(number, NUMBER_SIZE, "output %zu", i);
    return name != NULL ? name : number;
}

static void print_probability_titles(const struct predict_settings *s)
{
    const bool classes = network_classifies(s->network);
    const char *before = s->append || !classes ? "probability of " : "";
    const size_t count = classes ? network_classes(s->network) : mlp_network_outputs(s->network);
    char number[NUMBER_SIZE];
    for (size_t i = 0; i < count; i++) {
        fputc(',', s->stream);
        print_field(s->stream, before,
                    classes ? network_class_text(s->network, i, number) : title_of(s, i, number));
    }
}

/* Behind the columns of the file titles say that they are predictions. */
static void print_header(const struct predict_settings *s)
{
    const size_t count = network_classifies(s->network) ? 1 : mlp_network_outputs(s->network);
    char number[NUMBER_SIZE];
    if (s->append) {
        fprintf(s->stream, "%s,", mlp_data_line_header(s->set.data));
    } else if (mlp_data_id(s->set.data, 0) != NULL) {
        print_field(s->stream, "", id_name(s));
        fputc(',', s->stream);
    }
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? "," : "", s->stream);
        print_field(s->stream, s->append ? "predicted " : "", title_of(s, i, number));
    }
    if (s->probabilities) {
        print_probability_titles(s);
    }
    fputc('\n', s->stream);
}

static void print_row(const struct predict_settings *s, size_t sample)
{
    char number[NUMBER_SIZE];
    const size_t place = s->prediction.first + sample, count = mlp_network_outputs(s->network);
    const float *outputs = prediction_outputs(&s->prediction, sample);
    if (s->append) {
        fprintf(s->stream, "%s,", mlp_data_line(s->set.data, place));
    } else if (mlp_data_id(s->set.data, place) != NULL) {
        print_field(s->stream, "", mlp_data_id(s->set.data, place));
        fputc(',', s->stream);
    }
    if (network_classifies(s->network)) {
        print_field(s->stream, "",
                    network_class_text(s->network, prediction_class(&s->prediction, sample), number));
    } else {
        print_outputs(s, sample);
    }
    if (s->probabilities && network_classifies(s->network) && count == 1) {
        fprintf(s->stream, ",%.9g", 1.0 - (double)outputs[0]);
    }
    const size_t probabilities = s->probabilities ? count : 0;
    for (size_t i = 0; i < probabilities; i++) {
        fprintf(s->stream, ",%.9g", (double)outputs[i]);
    }
    fputc('\n', s->stream);
}

int print_predictions(struct predict_settings *settings)
{
    const bool table = settings->csv || settings->append || settings->probabilities ||
                       mlp_data_id(settings->set.data, 0) != NULL;
    if (!table) {
        return for_each(settings, print_line);
    }
    print_header(settings);
    return for_each(settings, print_row);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *json_sample(const struct predict_settings *s, size_t sample)
{
    const struct prediction *prediction = &s->prediction;
    const mlp_network *network = prediction->network;
    const float *values = prediction_outputs(prediction, sample);
    json_t *outputs = json_array();
    for (size_t i = 0; i < mlp_network_outputs(network); i++) {
        json_array_append_new(outputs, json_figure((double)values[i]));
    }
    if (!network_classifies(network)) {
        return json_pack("{s:o}", "outputs", outputs);
    }
    char number[NUMBER_SIZE];
    const size_t class = prediction_class(prediction, sample);
    return json_pack("{s:o, s:o, s:o}", "label", json_text(network_class_text(network, class, number)),
                     "class", json_count(class), "outputs", outputs);
}

static void print_json_row(const struct predict_settings *s, size_t sample)
{
    const size_t place = s->prediction.first + sample;
    json_t *value = json_sample(s, sample);
    if (mlp_data_id(s->set.data, place) != NULL) {
        json_object_set_new(value, "id", json_text(mlp_data_id(s->set.data, place)));
    }
    fputs(place > 0 ? ",\n  " : "\n  ", s->stream);
    json_dumpf(value, s->stream, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(value);
}

int print_predictions_json(struct predict_settings *settings)
{
    fputc('[', settings->stream);
    const int code = for_each(settings, print_json_row);
    fputs("\n]\n", settings->stream);
    return code;
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

static void make_captions(const struct prediction *prediction, size_t sample, const struct data_set *set,
                          struct picture *picture)
{
    const mlp_network *network = prediction->network;
    const float *outputs = prediction_outputs(prediction, sample);
    char number[NUMBER_SIZE];
    int32_t actual;
    if (!network_classifies(network)) {
        snprintf(picture->captions[0], PICTURE_CAPTION_SIZE, "predicted %.5g", (double)outputs[0]);
        return;
    }
    const size_t class = prediction_class(prediction, sample);
    char name[41];
    mlp_text_escape(network_class_text(network, class, number), name, sizeof name);
    snprintf(picture->captions[0], PICTURE_CAPTION_SIZE, "predicted %s", name);
    if (mlp_data_class_count(set->data) == 0 ||
        mlp_data_read(set->data, prediction->first + sample, 1, NULL, &actual, NULL) != MLP_OK) {
        return;
    }
    mlp_text_escape(network_class_text(network, (size_t)actual, number), name, sizeof name);
    snprintf(picture->captions[1], PICTURE_CAPTION_SIZE, "true      %s%s", name,
             (size_t)actual == class ? "" : "  (wrong)");
}

/* A row of pictures of the batch's samples from *i on; both counters advance. */
static void draw_row(struct predict_settings *settings, size_t side, size_t *i, size_t *drawn)
{
    const struct prediction *prediction = &settings->prediction;
    struct picture pictures[PICTURE_SCREEN];
    size_t count = 0;
    for (; count < pictures_in_row(side) && *i < prediction->count && *drawn < settings->draw;
         ++*i, ++*drawn) {
        struct picture *picture = &pictures[count++];
        *picture = (struct picture){ .pixels = prediction->x + *i * side * side };
        make_captions(prediction, *i, &settings->set, picture);
    }
    draw_pictures(settings->stream, pictures, count, side);
}

int draw_predictions(struct predict_settings *settings)
{
    struct prediction *prediction = &settings->prediction;
    const size_t inputs = mlp_data_inputs(settings->set.data), side = picture_side(inputs);
    size_t drawn = 0;
    FAIL_IF(side == 0, usage_error("--draw: the samples have %zu features, which make no square picture of a "
                                   "screen's size",
                                   inputs));
    do {
        TRY(prediction_next(prediction));
        for (size_t i = 0; i < prediction->count && drawn < settings->draw;) {
            draw_row(settings, side, &i, &drawn);
        }
        TRY(check_stream(settings));
    } while (prediction->count > 0 && drawn < settings->draw);
    return EXIT_DONE;
}
