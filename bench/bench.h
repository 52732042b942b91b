/* The commands of mlp-bench, and what their command line says. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "workload.h"

/* Options beyond those that every command takes (--filter, --threads, --time, --json, --list, --help). */
enum option_group {
    OPTIONS_NETWORK = 1,    /* --workload, --layers, --batch */
    OPTIONS_UPDATE = 2,     /* --optimizer, --clip */
    OPTIONS_PRODUCT = 4,    /* --product, --shape */
    OPTIONS_PHASES = 8,     /* --phases */
    OPTIONS_PLOT = 16,      /* --output */
    OPTIONS_TRAINING = 32,  /* --data, --epochs, --write-data */
    OPTIONS_GRID = 64,      /* --limit */
    OPTIONS_DENORMALS = 128 /* --denormals */
};

enum product_kind { PRODUCT_KIND_NN = 0, PRODUCT_KIND_TN = 1, PRODUCT_KIND_NT = 2, PRODUCT_KINDS = 3 };

struct settings {
    const char *command;
    int threads; /* default: OpenMP's */
    bool threads_given;
    double seconds; /* for each row */
    bool json;
    bool phases;
    bool denormals;
    const char *filter;     /* part of the names to run, or NULL for all */
    struct workload custom; /* --layers and --batch; count 0: no layers were given */
    bool batch_given;
    mlp_optimizer_rule rule;
    bool rule_given;
    mlp_clip clip;
    bool clip_given;
    enum product_kind product;
    bool product_given;
    size_t m, n, k;     /* of --shape; 0: not given */
    const char *output; /* a file's path, or NULL */
    const char *data;   /* of trainings, or NULL */
    size_t epochs;      /* of trainings */
    double limit;       /* seconds of all rows together */
};

struct command {
    const char *name;
    const char *description; /* a line in the list of commands */
    const char *about;       /* what it times; the keys of its JSON */
    const char *example;
    unsigned options;                            /* sum of enum option_group */
    double seconds;                              /* default of --time */
    int threads;                                 /* default of --threads; 0: OpenMP's */
    void (*list)(void);                          /* --list: the names that --filter chooses from */
    int (*run)(const struct settings *settings); /* exit code: 0, 1 failed, 2 bad usage */
};

extern const struct command cluster_command, data_command, prefetch_command, gemm_command, grid_command,
    init_command, monitor_command, optimizer_command, plot_command, predict_command, regularize_command,
    scaling_command, step_command, tiles_command, train_command;

/* Reads the command line (argv[0] is the command, argv[-1] the program) and runs the command. Returns the
 * exit code. */
int command_run(const struct command *command, int argc, char **argv);

/* "mlp-bench step: --threads 0: expected 1 to 1024" on standard error. Returns 2. */
int bad_usage(const char *command, const char *option, const char *value, const char *expected);

/* Whether --filter selects this name. */
bool is_chosen(const struct settings *settings, const char *name);

/* Prints the object as one line and drops it. A NULL object (out of memory) is reported on standard error. */
void print_json(json_t *object);

/* What a row whose interquartile range exceeds 15 % of its median says so with, or "". */
const char *noise_remark(double spread);

/* "product" names as in --product: nn, tn, nt. */
const char *product_kind_name(enum product_kind kind);

#endif
