/* `mlp train`: makes a network for the data, trains it, saves it, says how good it is. */
#include <float.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/model_file.h>

#include "command.h"
#include "interrupt.h"
#include "options/table_argument.h"
#include "reports/monitor_report.h"
#include "reports/output_file.h"
#include "reports/warnings.h"
#include "training/progress.h"
#include "training/train.h"
#include "training/train_log.h"

/* Everything a training holds. */
struct training {
    struct train_settings settings; /* first, for the rows of options */
    struct train_data data;
    struct train_result result;
    struct progress_display display;
    struct train_log log;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_report *report;
    FILE *history, *monitor_history; /* NULL when there is none, or when it is written */
};

/* Validation chooses when to stop, so that the test samples must be others; what was trained on judges
 * nothing. A set that is known by name stands for its test part there. */
static int check_parts(const struct train_settings *s, const char *data, const char *test,
                       const char *validation)
{
    const bool own_test = s->test == NULL && s->test_share == 0.0 && data_has_test_part(s->data);
    const bool validates_on_own = data_has_test_part(s->validation_data);
    FAIL_IF(validation != NULL && (same_file(validation, test) ||
                                   (own_test && validates_on_own && same_file(validation, data))),
            usage_error("--validation-data: '%s' is what the model is tested on, which must have no say in "
                        "when to stop; --validation FRACTION takes a share of the training samples",
                        s->validation_data));
    if (!validates_on_own && same_file(validation, data)) {
        notice("--validation-data: '%s' is the training data, on which every model looks better than it is",
               s->validation_data);
    }
    if (!data_has_test_part(s->test) && same_file(test, data)) {
        notice("--test: '%s' is the training data, on which every model looks better than it is", s->test);
    }
    return EXIT_DONE;
}

/* No output may be an input, or another output. */
static int check_files(const struct train_settings *s)
{
    char *data[2], *test[2], *validation[2];
    data_files(s->data, data);
    data_files(s->test, test);
    data_files(s->validation_data, validation);
    const struct file_use uses[] = {
        { "--data", data[0], false },
        { "--data", data[1], false },
        { "--test", test[0], false },
        { "--test", test[1], false },
        { "--validation-data", validation[0], false },
        { "--validation-data", validation[1], false },
        { "--from", s->from, false },
        { "--output", s->output, true },
        { "--history", s->history, true },
        { "--monitor-history", s->monitor_history, true },
        { "--log", s->log, true },
        { "--plot", s->plot, true },
    };
    int code = check_distinct(uses, sizeof uses / sizeof uses[0]);
    code = code == EXIT_DONE ? check_parts(s, data[0], test[0], validation[0]) : code;
    for (size_t i = 0; i < 2; i++) {
        free(data[i]);
        free(test[i]);
        free(validation[i]);
    }
    return code;
}

/* Rank 0 alone writes, and says how it goes. */
static int join_ranks(struct train_settings *s)
{
    s->fit.exchange = ranks.exchange;
    if (s->shard_optimizer != 0 && ranks.exchange != NULL) {
        s->optimizer.shard_rank = ranks.rank;
        s->optimizer.shard_count = ranks.exchange->size;
    }
    if (ranks.rank > 0) {
        s->output = s->history = s->monitor_history = s->log = s->plot = NULL;
        s->log_interval = 0;
        s->quiet = 1;
    }
    return s->exchange_timeout > 0.0 ? ranks.set_timeout(s->exchange_timeout) : EXIT_DONE;
}

static int prepare_output(struct training *training)
{
    const struct train_settings *settings = &training->settings;
    if (settings->output != NULL) {
        TRY(check_output("--output", settings->output));
    }
    if (settings->history != NULL) {
        TRY(open_table("--history", settings->history, &training->history));
    }
    if (settings->monitor_history != NULL) {
        TRY(open_table("--monitor-history", settings->monitor_history, &training->monitor_history));
    }
    if (settings->log != NULL) {
        TRY(train_log_open(&training->log, settings->log, settings->log_interval,
                           settings->checkpoint.resume != 0));
    }
    return EXIT_DONE;
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
    codes[0] = codes[0] != EXIT_DONE ? codes[0] : codes[1];
    return codes[0] != EXIT_DONE ? codes[0] : codes[2];
}

static mlp_status scale_rates(const struct train_settings *settings, const mlp_network *network,
                              mlp_optimizer *optimizer)
{
    if (settings->mup == 0.0) {
        return MLP_OK;
    }
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        mlp_layer_factors factors;
        TRY(mlp_mup_factors(network, settings->optimizer.rule, settings->mup, l, &factors));
        TRY(mlp_optimizer_set_factors(optimizer, l, &factors));
    }
    return MLP_OK;
}

/* The library takes a decay of 0 for the rule's default: the smallest number that it takes as given is 0 in
 * float. */
static int make_optimizer(const struct train_settings *settings, const mlp_network *network,
                          mlp_optimizer **optimizer)
{
    mlp_optimizer_options options = settings->optimizer, resolved;
    TRY(option_code(mlp_optimizer_create(network, &options, optimizer)));
    mlp_optimizer_get_options(*optimizer, &resolved);
    if (!settings->weight_decay_given || options.weight_decay > 0.0 || resolved.weight_decay == 0.0) {
        return EXIT_DONE;
    }
    mlp_optimizer_destroy(optimizer);
    options.weight_decay = DBL_MIN;
    return option_code(mlp_optimizer_create(network, &options, optimizer));
}

int train_optimizer_make(const struct train_settings *settings, const mlp_network *network,
                         mlp_optimizer **optimizer)
{
    TRY(make_optimizer(settings, network, optimizer));
    TRY(option_code(scale_rates(settings, network, *optimizer)));
    return layer_changes_apply(&settings->layers, *optimizer, mlp_network_layer_count(network));
}

static int save(struct training *training)
{
    const char *path = training->settings.output;
    if (path == NULL) {
        return EXIT_DONE;
    }
    FAIL_IF(work_code(mlp_model_save(training->network, path)) != EXIT_DONE,
            work_error("the model is NOT saved: writing '%s' failed", path));
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
    options->window = training->settings.log_interval;
    options->progress = on_progress;
    options->progress_context = training;
    tell_of_table(training->settings.data, training->data.set.data, training->settings.quiet == 0);
    progress_begin(&training->display, training->settings.quiet != 0);
    catch_interrupts();
    const mlp_status status = options->epochs == 0
                                  ? MLP_OK /* the network as it starts */
                                  : mlp_fit(training->network, training->optimizer, training->data.train,
                                            options, &training->report);
    progress_end(&training->display);
    ranks.ended_together = status != MLP_ERROR_EXCHANGE;
    if (status == MLP_OK) {
        return EXIT_DONE;
    }
    const int code = training->report == NULL ? option_code(status) : work_code(status);
    if (status == MLP_ERROR_NONFINITE) {
        notice("the training diverged and no model is saved; a lower --learning-rate, --clip global-norm:1 "
               "or --nonfinite skip may help");
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
    const mlp_status status = mlp_exchange_evaluate(options->exchange, training->network, data, 0,
                                                    options->threads, options->top_k, metrics, NULL);
    ranks.ended_together = ranks.ended_together != 0 && status != MLP_ERROR_EXCHANGE;
    return work_code(status);
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

/* Of the samples that say most of those that were not seen. */
static int warn_of_result(const struct training *training)
{
    const struct train_data *data = &training->data;
    const mlp_fit_options *options = &training->settings.fit;
    const mlp_data *unseen = data->test != NULL ? data->test : data->validation;
    const char *part = data->test != NULL ? "test" : "validation";
    if (training->settings.schedule.rule == MLP_SCHEDULE_CONSTANT) {
        warn_of_length(training->report);
    }
    return warn_of_baseline(unseen != NULL ? part : "train", training->network,
                            unseen != NULL ? unseen : data->train, options->exchange, options->threads);
}

/* After the fit, on all ranks: whatever can be written is written, every failure is reported. */
static int finish(struct training *training)
{
    struct train_result *result = &training->result;
    int code = save(training);
    result->network = training->network;
    result->report = training->report;
    result->seconds = training->display.seconds;
    result->samples = training->display.samples;
    if (measure_all(training) != EXIT_DONE) {
        code = EXIT_WORK;
    }
    if (print_train_result(&training->settings, result) != EXIT_DONE) {
        code = EXIT_WORK;
    }
    if (mlp_report_stopped(training->report) == 0 && warn_of_result(training) != EXIT_DONE) {
        code = EXIT_WORK;
    }
    return interrupt_signal() != 0 && code == EXIT_DONE && ranks.rank == 0 ? report_interrupt(training)
                                                                           : code;
}

/* Where it cannot be made, what is odd about the data may say why. */
static int make_network(struct training *training)
{
    const int code = train_network_make(&training->settings, &training->data, &training->network);
    if (code != EXIT_DONE) {
        tell_of_table(training->settings.data, training->data.set.data, false);
    }
    return code;
}

/* The model's file says how it was trained; its bytes that are no UTF-8, of a file's name, are left out. */
static int keep_settings(const struct train_settings *s, mlp_network *network)
{
    char *text = config_text(&train_command, s->given, true);
    FAIL_IF(text == NULL, out_of_memory());
    mlp_status status = mlp_network_set_note(network, text);
    if (status == MLP_ERROR_ARGUMENT) {
        for (char *c = text; *c != '\0'; c++) {
            *c = (unsigned char)*c >= 0x80 ? '?' : *c;
        }
        status = mlp_network_set_note(network, text);
    }
    free(text);
    return work_code(status);
}

/* One network, trained on what the data has left after validation. */
static int train_once(struct training *training)
{
    struct train_settings *s = &training->settings;
    TRY(choose_length(s, &training->data, &s->fit, s->quiet != 0));
    TRY(train_data_check_weights(s, &training->data));
    TRY(train_data_fill(s, NULL, &training->data));
    TRY(make_network(training));
    TRY(warn_of_classes(training->network, training->data.train, training->data.validation));
    TRY(train_optimizer_make(s, training->network, &training->optimizer));
    if (s->find_learning_rate) {
        return find_learning_rate(s, &training->data, training->network, training->optimizer);
    }
    if (s->clip_survey) {
        return survey_clipping(s, &training->data, training->network, training->optimizer);
    }
    TRY(keep_settings(s, training->network));
    TRY(prepare_output(training));
    tell_of_batch(s, mlp_data_count(training->data.train));
    if (s->output == NULL && !s->quiet && !s->json) {
        notice("without --output the model will not be saved");
    }
    int code = fit(training);
    code = code == EXIT_DONE ? finish(training) : code;
    if (training->report != NULL || s->fit.epochs == 0) {
        const int written = write_tables(training);
        code = code == EXIT_DONE ? written : code;
    }
    return code;
}

static int print_config(const struct train_settings *s)
{
    char *text = config_text(&train_command, s->given, false);
    FAIL_IF(text == NULL, out_of_memory());
    fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}

static int run(void *settings, int operands, char **operand)
{
    struct training *training = settings;
    struct train_settings *s = &training->settings;
    FAIL_IF(operands > 0, usage_error("train: unexpected '%s'; the data goes after --data", operand[0]));
    if (s->print_config) {
        return print_config(s);
    }
    TRY(train_settings_check(s));
    TRY(check_files(s));
    TRY(join_ranks(s));
    TRY(load_start(s));
    TRY(train_data_load(s, &training->data));
    if (count_runs(s) > 1) {
        return train_runs(s, &training->data);
    }
    TRY(train_data_cut(s, &training->data));
    return train_once(training);
}

static void release(void *settings)
{
    struct training *training = settings;
    if (training->history != NULL) {
        fclose(training->history);
    }
    if (training->monitor_history != NULL) {
        fclose(training->monitor_history);
    }
    train_log_close(&training->log);
    mlp_report_destroy(&training->report);
    mlp_optimizer_destroy(&training->optimizer);
    mlp_network_destroy(&training->network);
    train_data_free(&training->data);
    train_settings_free(&training->settings);
}

const struct command train_command = {
    .name = "train",
    .trains = true,
    .summary = "train a network on data and save it",
    .synopsis = "--data DATA [OPTION...]",
    .description = "Makes a network for the data, trains it, saves it and tells its loss and accuracy. "
                   "Progress goes to standard error, the result to standard output.",
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
    .given = offsetof(struct training, settings.given),
    .settings_size = sizeof(struct training),
    .prepare = train_settings_default,
    .run = run,
    .release = release,
};
