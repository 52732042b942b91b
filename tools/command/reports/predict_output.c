/* What `mlp predict` prints: labels, probabilities, JSON or pictures. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/json_output.h"
#include "message.h"
#include "options/model_argument.h"
#include "charts/picture.h"
#include "reports/predict.h"

enum { NUMBER_SIZE = 24 };

/* After each batch, so that a full disk or a closed pipe is reported with its reason, and soon. */
static int check_output_stream(void)
{
    return ferror(stdout) == 0 && fflush(stdout) == 0
               ? EXIT_DONE
               : work_error("cannot write to standard output: %s", strerror(errno));
}

/* Calls `print` for every sample. */
static int for_each(struct prediction *prediction,
                    void (*print)(const struct prediction *prediction, size_t sample))
{
    for (;;) {
        TRY(prediction_next(prediction));
        if (prediction->count == 0) {
            return EXIT_DONE;
        }
        for (size_t i = 0; i < prediction->count; i++) {
            print(prediction, i);
        }
        TRY(check_output_stream());
    }
}

static void print_class(const struct prediction *prediction, size_t sample)
{
    char number[NUMBER_SIZE];
    print_escaped(stdout,
                  network_class_text(prediction->network, prediction_class(prediction, sample), number));
    putchar('\n');
}

/* Nine digits give a float exactly. */
static void print_numbers(const struct prediction *prediction, size_t sample)
{
    const float *outputs = prediction_outputs(prediction, sample);
    for (size_t i = 0; i < mlp_network_outputs(prediction->network); i++) {
        printf("%s%.9g", i > 0 ? "," : "", (double)outputs[i]);
    }
    putchar('\n');
}

int print_labels(struct prediction *prediction)
{
    return for_each(prediction, network_classifies(prediction->network) ? print_class : print_numbers);
}

/* A field of a CSV file, in quotes where it needs them. */
static void print_field(const char *text)
{
    if (strpbrk(text, ",\"") == NULL) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        fputs(*text == '"' ? "\"\"" : (char[]){ *text, '\0' }, stdout);
    }
    putchar('"');
}

static void print_probability_row(const struct prediction *prediction, size_t sample)
{
    char number[NUMBER_SIZE];
    const float *outputs = prediction_outputs(prediction, sample);
    const size_t count = mlp_network_outputs(prediction->network);
    print_field(network_class_text(prediction->network, prediction_class(prediction, sample), number));
    if (count == 1) {
        printf(",%.9g", 1.0 - (double)outputs[0]);
    }
    for (size_t i = 0; i < count; i++) {
        printf(",%.9g", (double)outputs[i]);
    }
    putchar('\n');
}

int print_probabilities(struct prediction *prediction)
{
    fputs("label", stdout);
    for (size_t i = 0; i < network_classes(prediction->network); i++) {
        char number[NUMBER_SIZE];
        putchar(',');
        print_field(network_class_text(prediction->network, i, number));
    }
    putchar('\n');
    return for_each(prediction, print_probability_row);
}

static json_t *json_sample(const struct prediction *prediction, size_t sample)
{
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

static void print_json_row(const struct prediction *prediction, size_t sample)
{
    json_t *value = json_sample(prediction, sample);
    fputs(prediction->first + sample > 0 ? ",\n  " : "\n  ", stdout);
    json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(value);
}

int print_predictions_json(struct prediction *prediction)
{
    putchar('[');
    const int code = for_each(prediction, print_json_row);
    puts("\n]");
    return code;
}

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
    draw_pictures(stdout, pictures, count, side);
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
        TRY(check_output_stream());
    } while (prediction->count > 0 && drawn < settings->draw);
    return EXIT_DONE;
}
