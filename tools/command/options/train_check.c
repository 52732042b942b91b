/* `mlp train`: what no single option can tell. */
#include <stdbool.h>
#include <stdlib.h>

#include "message.h"
#include "charts/plot.h"
#include "training/train.h"

enum { MONITOR_INTERVAL = 100 };

/* Initializer mup in all layers. */
static int choose_mup(struct train_settings *settings)
{
    struct choices *inits = &settings->network.inits;
    if (settings->mup == 0.0 || settings->from != NULL) { /* a saved model was drawn long ago */
        return EXIT_DONE;
    }
    if (inits->count > 0 || settings->network.output_init.count > 0 || settings->network.data_init_given) {
        return usage_error(
            "--mup: chooses the initializers itself; give it without --init, --output-init and --data-init");
    }
    inits->items = calloc(1, sizeof *inits->items);
    if (inits->items == NULL) {
        return out_of_memory();
    }
    inits->count = 1;
    inits->items[0] = (struct choice){ .value = MLP_INIT_MUP, .numbers = { .a = settings->mup } };
    return EXIT_DONE;
}

/* What takes the place of a training leaves nothing to save or to go on from. */
static int check_mode(const struct train_settings *settings)
{
    const struct {
        const char *option;
        bool given;
    } modes[] = {
        { "--folds", settings->folds > 0 },
        { "--find-learning-rate", settings->find_learning_rate != 0 },
        { "--clip-survey", settings->clip_survey != 0 },
    }, refused[] = {
        { "--output", settings->output != NULL },
        { "--history", settings->history != NULL },
        { "--monitor-history", settings->monitor_history != NULL },
        { "--log", settings->log != NULL },
        { "--checkpoint", settings->checkpoint.folder != NULL },
        { "--test", settings->test != NULL },
    };
    const size_t mode_count = sizeof modes / sizeof modes[0],
                 refused_count = sizeof refused / sizeof refused[0];
    for (size_t m = 0; m < mode_count; m++) {
        if (!modes[m].given) {
            continue;
        }
        for (size_t other = m + 1; other < mode_count; other++) {
            if (modes[other].given) {
                return usage_error("%s: cannot be given with %s", modes[m].option, modes[other].option);
            }
        }
        if (m > 0 && settings->optimizer.rule == MLP_OPTIMIZER_LBFGS) {
            return usage_error("%s: lbfgs searches for its own steps, and clips nothing; give another "
                               "--optimizer",
                               modes[m].option);
        }
        for (size_t r = 0; r < refused_count; r++) {
            if (refused[r].given) {
                return usage_error("%s: cannot be given with %s", modes[m].option, refused[r].option);
            }
        }
    }
    return EXIT_DONE;
}

/* A schedule's numbers together. */
static int check_schedule(const struct train_settings *settings)
{
    mlp_schedule_point point;
    const mlp_status status = mlp_schedule_at(&settings->schedule, 0, 1, &point);
    return status == MLP_OK || status == MLP_ERROR_UNSUPPORTED
               ? EXIT_DONE
               : usage_error("--schedule: %s", mlp_last_error());
}

/* What no single option can tell. */
int train_settings_check(struct train_settings *settings)
{
    const int validations = (settings->validation_fraction > 0.0) + (settings->validation_last > 0) +
                            (settings->validation_data != NULL);
    if (settings->data == NULL) {
        return usage_error("train: --data is missing; `mlp train --help` explains it");
    }
    if (validations > 1) {
        return usage_error("expected one of --validation, --validation-last and --validation-data, got %d of "
                           "them",
                           validations);
    }
    const int mode = check_mode(settings);
    if (mode != EXIT_DONE) {
        return mode;
    }
    if (settings->stratified && settings->validation_fraction == 0.0 && settings->folds == 0) {
        return usage_error("--stratified: needs --validation FRACTION or --folds K");
    }
    if (settings->plot != NULL && !settings->find_learning_rate) {
        return usage_error("--plot: needs --find-learning-rate; `mlp plot` draws a training's log");
    }
    if (settings->plot != NULL) {
        TRY(plot_check_name("--plot", settings->plot));
    }
    if (settings->log_interval > 0 && settings->log == NULL) {
        return usage_error("--log-steps: needs --log FILE");
    }
    if (settings->fit.patience > 0 && validations == 0 && settings->folds == 0) {
        return usage_error(
            "--patience: needs a validation set: give --validation, --validation-last or --validation-data");
    }
    if (settings->request.regression && settings->request.csv_option == NULL) {
        settings->request.csv_option = "--regression";
    }
    settings->network.options.seed = settings->fit.seed = settings->regularization.seed = settings->seed;
    settings->fit.schedule = &settings->schedule;
    settings->fit.regularization = &settings->regularization;
    settings->fit.average = &settings->average;
    if ((settings->monitor != 0 || settings->monitor_history != NULL) &&
        settings->fit.monitor_interval == 0) {
        settings->fit.monitor_interval = MONITOR_INTERVAL;
    }
    int code = check_schedule(settings);
    code = code == EXIT_DONE ? choose_checkpoints(settings) : code;
    return code == EXIT_DONE ? choose_mup(settings) : code;
}
