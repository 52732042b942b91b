/* What the command line says about single layers: rates, decay and clipping. */
#ifndef TOOLS_LAYER_OPTION_H
#define TOOLS_LAYER_OPTION_H

#include <stddef.h>

#include <mlp/optimizer.h>

/* What an item of a list changes. */
enum layer_change_kind { LAYER_FREEZE, LAYER_RATE, LAYER_DECAY, LAYER_CLIP, LAYER_CHANGE_KINDS };

/* One item of a list: LAYER or LAYER:WHAT. */
struct layer_change {
    enum layer_change_kind kind;
    size_t layer;
    double weights, biases; /* factors; of a decay, `weights` alone */
    mlp_clip clip;
    double threshold;
};

/* All that was said, in order. */
struct layer_changes {
    struct layer_change *items; /* owned */
    size_t count;
};

/* Multiplies the factors that the optimizer has, and sets clipping rules. Returns an exit code. */
int layer_changes_apply(const struct layer_changes *changes, mlp_optimizer *optimizer, size_t layers);
void layer_changes_free(struct layer_changes *changes);

/* Parsers of option rows; `settings` is a struct train_settings. An option that comes again replaces what it
 * said before. */
int parse_freeze(const char *text, void *settings);
int parse_layer_rate(const char *text, void *settings);
int parse_layer_decay(const char *text, void *settings);
int parse_layer_clip(const char *text, void *settings);

#endif
