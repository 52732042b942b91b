/* The command line of every command: one table of options. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static bool whole_number(const char *text, long low, long high, long *value)
{
    char *end;
    *value = strtol(text, &end, 10);
    return end != text && *end == '\0' && *value >= low && *value <= high;
}

static bool take_filter(const char *value, struct settings *settings)
{
    settings->filter = value;
    return true;
}

static bool take_threads(const char *value, struct settings *settings)
{
    long number;
    const bool good = whole_number(value, 1, 1024, &number);
    settings->threads = (int)number;
    settings->threads_given = true;
    return good;
}

static bool seconds_of(const char *text, double most, double *seconds)
{
    char *end;
    *seconds = strtod(text, &end);
    return end != text && *end == '\0' && *seconds > 0.0 && *seconds <= most;
}

static bool take_time(const char *value, struct settings *settings)
{
    return seconds_of(value, 3600.0, &settings->seconds);
}

static bool take_limit(const char *value, struct settings *settings)
{
    return seconds_of(value, 1e6, &settings->limit);
}

static bool take_json(const char *value, struct settings *settings)
{
    (void)value;
    settings->json = true;
    return true;
}

static bool take_workload(const char *value, struct settings *settings)
{
    const struct workload *found = workload_find(value);
    if (found != NULL) {
        const size_t batch = settings->batch_given ? settings->custom.batch : found->batch;
        settings->custom = *found;
        settings->custom.batch = batch;
    }
    return found != NULL;
}

static bool take_layers(const char *value, struct settings *settings)
{
    settings->custom.name = value;
    return workload_parse(value, &settings->custom);
}

static bool take_batch(const char *value, struct settings *settings)
{
    long number;
    const bool good = whole_number(value, 1, 1000000, &number);
    settings->custom.batch = (size_t)number;
    settings->batch_given = true;
    return good;
}

static bool take_optimizer(const char *value, struct settings *settings)
{
    settings->rule_given = true;
    return mlp_optimizer_from_name(value, &settings->rule) == MLP_OK;
}

static bool take_clip(const char *value, struct settings *settings)
{
    settings->clip_given = true;
    return mlp_clip_from_name(value, &settings->clip) == MLP_OK;
}

static bool take_product(const char *value, struct settings *settings)
{
    for (int kind = 0; kind < PRODUCT_KINDS; kind++) {
        if (strcmp(value, product_kind_name((enum product_kind)kind)) == 0) {
            settings->product = (enum product_kind)kind;
            settings->product_given = true;
            return true;
        }
    }
    return false;
}

static bool take_shape(const char *value, struct settings *settings)
{
    char rest;
    return sscanf(value, "%5zux%5zux%5zu%c", &settings->m, &settings->n, &settings->k, &rest) == 3 &&
           settings->m > 0 && settings->n > 0 && settings->k > 0;
}

static bool take_phases(const char *value, struct settings *settings)
{
    (void)value;
    settings->phases = true;
    return true;
}

static bool take_data(const char *value, struct settings *settings)
{
    settings->data = value;
    return strcmp(value, "fashion-mnist") == 0 || strcmp(value, "made") == 0;
}

static bool take_epochs(const char *value, struct settings *settings)
{
    long number;
    const bool good = whole_number(value, 2, 10000, &number);
    settings->epochs = (size_t)number;
    return good;
}

static bool take_denormals(const char *value, struct settings *settings)
{
    (void)value;
    settings->denormals = true;
    workload_use_denormals();
    return true;
}

static bool take_output(const char *value, struct settings *settings)
{
    settings->output = value;
    return value[0] != '\0';
}

static const struct {
    const char *name;
    const char *argument; /* NULL: it takes none */
    unsigned group;       /* 0: every command's */
    bool (*take)(const char *value, struct settings *settings);
    const char *help;
    const char *expected; /* "" where any value is good */
} table[] = {
    { "workload", "NAME", OPTIONS_NETWORK, take_workload,
      "one network alone: tiny, mnist, lecun, deep or wide", "tiny, mnist, lecun, deep or wide" },
    { "layers", "A,B,…", OPTIONS_NETWORK, take_layers, "inputs and units of a network of your own",
      "sizes such as 784,128,10" },
    { "batch", "N", OPTIONS_NETWORK, take_batch, "samples (default: the workload's; 64 with --layers)",
      "1 to 1000000" },
    { "optimizer", "NAME", OPTIONS_UPDATE, take_optimizer, "update rule (default momentum)",
      "a name that `mlp train --help` lists" },
    { "clip", "RULE", OPTIONS_UPDATE, take_clip, "clipping rule, threshold 1 (default global-norm)",
      "a name that `mlp train --help` lists" },
    { "phases", NULL, OPTIONS_PHASES, take_phases, "also how long each phase of the step takes", "" },
    { "product", "KIND", OPTIONS_PRODUCT, take_product,
      "nn: Z = W·A; tn: dA = Wᵀ·dZ; nt: dW = dZ·Aᵀ (--shape: default nn)", "nn, tn or nt" },
    { "shape", "MxNxK", OPTIONS_PRODUCT, take_shape, "rows and columns of the result, inner length",
      "three sizes such as 128x64x784" },
    { "data", "NAME", OPTIONS_TRAINING, take_data,
      "fashion-mnist or made (default: the first where it is installed and fits)", "fashion-mnist or made" },
    { "epochs", "N", OPTIONS_TRAINING, take_epochs, "of a training (default 10)", "2 to 10000" },
    { "write-data", "FILE", OPTIONS_TRAINING, take_output,
      "write the samples (bytes of features, then of labels), and train nothing", "a file's path" },
    { "limit", "SECONDS", OPTIONS_GRID, take_limit,
      "leave out the largest rows that would not end within it (default 600)",
      "seconds, above 0, at most 1000000" },
    { "denormals", NULL, OPTIONS_DENORMALS, take_denormals,
      "inputs (optimizer: gradients and moments, too) are below 1.2e-38", "" },
    { "output", "FILE", OPTIONS_PLOT, take_output, "a .png or .svg to draw into", "a file's path" },
    { "filter", "TEXT", 0, take_filter, "only rows whose name contains it (--list prints the names)", "" },
    { "threads", "N", 0, take_threads, "threads", "1 to 1024" },
    { "time", "SECONDS", 0, take_time, "spent on each row", "seconds, above 0, at most 3600" },
    { "json", NULL, 0, take_json, "one object a line instead of a table", "" },
};

enum { OPTIONS = sizeof table / sizeof table[0], FIRST = 256, LIST = FIRST + OPTIONS, HELP };

/* Whether the command has this option; those that run to an end of their own have no --time. */
static bool takes(const struct command *command, size_t option)
{
    const bool timed = table[option].take != take_time || command->seconds > 0.0;
    return table[option].group == 0 ? timed : (table[option].group & command->options) != 0;
}

static void print_default(const struct command *command,
                          bool (*take)(const char *value, struct settings *settings))
{
    if (take == take_time) {
        printf(" (default %g)", command->seconds);
    } else if (take == take_threads && command->threads > 0) {
        printf(" (default %d)", command->threads);
    } else if (take == take_threads) {
        printf(" (default: OpenMP's)");
    }
    putchar('\n');
}

static void print_command_help(const struct command *command)
{
    printf("usage: mlp-bench %s [OPTION…]\n\n%s\n\n", command->name, command->about);
    for (size_t i = 0; i < OPTIONS; i++) {
        if (takes(command, i)) {
            const char *argument = table[i].argument != NULL ? table[i].argument : "";
            /* `…` is three bytes and one column */
            printf("  --%s %-*s %s", table[i].name,
                   18 - (int)strlen(table[i].name) + (strstr(argument, "…") ? 2 : 0), argument,
                   table[i].help);
            print_default(command, table[i].take);
        }
    }
    printf("  --list               names the rows\n\nexample: %s\n", command->example);
}

int bad_usage(const char *command, const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "mlp-bench %s: %s %s: expected %s\n", command, option, value, expected);
    return 2;
}

/* The options that this command takes, for getopt_long(). */
static void fill_long_options(const struct command *command, struct option *options)
{
    size_t count = 0;
    for (size_t i = 0; i < OPTIONS; i++) {
        if (takes(command, i)) {
            options[count++] =
                (struct option){ table[i].name, table[i].argument != NULL, NULL, FIRST + (int)i };
        }
    }
    options[count++] = (struct option){ "list", no_argument, NULL, LIST };
    options[count++] = (struct option){ "help", no_argument, NULL, HELP };
    options[count] = (struct option){ NULL, 0, NULL, 0 };
}

int command_run(const struct command *command, int argc, char **argv)
{
    struct settings settings = { .command = command->name,
                                 .seconds = command->seconds,
                                 .rule = MLP_OPTIMIZER_MOMENTUM,
                                 .clip = MLP_CLIP_GLOBAL_NORM,
                                 .custom = { .batch = 64 },
                                 .epochs = 10,
                                 .limit = 600.0 };
    struct option options[OPTIONS + 3];
    mlp_info info;
    int found;
    mlp_info_get(&info);
    settings.threads = command->threads > 0 ? command->threads : info.threads;
    fill_long_options(command, options);
    while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (found == HELP) {
            print_command_help(command);
            return 0;
        }
        if (found == LIST) {
            command->list();
            return 0;
        }
        if (found < FIRST) {
            return 2; /* getopt_long() has said what is wrong */
        }
        if (!table[found - FIRST].take(optarg, &settings)) {
            char option[32];
            snprintf(option, sizeof option, "--%s", table[found - FIRST].name);
            return bad_usage(command->name, option, optarg, table[found - FIRST].expected);
        }
    }
    if (optind < argc) {
        return bad_usage(command->name, "argument", argv[optind], "options only");
    }
    return command->run(&settings);
}

bool is_chosen(const struct settings *settings, const char *name)
{
    return settings->filter == NULL || strstr(name, settings->filter) != NULL;
}

const char *product_kind_name(enum product_kind kind)
{
    static const char *const names[PRODUCT_KINDS] = { "nn", "tn", "nt" };
    return names[kind];
}

const char *noise_remark(double spread)
{
    return spread > 0.15 ? "  (noisy: spread over 15 %)" : "";
}

void print_json(json_t *object)
{
    if (object == NULL) {
        fputs("mlp-bench: out of memory\n", stderr);
        return;
    }
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}
