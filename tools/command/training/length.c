/* How long to train where --epochs does not say. Classes of few samples: a number of steps, since a part of
 * them says little and is missed in training. Everything else: until the loss on a part that is held out
 * stops improving, which noisy numbers need at any size. The limits are those at which `bench/peers/defaults`
 * comes within scikit-learn's results on every one of its tables. */
#include <stdbool.h>

#include "message.h"
#include "training/train.h"

#define HELD_OUT 0.1
#define TOLERANCE 1e-4 /* of the loss: scikit-learn's */

enum {
    FEW_CLASSED = 300, /* fewer samples with classes, or flags, are not cut */
    FEW_NUMBERS = 40,  /* likewise with numbers to predict */
    STEPS_OF_FEW = 600,
    PATIENCE = 10,        /* epochs without improvement ... */
    PATIENCE_STEPS = 100, /* ... and as many as are so many steps */
    STEPS_MOST = 100000,
    EPOCHS_LEAST = 10,
    EPOCHS_MOST = 1000,
};

static size_t whole_quotient(size_t dividend, size_t divisor)
{
    return dividend / divisor + (dividend % divisor != 0);
}

static size_t steps_of_epoch(const mlp_fit_options *fit, const struct train_data *data)
{
    return whole_quotient(mlp_data_count(data->train), fit->batch != 0 ? fit->batch : TRAIN_BATCH);
}

static bool are_few(const struct train_data *data)
{
    const bool numbers = data->classes == 0 && mlp_schema_target_kind(data->schema) != MLP_TARGET_FLAGS;
    return mlp_data_count(data->train) < (size_t)(numbers ? FEW_NUMBERS : FEW_CLASSED);
}

static void choose_steps(mlp_fit_options *fit, const struct train_data *data, bool quiet)
{
    const size_t steps = steps_of_epoch(fit, data), epochs = whole_quotient(STEPS_OF_FEW, steps);
    fit->epochs = epochs > EPOCHS_LEAST ? epochs : EPOCHS_LEAST;
    if (!quiet) {
        notice("trains for %zu epochs, %zu steps; --epochs N, or --validation, chooses otherwise",
               fit->epochs, fit->epochs * steps);
    }
}

/* What is watched, on `part` where it is validated. */
static void say_patience(const mlp_fit_options *fit, const mlp_data *part)
{
    if (fit->stop_figure == MLP_STOP_TRAINING_LOSS) {
        notice("trains until the training loss has not improved for %zu epochs, for at most %zu; --epochs N "
               "chooses otherwise",
               fit->patience, fit->epochs);
        return;
    }
    notice("trains until the %s on %zu samples held out has not improved for %zu epochs, for at most %zu; "
           "--epochs N chooses otherwise",
           fit->stop_figure == MLP_STOP_VALIDATION_ACCURACY ? "accuracy" : "loss", mlp_data_count(part),
           fit->patience, fit->epochs);
}

static void choose_patience(mlp_fit_options *fit, const struct train_data *data)
{
    const size_t steps = steps_of_epoch(fit, data), most = STEPS_MOST / steps,
                 patience = whole_quotient(PATIENCE_STEPS, steps);
    fit->epochs = most > EPOCHS_MOST ? EPOCHS_MOST : most;
    fit->epochs = fit->epochs < EPOCHS_LEAST ? EPOCHS_LEAST : fit->epochs;
    if (fit->patience == 0) {
        fit->patience = patience > PATIENCE ? patience : PATIENCE;
    }
    if (fit->minimum_improvement == 0.0) {
        fit->minimum_improvement = TOLERANCE;
    }
}

int choose_length(const struct train_settings *settings, struct train_data *data, mlp_fit_options *fit,
                  bool quiet)
{
    if (fit->epochs != EPOCHS_AUTOMATIC) {
        return EXIT_DONE;
    }
    const bool goes_by_length =
        settings->schedule.rule != MLP_SCHEDULE_CONSTANT || settings->average.rule == MLP_AVERAGE_SWA;
    if (goes_by_length || settings->find_learning_rate || settings->clip_survey) {
        fit->epochs = EPOCHS_LEAST;
        return EXIT_DONE;
    }
    const bool validates = fit->stop_figure != MLP_STOP_TRAINING_LOSS;
    const bool cuts = validates && (data->validation == NULL || settings->folds > 0);
    mlp_data **part = data->validation == NULL ? &data->validation : &data->held_out;
    if (cuts && are_few(data)) {
        choose_steps(fit, data, quiet);
        return EXIT_DONE;
    }
    if (cuts) {
        TRY(cut_share(settings, HELD_OUT, data->classes > 0, data, part));
    }
    choose_patience(fit, data);
    if (!quiet) {
        say_patience(fit, cuts ? *part : data->validation);
    }
    return EXIT_DONE;
}
