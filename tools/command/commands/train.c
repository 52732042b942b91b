/* `mlp train`: makes a network for the data, trains it, saves it, says how good it is. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/model_file.h>

#include "command.h"
#include "interrupt.h"
#include "message.h"
#include "reports/monitor_report.h"
#include "reports/output_file.h"
#include "training/progress.h"
#include "training/train.h"
#include "training/train_log.h"

/* Everything a training holds. */
struct training {
    struct train_settings settings;
    struct train_data data;
    struct train_result result;
    struct progress_display display;
    struct train_log log;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_report *report;
    FILE *history, *monitor_history; /* NULL when there is none, or when it is written */
};

static int prepare_output(struct training *training)
{
    const struct train_settings *settings = &training->settings;
    const int code = settings->output != NULL ? check_output("--output", settings->output) : EXIT_DONE;
    if (code == EXIT_DONE && settings->history != NULL) {
        training->history = open_table("--history", settings->history);
    }
    if (code == EXIT_DONE && settings->monitor_history != NULL) {
        training->monitor_history = open_table("--monitor-history", settings->monitor_history);
    }
    if (code == EXIT_DONE && settings->log != NULL) {
        const int logging =
            train_log_open(&training->log, settings->log, settings->log_interval,
                           mlp_data_count(training->data.train), settings->checkpoint.resume != 0);
        if (logging != EXIT_DONE) {
            return logging;
        }
    }
    const bool open = (training->history != NULL) == (settings->history != NULL) &&
                      (training->monitor_history != NULL) == (settings->monitor_history != NULL);
    return code == EXIT_DONE && !open ? EXIT_WORK : code;
}

/* Whatever a fit has reached. */
static int write_tables(struct training *training)
{
    const struct train_settings *settings = &training->settings;
    int codes[] = { EXIT_DONE, EXIT_DONE, train_log_close(&training->log) };
    if (training->history != NULL) {
        codes[0] = write_history(settings->history, training->history, training->report);
        training->history = NULL;
    }
    if (training->monitor_history != NULL) {
        codes[1] = write_monitor_history(settings->monitor_history, training->monitor_history,
                                         training->report, training->network);
        training->monitor_history = NULL;
    }
    return codes[0] != EXIT_DONE ? codes[0] : codes[1] != EXIT_DONE ? codes[1] : codes[2];
}

static mlp_status scale_rates(const struct train_settings *settings, const mlp_network *network,
                              mlp_optimizer *optimizer)
{
    mlp_status status = MLP_OK;
    for (size_t l = 0; settings->mup > 0.0 && status == MLP_OK && l < mlp_network_layer_count(network); l++) {
        mlp_layer_factors factors;
        status = mlp_mup_factors(network, settings->optimizer.rule, settings->mup, l, &factors);
        status = status == MLP_OK ? mlp_optimizer_set_factors(optimizer, l, &factors) : status;
    }
    return status;
}

/* The library takes 0 for the rule's default. */
static int check_decay(const struct train_settings *settings, const mlp_optimizer *optimizer)
{
    mlp_optimizer_options options;
    mlp_optimizer_get_options(optimizer, &options);
    return !settings->weight_decay_given || settings->optimizer.weight_decay > 0.0 ||
                   options.weight_decay == 0.0
               ? EXIT_DONE
               : usage_error("--weight-decay: 0 with %s would mean its default, %g; 1e-30 is as good as none",
                             mlp_optimizer_name(options.rule), options.weight_decay);
}

int train_optimizer_make(const struct train_settings *settings, const mlp_network *network,
                         mlp_optimizer **optimizer)
{
    mlp_status status = mlp_optimizer_create(network, &settings->optimizer, optimizer);
    status = status == MLP_OK ? scale_rates(settings, network, *optimizer) : status;
    const int code = status == MLP_OK ? check_decay(settings, *optimizer) : option_refused(status);
    return code == EXIT_DONE
               ? layer_changes_apply(&settings->layers, *optimizer, mlp_network_layer_count(network))
               : code;
}

static int prepare_network(struct training *training)
{
    const int code = train_network_make(&training->settings, &training->data, &training->network);
    return code == EXIT_DONE
               ? train_optimizer_make(&training->settings, training->network, &training->optimizer)
               : code;
}

static int save(struct training *training)
{
    const char *path = training->settings.output;
    if (path == NULL) {
        return EXIT_DONE;
    }
    const mlp_status status = mlp_model_save(training->network, path);
    if (status != MLP_OK) {
        work_failed(status);
        return work_error("the model is NOT saved: writing '%s' failed", path);
    }
    training->result.saved = path;
    return EXIT_DONE;
}

static int on_progress(const mlp_progress *progress, void *context)
{
    struct training *training = context;
    train_log_note(&training->log, progress);
    return progress_show(progress, &training->display);
}

static int fit(struct training *training)
{
    mlp_fit_options *options = &training->settings.fit;
    options->validation = training->data.validation;
    options->progress = on_progress;
    options->progress_context = training;
    progress_begin(&training->display, training->settings.quiet != 0);
    catch_interrupts();
    const mlp_status status =
        mlp_fit(training->network, training->optimizer, training->data.train, options, &training->report);
    progress_end(&training->display);
    if (status == MLP_OK) {
        return EXIT_DONE;
    }
    const int code = training->report == NULL ? option_refused(status) : work_failed(status);
    if (status == MLP_ERROR_NONFINITE) {
        notice(
            "the training diverged and no model is saved; a lower --learning-rate, --clip global-norm:1 or "
            "--nonfinite skip may help");
    } else if (training->report != NULL && training->settings.output != NULL && save(training) == EXIT_DONE) {
        notice("the model reached so far is saved in '%s'", training->settings.output);
    }
    return code;
}

static int measure(const struct training *training, const mlp_data *data, mlp_metrics *metrics)
{
    if (data == NULL) {
        return EXIT_DONE;
    }
    const mlp_fit_options *options = &training->settings.fit;
    const mlp_status status =
        mlp_evaluate(training->network, data, 0, options->threads, options->top_k, metrics, NULL);
    return status == MLP_OK ? EXIT_DONE : work_failed(status);
}

/* Figures of the model as it is now. */
static int measure_all(struct training *training)
{
    const struct train_data *data = &training->data;
    struct train_result *result = &training->result;
    const int codes[] = { measure(training, data->train, &result->train),
                          measure(training, data->validation, &result->validation),
                          measure(training, data->test, &result->test) };
    return codes[0] != EXIT_DONE || codes[1] != EXIT_DONE || codes[2] != EXIT_DONE ? EXIT_WORK : EXIT_DONE;
}

/* A stopped training is no success, but its model is kept. */
static int report_interrupt(const struct training *training)
{
    const size_t epochs = mlp_report_epochs(training->report);
    const char *saved = training->result.saved, *signal = strsignal(interrupt_signal());
    const char *checkpoint = mlp_report_checkpoint(training->report);
    if (checkpoint != NULL) {
        notice("the checkpoint is '%s'; the same command with --resume goes on from it", checkpoint);
    }
    const size_t wanted = training->settings.fit.epochs;
    return saved != NULL
               ? work_error("stopped by %s in epoch %zu of %zu; the model reached so far is saved in '%s'",
                            signal, epochs, wanted, saved)
               : work_error("stopped by %s in epoch %zu of %zu; no --output, no model saved", signal, epochs,
                            wanted);
}

/* After the fit: whatever can be kept is kept, whatever fails is told. */
static int finish(struct training *training)
{
    struct train_result *result = &training->result;
    int code = save(training);
    result->network = training->network;
    result->report = training->report;
    result->seconds = training->display.seconds;
    result->samples = training->display.samples;
    if (interrupt_signal() == 0 && measure_all(training) != EXIT_DONE) {
        code = EXIT_WORK;
    }
    if (print_train_result(&training->settings, result) != EXIT_DONE) {
        code = EXIT_WORK;
    }
    return interrupt_signal() != 0 && code == EXIT_DONE ? report_interrupt(training) : code;
}

/* One network, trained on what the data has left after validation. */
static int train_once(struct training *training)
{
    int code = prepare_network(training);
    if (code == EXIT_DONE && training->settings.find_learning_rate) {
        return find_learning_rate(&training->settings, &training->data, training->network,
                                  training->optimizer);
    }
    if (code == EXIT_DONE && training->settings.clip_survey) {
        return survey_clipping(&training->settings, &training->data, training->network, training->optimizer);
    }
    if (code == EXIT_DONE) {
        code = prepare_output(training);
    }
    if (code == EXIT_DONE) {
        if (training->settings.output == NULL && !training->settings.quiet && !training->settings.json) {
            notice("without --output the model will not be saved");
        }
        code = fit(training);
        code = code == EXIT_DONE ? finish(training) : code;
    }
    if (training->report != NULL) {
        const int written = write_tables(training);
        code = code == EXIT_DONE ? written : code;
    }
    return code;
}

static int run(struct training *training)
{
    struct train_settings *settings = &training->settings;
    int code = train_settings_check(settings);
    if (code == EXIT_DONE) {
        code = load_start(settings);
    }
    if (code == EXIT_DONE) {
        code = train_data_open(settings, &training->data);
    }
    if (code == EXIT_DONE) {
        code = settings->folds > 0 ? cross_validate(settings, &training->data) : train_once(training);
    }
    return code;
}

static int train(int argc, char **argv)
{
    struct training training = { 0 };
    int operands = 0;
    int code = train_settings_default(&training.settings);
    if (code == EXIT_DONE) {
        code = parse_options(&train_command, argc, argv, &training.settings, &operands);
    }
    if (code == EXIT_DONE && operands > 0) {
        code = usage_error("train: unexpected '%s'; the data goes after --data", argv[argc - operands]);
    }
    if (code == EXIT_DONE) {
        code = run(&training);
    }
    if (training.history != NULL) {
        fclose(training.history);
    }
    if (training.monitor_history != NULL) {
        fclose(training.monitor_history);
    }
    train_log_close(&training.log);
    mlp_report_destroy(&training.report);
    mlp_optimizer_destroy(&training.optimizer);
    mlp_network_destroy(&training.network);
    train_data_free(&training.data);
    network_settings_free(&training.settings.network);
    mlp_network_destroy(&training.settings.start);
    layer_changes_free(&training.settings.layers);
    free(training.settings.milestones);
    return code == OPTIONS_HELP ? EXIT_DONE : code;
}

const struct command train_command = {
    .name = "train",
    .summary = "train a network on data and save it",
    .synopsis = "--data DATA [OPTION...]",
    .description = "Makes a network for the data, trains it, saves it and tells its loss and accuracy. "
                   "Progress goes to standard "
                   "error, the result to standard output.",
    .rows = train_rows,
    .strategies = print_train_strategies,
    .examples = "  mlp train --data digits --validation 0.2 --output digits.safetensors\n"
                "  mlp train --data fashion-mnist --hidden 256,128 --activation relu \\\n"
                "      --init he-normal --optimizer adam --learning-rate 1e-3 \\\n"
                "      --clip global-norm:1 --epochs 10 --batch 128 --seed 1 \\\n"
                "      --output fashion.safetensors\n"
                "  mlp train --data iris.csv --label species --validation 0.2 --patience 5 \\\n"
                "      --epochs 200 --output iris.safetensors --history iris-history.csv\n"
                "  mlp train --data houses.csv --label price --regression --loss huber \\\n"
                "      --output houses.safetensors\n"
                "  mlp train --from digits.safetensors --data mine.csv --freeze 0 --epochs 3 \\\n"
                "      --output mine.safetensors\n",
    .run = train,
};
