/* Several trainings of the same data: repetitions with other seeds, folds, the values of a grid. */
#ifndef TOOLS_RUNS_H
#define TOOLS_RUNS_H

#include "training/train.h"

/* What is measured on a data set; NaN: not there. */
enum run_figure { FIGURE_LOSS, FIGURE_ACCURACY, FIGURE_TOP_K, FIGURE_RMSE, FIGURE_MAE, FIGURE_R2, FIGURES };

struct run_figures {
    size_t count; /* samples; 0: not measured */
    double values[FIGURES];
};

/* One training. */
struct run {
    struct train_settings settings; /* its own; `start` is borrowed from the first ones */
    size_t choice, repeat, fold;    /* from 0: of the grid's combinations, of the seeds, of the folds */
    bool done, diverged;
    size_t epochs;
    double seconds;
    struct run_figures validation, test;
};

struct runs {
    const struct train_settings *settings; /* as the command line has them, of a grid the first values */
    struct run *items;                     /* owned; choice after choice, seed after seed, fold after fold */
    size_t count, choices, repeats, folds; /* each at least 1 */
    size_t class_count;                    /* 0: the targets are numbers */
};

/* Cuts the data for a run, trains and measures. A training that diverges is an outcome. Returns an exit
 * code. */
int train_run(struct run *run, const struct train_data *loaded, bool shows_progress);

/* Whether the data can be cut and choices be compared, in which all runs are alike; what is to be said of
 * their length and batch is said. Returns an exit code. */
int try_first_run(const struct runs *runs, const struct train_data *loaded);

/* Prints the figures of the runs that are done. Returns an exit code. */
int print_runs(const struct runs *runs);

/* The chosen values of a choice, as on the command line: "--hidden 64 --dropout 0.2"; the caller frees it. */
char *choice_text(const struct runs *runs, size_t choice);

#endif
