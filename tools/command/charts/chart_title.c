/* What charts are of, in a line. */
#include "charts/chart_title.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <mlp/activation.h>

/* Of a name; and layers that are spelt out: of more the first ones and the last. */
enum { LONGEST_NAME = 28, SPELT_LAYERS = 6 };

static bool continues_character(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

void shorten_name(const char *name, char *text, size_t size)
{
    const size_t length = strlen(name), half = LONGEST_NAME / 2;
    size_t head = half, tail = length - half;
    if (length <= LONGEST_NAME) {
        snprintf(text, size, "%s", name);
        return;
    }
    while (head > 0 && continues_character(name[head])) {
        head--;
    }
    while (continues_character(name[tail])) {
        tail++;
    }
    snprintf(text, size, "%.*s...%s", (int)head, name, name + tail);
}

void network_text(const mlp_network *network, char text[NETWORK_TEXT])
{
    const size_t layers = mlp_network_layer_count(network);
    mlp_layer layer = { 0 };
    int length = snprintf(text, NETWORK_TEXT, "%zu", mlp_network_inputs(network));
    for (size_t l = 0; l < layers; l++) {
        mlp_network_layer(network, l, &layer);
        if (l + 2 < SPELT_LAYERS || l + 1 == layers) {
            length += snprintf(text + length, NETWORK_TEXT - (size_t)length, "-%zu", layer.units);
        } else if (l + 2 == SPELT_LAYERS) {
            length += snprintf(text + length, NETWORK_TEXT - (size_t)length, "-...");
        }
    }
    mlp_network_layer(network, 0, &layer);
    if (layers > 1) {
        snprintf(text + length, NETWORK_TEXT - (size_t)length, " %s", mlp_activation_name(layer.activation));
    }
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

void chart_title(const char *what, const char *model, const mlp_network *network, const char *data,
                 char title[CHART_TITLE])
{
    char name[2 * LONGEST_NAME] = "", layers[NETWORK_TEXT] = "", set[2 * LONGEST_NAME] = "";
    if (model != NULL) {
        shorten_name(last_name(model), name, sizeof name);
    }
    if (network != NULL) {
        network_text(network, layers);
    }
    if (data != NULL) {
        shorten_name(last_name(data), set, sizeof set);
    }
    snprintf(title, CHART_TITLE, "%s:%s%s%s%s%s%s", what, name[0] != '\0' || layers[0] != '\0' ? " " : "",
             name, model != NULL && network != NULL ? ", " : "", layers, data != NULL ? " on " : "", set);
}
