/* `mlp train`: settings, data, and what is printed at the end. */
#ifndef TOOLS_TRAIN_H
#define TOOLS_TRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <mlp/optimizer.h>
#include <mlp/train.h>

#include "options/data_argument.h"
#include "options/layer_option.h"
#include "options/network_options.h"
#include "ranks.h"

/* mlp_fit_options::epochs until choose_length() sets it, and what a batch of 0 stands for. */
#define EPOCHS_AUTOMATIC SIZE_MAX
enum { TRAIN_BATCH = 64 };

struct train_settings {
    struct data_request request; /* first, for the parsers of data options */
    struct given_options *given; /* options as they were given */
    const char *config;          /* file that some of them are from, or NULL */
    int print_config;
    const char *data, *test, *validation_data;
    double test_share;          /* of the samples, in place of `test`; 0: none */
    double validation_fraction; /* 0: none */
    size_t validation_last;     /* 0: none */
    int stratified;             /* --validation and --folds deal each class out evenly */
    size_t folds;               /* of a cross-validation; 0: none */
    size_t repeat;              /* trainings with seeds one after another; 0: one */
    size_t train_first;         /* 0: all */
    int standardize;            /* -1: CSV yes, IDX no */
    struct network_settings network;
    const char *from;            /* a saved model to start from, or NULL: a new network */
    mlp_network *start;          /* owned: what it holds, once it is loaded */
    const char *option_of_model; /* name of an option given that says what a saved model says, or NULL */
    mlp_optimizer_options optimizer;
    int weight_decay_given;
    double mup;                  /* base width; 0: the standard parametrization */
    struct layer_changes layers; /* of the optimizer */
    mlp_fit_options fit;
    mlp_schedule_options schedule;
    mlp_regularization regularization;
    double *layer_dropout; /* owned; the regularization's */
    mlp_average_options average;
    mlp_checkpoint_options checkpoint;
    double checkpoint_minutes;
    int checkpoint_failure_given;
    size_t *milestones; /* owned; the schedule's */
    uint64_t seed;
    const char *output, *history, *monitor_history, *log, *plot;
    size_t log_interval;
    int find_learning_rate, clip_survey;
    int monitor; /* watch, every fit.monitor_interval steps */
    int json, quiet;
    int shard_optimizer;     /* of mlp-mpi */
    double exchange_timeout; /* of mlp-mpi, in seconds; 0: its default */
};

/* In rows of options: what a saved model brings along, refused beside one. */
#define OF_A_MODEL offsetof(struct train_settings, option_of_model)

extern const struct option_row train_rows[];
/* The command's own defaults. */
int train_settings_default(void *settings);
void train_settings_free(struct train_settings *settings);
/* Lists the names that options take. */
void print_train_strategies(FILE *stream);

/* Parsers of option rows; `settings` is a struct train_settings. */
int parse_test(const char *text, void *settings);
int parse_optimizer(const char *text, void *settings);
int parse_weight_decay(const char *text, void *settings);
int parse_l2(const char *text, void *settings);
int parse_decay(const char *text, void *settings);
int parse_schedule(const char *text, void *settings);
int parse_clip(const char *text, void *settings);
/* RULE or RULE:THRESHOLD; a threshold of 1 where neither the text nor the rule has one. */
int parse_clip_rule(const char *option, const char *text, mlp_clip *clip, double *threshold);
int parse_clip_norm(const char *text, void *settings);
int parse_update_clip(const char *text, void *settings);
int parse_checkpoint_failure(const char *text, void *settings);
int parse_nonfinite(const char *text, void *settings);

int parse_average(const char *text, void *settings);
int parse_batch(const char *text, void *settings);
int parse_dropout(const char *text, void *settings);
int parse_stop_figure(const char *text, void *settings);
int parse_dropout_kind(const char *text, void *settings);

/* Validation across options: refuses what does not go together, and resolves what depends on several.
 * Returns an exit code. */
int train_settings_check(struct train_settings *settings);
/* Says so where a rule of full batches gets others. */
void tell_of_batch(const struct train_settings *settings, size_t samples);
/* The same for the options of checkpoints. */
int choose_checkpoints(struct train_settings *settings);

/* The data sets of a training; absent ones are NULL. */
struct train_data {
    struct data_set set;      /* as loaded; class names live as long as it does */
    mlp_schema *filling;      /* owned: the schema with what the training part fills in, or NULL */
    const mlp_schema *schema; /* of tables: learnt, or the model's to start from; or NULL */
    mlp_data *train;          /* may be set.data itself */
    mlp_data *validation, *test;
    mlp_data *held_out; /* decides the length where the validation part is a fold's own, which it may not */
    const char **names; /* of the classes, owned array; NULL when targets are values */
    char *numbers;      /* owned: "0", "1", ... where the data has no names */
    size_t classes;
};

/* Loads the model to start from, where there is one, and refuses what contradicts it. Returns an exit code.
 */
int load_start(struct train_settings *settings);
/* Whether the data suit the model to start from. Returns an exit code. */
int check_start(const struct train_settings *settings, const struct train_data *data);

/* Loads and cuts. Returns an exit code; free it in any case. */
int train_data_open(const struct train_settings *settings, struct train_data *data);
/* Missing values are filled in by what the samples to train on have, once these are settled on, in all
 * parts. `loaded`: the data that `data` was cut from, whose parts stay; NULL: all are its own. Returns an
 * exit code. */
int train_data_fill(const struct train_settings *settings, const struct train_data *loaded,
                    struct train_data *data);
/* Refuses a part whose samples all have a weight of 0. Returns an exit code. */
int train_data_check_weights(const struct train_settings *settings, const struct train_data *data);
void train_data_free(struct train_data *data);
/* Loads alone: all samples of --data are in `train`. */
int train_data_load(const struct train_settings *settings, struct train_data *data);
/* Cuts test and validation samples off, as many as the settings ask for. Returns an exit code. */
int train_data_cut(const struct train_settings *settings, struct train_data *data);
/* Frees what was cut in a copy of loaded data, and nothing that is the loaded data's. */
void train_data_free_cut(const struct train_data *loaded, struct train_data *cut);

/* Without --epochs: sets epochs and patience in `fit`, and may cut a part off `data` to validate on; said
 * unless `quiet`. Returns an exit code. */
int choose_length(const struct train_settings *settings, struct train_data *data, mlp_fit_options *fit,
                  bool quiet);
/* Deals a share of the training samples out: by groups where there are any. Returns an exit code. */
int cut_share(const struct train_settings *settings, double share, bool stratified, struct train_data *data,
              mlp_data **part);

/* The network for the data: a copy of the one to start from, or a new one with standardization, class names
 * and balanced class weights (which go into the settings). The caller destroys it in any case. Returns an
 * exit code. */
int train_network_make(struct train_settings *settings, const struct train_data *data, mlp_network **network);

/* How many trainings the options ask for: folds, repetitions, values of a grid; 1: one. */
size_t count_runs(const struct train_settings *settings);
/* All of them, side by side on the processors, and prints the figures. Returns an exit code. */
int train_runs(const struct train_settings *settings, const struct train_data *loaded);

/* The learning-rate range test instead of a training. Returns an exit code. */
int find_learning_rate(const struct train_settings *settings, const struct train_data *data,
                       mlp_network *network, mlp_optimizer *optimizer);

/* An epoch, for the distribution of its gradients' norms. Returns an exit code. */
int survey_clipping(const struct train_settings *settings, const struct train_data *data,
                    mlp_network *network, mlp_optimizer *optimizer);

/* Optimizer and rates for a network. Returns an exit code. */
int train_optimizer_make(const struct train_settings *settings, const mlp_network *network,
                         mlp_optimizer **optimizer);

/* What came of a training. */
struct train_result {
    const mlp_network *network;
    const mlp_report *report;
    const char *saved; /* path, or NULL */
    double seconds;
    size_t samples;                      /* seen in training */
    mlp_metrics train, validation, test; /* count 0: not measured */
};

/* Prints the summary or the JSON on standard output. Returns an exit code. */
int print_train_result(const struct train_settings *settings, const struct train_result *result);
/* Writes the history as CSV; the stream is closed. Returns an exit code. */
int write_history(const char *path, FILE *stream, const mlp_report *report);

#endif
