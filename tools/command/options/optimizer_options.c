/* The optimizer from the command line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "options/number.h"
#include "training/train.h"

static mlp_optimizer_options *optimizer_of(void *settings)
{
    return &((struct train_settings *)settings)->optimizer;
}

int parse_optimizer(const char *text, void *settings)
{
    return mlp_optimizer_from_name(text, &optimizer_of(settings)->rule) == MLP_OK
               ? EXIT_DONE
               : usage_error("--optimizer: %s", mlp_last_error());
}

static int set_decay(const char *option, const char *text, struct train_settings *settings)
{
    settings->weight_decay_given = 1;
    return parse_real(text, &settings->optimizer.weight_decay) && settings->optimizer.weight_decay >= 0.0
               ? EXIT_DONE
               : usage_error("%s: expected a number of at least 0, got '%s'", option, text);
}

int parse_weight_decay(const char *text, void *settings)
{
    return set_decay("--weight-decay", text, settings);
}

int parse_l2(const char *text, void *settings)
{
    optimizer_of(settings)->decay = MLP_DECAY_L2;
    return set_decay("--l2", text, settings);
}

int parse_decay(const char *text, void *settings)
{
    return mlp_decay_from_name(text, &optimizer_of(settings)->decay) == MLP_OK
               ? EXIT_DONE
               : usage_error("--decay: %s", mlp_last_error());
}

/* NAME[:NUMBER] in two: the name in a new text, the number after the colon or NULL. */
static char *split_name(const char *text, const char **number)
{
    const char *colon = strchr(text, ':');
    *number = colon != NULL ? colon + 1 : NULL;
    return strndup(text, colon != NULL ? (size_t)(colon - text) : strlen(text));
}

int parse_clip_rule(const char *option, const char *text, mlp_clip *clip, double *threshold)
{
    const char *number;
    char *name = split_name(text, &number);
    if (name == NULL) {
        return work_error("out of memory");
    }
    const mlp_status status = mlp_clip_from_name(name, clip);
    free(name);
    if (status != MLP_OK) {
        return usage_error("%s: %s", option, mlp_last_error());
    }
    if (*clip == MLP_CLIP_CUSTOM) {
        return usage_error("%s: custom is a C program's", option);
    }
    *threshold = 0.0;
    if (*clip == MLP_CLIP_NONE) {
        return number == NULL ? EXIT_DONE
                              : usage_error("%s: none takes no threshold, got '%s'", option, text);
    }
    *threshold = mlp_clip_default_threshold(*clip) > 0.0 ? mlp_clip_default_threshold(*clip) : 1.0;
    if (number != NULL && (!parse_real(number, threshold) || *threshold <= 0.0)) {
        return usage_error("%s: expected RULE:THRESHOLD with a number above 0, got '%s'", option, text);
    }
    return EXIT_DONE;
}

int parse_clip(const char *text, void *settings)
{
    mlp_optimizer_options *options = optimizer_of(settings);
    return parse_clip_rule("--clip", text, &options->clip, &options->clip_threshold);
}

int parse_update_clip(const char *text, void *settings)
{
    mlp_optimizer_options *options = optimizer_of(settings);
    return parse_clip_rule("--update-clip", text, &options->update_clip, &options->update_clip_threshold);
}

int parse_clip_norm(const char *text, void *settings)
{
    return mlp_clip_norm_from_name(text, &optimizer_of(settings)->clip_norm) == MLP_OK
               ? EXIT_DONE
               : usage_error("--clip-norm: %s", mlp_last_error());
}

int parse_nonfinite(const char *text, void *settings)
{
    mlp_optimizer_options *options = optimizer_of(settings);
    const char *number;
    char *name = split_name(text, &number);
    uint64_t skips = 0;
    if (name == NULL) {
        return work_error("out of memory");
    }
    const mlp_status status = mlp_nonfinite_from_name(name, &options->nonfinite);
    free(name);
    if (status != MLP_OK) {
        return usage_error("--nonfinite: %s", mlp_last_error());
    }
    if (number != NULL &&
        (options->nonfinite != MLP_NONFINITE_SKIP || !parse_whole(number, &skips) || skips < 1)) {
        return usage_error(
            "--nonfinite: expected error, zero, skip or skip:K with a whole K of at least 1, got '%s'", text);
    }
    options->max_skips = (size_t)skips;
    return EXIT_DONE;
}

int parse_dropout_kind(const char *text, void *settings)
{
    struct train_settings *train = settings;
    return mlp_dropout_from_name(text, &train->regularization.dropout) == MLP_OK
               ? EXIT_DONE
               : usage_error("--dropout-kind: %s", mlp_last_error());
}

int parse_average(const char *text, void *settings)
{
    mlp_average_options *o = &((struct train_settings *)settings)->average;
    const char *number;
    char *name = split_name(text, &number);
    double value = 0.0;
    if (name == NULL) {
        return work_error("out of memory");
    }
    const mlp_status status = mlp_average_from_name(name, &o->rule);
    free(name);
    if (status != MLP_OK) {
        return usage_error("--average: %s", mlp_last_error());
    }
    if (number != NULL &&
        (o->rule == MLP_AVERAGE_NONE || !parse_real(number, &value) || value <= 0.0 || value >= 1.0)) {
        return usage_error(
            "--average: expected ema:DECAY or swa:START with a number above 0 and below 1, got '%s'", text);
    }
    o->decay = o->rule == MLP_AVERAGE_EMA ? value : 0.0;
    o->start = o->rule == MLP_AVERAGE_SWA ? value : 0.0;
    return EXIT_DONE;
}
