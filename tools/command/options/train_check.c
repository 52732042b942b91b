/* `mlp train`: validation of options that depend on each other. */
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
    FAIL_IF(inits->count > 0 || settings->network.output_init.count > 0 || settings->network.data_init_given,
            usage_error("--mup: chooses the initializers itself; give it without --init, --output-init and "
                        "--data-init"));
    inits->items = calloc(1, sizeof *inits->items);
    FAIL_IF(inits->items == NULL, out_of_memory());
    inits->count = 1;
    inits->items[0] = (struct choice){ .value = MLP_INIT_MUP, .numbers = { .a = settings->mup } };
    return EXIT_DONE;
}

/* What takes the place of a training leaves nothing to save or to go on from. */
static int check_mode(const struct train_settings *settings)
{
    const struct {
        const char *option;
        bool given, trains; /* as ever, and more than once */
    } modes[] = {
        { "--folds", settings->folds > 0, true },
        { "--repeat", settings->repeat > 0, true },
        { "several values of an option", count_choices(settings->given) > 1, true },
        { "--find-learning-rate", settings->find_learning_rate != 0, false },
        { "--clip-survey", settings->clip_survey != 0, false },
    };
    const struct {
        const char *option;
        bool given, also_when_training;
    } refused[] = {
        { "--output", settings->output != NULL, true },
        { "--history", settings->history != NULL, true },
        { "--monitor-history", settings->monitor_history != NULL, true },
        { "--log", settings->log != NULL, true },
        { "--checkpoint", settings->checkpoint.folder != NULL, true },
        { "--test", settings->test != NULL || settings->test_share > 0.0, false },
    };
    const size_t mode_count = sizeof modes / sizeof modes[0],
                 refused_count = sizeof refused / sizeof refused[0];
    for (size_t m = 0; m < mode_count; m++) {
        if (!modes[m].given) {
            continue;
        }
        for (size_t other = m + 1; other < mode_count; other++) {
            FAIL_IF(modes[other].given && !modes[other].trains,
                    usage_error("%s: cannot be given with %s", modes[m].option, modes[other].option));
        }
        FAIL_IF(!modes[m].trains && settings->optimizer.rule == MLP_OPTIMIZER_LBFGS,
                usage_error("%s: lbfgs searches for its own steps, and clips nothing; give another "
                            "--optimizer",
                            modes[m].option));
        for (size_t r = 0; r < refused_count; r++) {
            FAIL_IF(refused[r].given && (refused[r].also_when_training || !modes[m].trains),
                    usage_error("%s: cannot be given with %s", modes[m].option, refused[r].option));
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

void tell_of_batch(const struct train_settings *settings, size_t samples)
{
    const mlp_optimizer_rule rule = settings->optimizer.rule;
    const size_t batch = settings->fit.batch > 0 ? settings->fit.batch : TRAIN_BATCH;
    if ((rule == MLP_OPTIMIZER_RPROP || rule == MLP_OPTIMIZER_LBFGS) && batch < samples) {
        notice("--optimizer %s is for full batches, and takes the noise of %zu of %zu samples for the shape "
               "of the loss; --batch all gives it all of them",
               mlp_optimizer_name(rule), batch, samples);
    }
}

int train_settings_check(struct train_settings *settings)
{
    const int validations = (settings->validation_fraction > 0.0) + (settings->validation_last > 0) +
                            (settings->validation_data != NULL);
    FAIL_IF(settings->data == NULL, usage_error("train: --data is missing; `mlp train --help` explains it"));
    FAIL_IF(validations > 1,
            usage_error("expected one of --validation, --validation-last and --validation-data, got %d of "
                        "them",
                        validations));
    FAIL_IF(settings->folds > 0 && validations > 0,
            usage_error("--folds: cannot be given with --validation, --validation-last or --validation-data: "
                        "each part is validated on in its turn"));
    TRY(check_mode(settings));
    FAIL_IF(settings->fit.epochs == 0 && settings->checkpoint.folder != NULL,
            usage_error("--checkpoint: there is nothing to go on from with --epochs 0"));
    FAIL_IF(settings->optimizer.rule == MLP_OPTIMIZER_SGD && settings->optimizer.momentum > 0.0,
            usage_error("--momentum: sgd has none; --optimizer momentum, or nesterov, is sgd with it"));
    FAIL_IF(settings->stratified && settings->validation_fraction == 0.0 && settings->folds == 0 &&
                settings->test_share == 0.0,
            usage_error("--stratified: needs --validation FRACTION, --folds K or --test SHARE"));
    FAIL_IF(settings->plot != NULL && !settings->find_learning_rate,
            usage_error("--plot: needs --find-learning-rate; `mlp plot` draws a training's log"));
    if (settings->plot != NULL) {
        TRY(plot_check_name("--plot", settings->plot));
    }
    FAIL_IF(settings->log_interval > 0 && settings->log == NULL,
            usage_error("--log-steps: needs --log FILE"));
    const size_t layers = settings->regularization.layer_dropout_count;
    FAIL_IF(layers > 0 && settings->from == NULL && layers != settings->network.hidden_count,
            usage_error("--dropout: got %zu numbers, expected 1 or one for each of the %zu hidden layers",
                        layers, settings->network.hidden_count));
    const bool validates = validations > 0 || settings->folds > 0;
    FAIL_IF(settings->fit.patience > 0 && !validates && settings->fit.stop_figure != MLP_STOP_TRAINING_LOSS,
            usage_error("--patience: needs a validation set: give --validation, --validation-last or "
                        "--validation-data, or --patience-on training-loss"));
    FAIL_IF(settings->fit.validate_every > 0 && !validates,
            usage_error("--validate-every: needs a validation set: give --validation, --validation-last or "
                        "--validation-data"));
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
