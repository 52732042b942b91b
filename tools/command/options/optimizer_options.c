/* The optimizer from the command line. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options/number.h"
#include "training/train.h"

static mlp_optimizer_options *optimizer_of(void *settings)
{
    return &((struct train_settings *)settings)->optimizer;
}

PARSE_NAME(parse_optimizer, train_settings, optimizer.rule, "--optimizer", mlp_optimizer_from_name)
PARSE_NAME(parse_decay, train_settings, optimizer.decay, "--decay", mlp_decay_from_name)
PARSE_NAME(parse_clip_norm, train_settings, optimizer.clip_norm, "--clip-norm", mlp_clip_norm_from_name)
PARSE_NAME(parse_dropout_kind, train_settings, regularization.dropout, "--dropout-kind",
           mlp_dropout_from_name)

PARSE_NAME(parse_stop_figure, train_settings, fit.stop_figure, "--patience-on", mlp_stop_figure_from_name)

int parse_dropout(const char *text, void *settings)
{
    struct train_settings *s = settings;
    mlp_regularization *noise = &s->regularization;
    size_t count = 0;
    TRY(parse_reals("--dropout", text, "numbers of at least 0 and below 1 separated by commas", 0.0,
                    nextafter(1.0, 0.0), &s->layer_dropout, &count));
    noise->hidden_dropout = s->layer_dropout[0];
    noise->layer_dropout = count > 1 ? s->layer_dropout : NULL;
    noise->layer_dropout_count = count > 1 ? count : 0;
    return EXIT_DONE;
}

int parse_batch(const char *text, void *settings)
{
    size_t *batch = &((struct train_settings *)settings)->fit.batch;
    uint64_t value = SIZE_MAX; /* at most the data set: all */
    const bool valid = strcmp(text, "all") == 0 || (parse_whole(text, &value) && value >= 1);
    *batch = (size_t)value;
    return valid ? EXIT_DONE
                 : usage_error("--batch: expected a whole number of at least 1, or all, got '%s'", text);
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

/* NAME[:NUMBER] cut in two, in a copy that the caller frees: the number is what follows the colon, or NULL.
 */
static int split_name(const char *text, char **name, char **number)
{
    *name = strdup(text);
    TRY(*name != NULL ? EXIT_DONE : out_of_memory());
    *number = strchr(*name, ':');
    if (*number != NULL) {
        *(*number)++ = '\0';
    }
    return EXIT_DONE;
}

static int set_clip_rule(const char *option, const char *text, const char *number, mlp_clip clip,
                         double *threshold)
{
    *threshold = 0.0;
    FAIL_IF(clip == MLP_CLIP_CUSTOM, usage_error("%s: custom is a C program's", option));
    if (clip == MLP_CLIP_NONE) {
        return number == NULL ? EXIT_DONE
                              : usage_error("%s: none takes no threshold, got '%s'", option, text);
    }
    *threshold = mlp_clip_default_threshold(clip) > 0.0 ? mlp_clip_default_threshold(clip) : 1.0;
    FAIL_IF(number != NULL && (!parse_real(number, threshold) || *threshold <= 0.0),
            usage_error("%s: expected RULE:THRESHOLD with a number above 0, got '%s'", option, text));
    return EXIT_DONE;
}

int parse_clip_rule(const char *option, const char *text, mlp_clip *clip, double *threshold)
{
    char *name, *number;
    TRY(split_name(text, &name, &number));
    int code = usage_code(option, mlp_clip_from_name(name, clip));
    code = code == EXIT_DONE ? set_clip_rule(option, text, number, *clip, threshold) : code;
    free(name);
    return code;
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

int parse_nonfinite(const char *text, void *settings)
{
    mlp_optimizer_options *options = optimizer_of(settings);
    char *name, *number;
    uint64_t skips = 0;
    TRY(split_name(text, &name, &number));
    int code = usage_code("--nonfinite", mlp_nonfinite_from_name(name, &options->nonfinite));
    if (code == EXIT_DONE && number != NULL &&
        (options->nonfinite != MLP_NONFINITE_SKIP || !parse_whole(number, &skips) || skips < 1)) {
        code = usage_error(
            "--nonfinite: expected error, zero, skip or skip:K with a whole K of at least 1, got '%s'", text);
    }
    free(name);
    options->max_skips = (size_t)skips;
    return code;
}

int parse_average(const char *text, void *settings)
{
    mlp_average_options *o = &((struct train_settings *)settings)->average;
    char *name, *number;
    double value = 0.0;
    TRY(split_name(text, &name, &number));
    int code = usage_code("--average", mlp_average_from_name(name, &o->rule));
    if (code == EXIT_DONE && number != NULL &&
        (o->rule == MLP_AVERAGE_NONE || !parse_real(number, &value) || value <= 0.0 || value >= 1.0)) {
        code = usage_error(
            "--average: expected ema:DECAY or swa:START with a number above 0 and below 1, got '%s'", text);
    }
    free(name);
    o->decay = o->rule == MLP_AVERAGE_EMA ? value : 0.0;
    o->start = o->rule == MLP_AVERAGE_SWA ? value : 0.0;
    return code;
}
