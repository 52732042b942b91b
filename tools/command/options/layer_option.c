/* What the command line says about single layers: lists of LAYER, LAYER:FACTOR and LAYER:RULE. */
#include "options/layer_option.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options/number.h"
#include "training/train.h"

/* An option and what follows the colon of its items. */
struct layer_row {
    const char *option, *form;
    int (*parse)(const char *item, char *what,
                 struct layer_change *change); /* `what` is NULL without a colon */
};

static int bad_item(const struct layer_row *row, const char *item)
{
    return usage_error("%s: expected %s, layers counted from 0, got '%s'", row->option, row->form, item);
}

/* ---- items --------------------------------------------------------------------------------------------- */

static bool parse_factor(const char *text, double *factor)
{
    return text != NULL && parse_real(text, factor) && *factor >= 0.0;
}

static const struct layer_row rows[LAYER_CHANGE_KINDS];

static int parse_frozen(const char *item, char *what, struct layer_change *change)
{
    return what == NULL ? EXIT_DONE : bad_item(&rows[change->kind], item);
}

/* FACTOR, or FACTOR:BIASFACTOR. */
static int parse_rate(const char *item, char *what, struct layer_change *change)
{
    char *biases = what != NULL ? strchr(what, ':') : NULL;
    if (biases != NULL) {
        *biases++ = '\0';
    }
    const bool valid =
        parse_factor(what, &change->weights) && parse_factor(biases != NULL ? biases : what, &change->biases);
    return valid ? EXIT_DONE : bad_item(&rows[change->kind], item);
}

static int parse_decay_factor(const char *item, char *what, struct layer_change *change)
{
    return parse_factor(what, &change->weights) ? EXIT_DONE : bad_item(&rows[change->kind], item);
}

static int parse_rule(const char *item, char *what, struct layer_change *change)
{
    return what != NULL ? parse_clip_rule(rows[change->kind].option, what, &change->clip, &change->threshold)
                        : bad_item(&rows[change->kind], item);
}

static const struct layer_row rows[LAYER_CHANGE_KINDS] = {
    [LAYER_FREEZE] = { "--freeze", "LAYER,...", parse_frozen },
    [LAYER_RATE] = { "--layer-rate", "LAYER:FACTOR or LAYER:FACTOR:BIASFACTOR with factors of at least 0",
                     parse_rate },
    [LAYER_DECAY] = { "--layer-decay", "LAYER:FACTOR with a factor of at least 0", parse_decay_factor },
    [LAYER_CLIP] = { "--layer-clip", "LAYER:RULE or LAYER:RULE:THRESHOLD", parse_rule },
};

/* ---- lists --------------------------------------------------------------------------------------------- */

static void forget(struct layer_changes *changes, enum layer_change_kind kind)
{
    size_t kept = 0;
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->items[i].kind != kind) {
            changes->items[kept++] = changes->items[i];
        }
    }
    changes->count = kept;
}

static const struct layer_change *find(const struct layer_changes *changes, size_t layer,
                                       enum layer_change_kind kind)
{
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->items[i].layer == layer && changes->items[i].kind == kind) {
            return &changes->items[i];
        }
    }
    return NULL;
}

static int parse_item(char *item, enum layer_change_kind kind, struct layer_changes *changes)
{
    char *copy = strdup(item), *what = strchr(item, ':');
    struct layer_change change = { .kind = kind };
    uint64_t layer;
    if (what != NULL) {
        *what++ = '\0';
    }
    int code = copy != NULL ? EXIT_DONE : out_of_memory();
    if (code == EXIT_DONE && (!parse_whole(item, &layer) || layer > SIZE_MAX)) {
        code = bad_item(&rows[kind], copy);
    }
    if (code == EXIT_DONE) {
        change.layer = (size_t)layer;
        code = find(changes, change.layer, kind) == NULL
                   ? rows[kind].parse(copy, what, &change)
                   : usage_error("%s: layer %zu is there twice", rows[kind].option, change.layer);
    }
    if (code == EXIT_DONE) {
        changes->items[changes->count++] = change;
    }
    free(copy);
    return code;
}

static int parse_list(const char *text, enum layer_change_kind kind, struct layer_changes *changes)
{
    size_t items = 1;
    for (const char *c = text; *c != '\0'; c++) {
        items += *c == ',';
    }
    forget(changes, kind);
    struct layer_change *grown = realloc(changes->items, (changes->count + items) * sizeof *grown);
    char *copy = strdup(text), *next = copy;
    changes->items = grown != NULL ? grown : changes->items;
    int code = grown != NULL && copy != NULL ? EXIT_DONE : out_of_memory();
    while (code == EXIT_DONE && next != NULL) {
        code = parse_item(strsep(&next, ","), kind, changes);
    }
    free(copy);
    return code;
}

#define PARSE_LAYERS(function, kind)                                                                         \
    int function(const char *text, void *settings)                                                           \
    {                                                                                                        \
        return parse_list(text, kind, &((struct train_settings *)settings)->layers);                         \
    }

PARSE_LAYERS(parse_freeze, LAYER_FREEZE)
PARSE_LAYERS(parse_layer_rate, LAYER_RATE)
PARSE_LAYERS(parse_layer_decay, LAYER_DECAY)
PARSE_LAYERS(parse_layer_clip, LAYER_CLIP)

void layer_changes_free(struct layer_changes *changes)
{
    free(changes->items);
    *changes = (struct layer_changes){ 0 };
}

/* ---- in force ------------------------------------------------------------------------------------------ */

static int check_change(const struct layer_changes *changes, const struct layer_change *change,
                        const mlp_optimizer *optimizer, size_t layers)
{
    const char *option = rows[change->kind].option;
    mlp_optimizer_options options;
    mlp_optimizer_get_options(optimizer, &options);
    FAIL_IF(change->layer >= layers,
            usage_error("%s: there is no layer %zu: the network has %zu layer%s, counted from 0, the "
                        "output included",
                        option, change->layer, layers, layers == 1 ? "" : "s"));
    FAIL_IF(change->kind != LAYER_FREEZE && find(changes, change->layer, LAYER_FREEZE) != NULL,
            usage_error("%s: layer %zu is frozen by --freeze", option, change->layer));
    FAIL_IF(change->kind == LAYER_DECAY && options.weight_decay == 0.0 && options.l1 == 0.0,
            usage_error("%s: there is no decay that layer %zu could have a share of; give --weight-decay, "
                        "--l2 or --l1",
                        option, change->layer));
    return EXIT_DONE;
}

/* What one layer's items come to together, so that no state between them has to make sense. */
static int apply_to_layer(const struct layer_changes *changes, mlp_optimizer *optimizer, size_t layer)
{
    mlp_layer_factors factors;
    mlp_status status = mlp_optimizer_get_factors(optimizer, layer, &factors);
    for (size_t i = 0; status == MLP_OK && i < changes->count; i++) {
        const struct layer_change *change = &changes->items[i];
        if (change->layer != layer) {
            continue;
        }
        if (change->kind == LAYER_CLIP) {
            status = mlp_optimizer_set_clip(optimizer, layer, change->clip, change->threshold);
        } else if (change->kind == LAYER_DECAY) {
            factors.decay *= change->weights;
        } else { /* a frozen layer's are 0 */
            factors.weight_rate *= change->weights;
            factors.bias_rate *= change->biases;
        }
    }
    TRY(usage_code("--layer-clip", status));
    status = mlp_optimizer_set_factors(optimizer, layer, &factors);
    return option_code(status);
}

/* A training that could change nothing is a mistake. */
static int check_something_learns(const mlp_optimizer *optimizer, size_t layers)
{
    for (size_t l = 0; l < layers; l++) {
        mlp_layer_factors factors;
        if (mlp_optimizer_get_factors(optimizer, l, &factors) == MLP_OK &&
            factors.weight_rate + factors.bias_rate > 0.0) {
            return EXIT_DONE;
        }
    }
    return usage_error("--freeze, --layer-rate: every layer is frozen, all %zu: nothing is left to train",
                       layers);
}

int layer_changes_apply(const struct layer_changes *changes, mlp_optimizer *optimizer, size_t layers)
{
    for (size_t i = 0; i < changes->count; i++) {
        TRY(check_change(changes, &changes->items[i], optimizer, layers));
    }
    for (size_t l = 0; changes->count > 0 && l < layers; l++) {
        TRY(apply_to_layer(changes, optimizer, l));
    }
    return changes->count > 0 ? check_something_learns(optimizer, layers) : EXIT_DONE;
}
