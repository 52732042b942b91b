/* `mlp report`: a page about a training and what came of it. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <mlp/diagnose.h>
#include <mlp/schema.h>

#include "command.h"
#include "charts/chart_title.h"
#include "charts/log_charts.h"
#include "options/data_argument.h"
#include "options/model_argument.h"
#include "reports/confusion.h"
#include "reports/html.h"
#include "reports/html_report.h"
#include "reports/output_file.h"
#include "training/sample_batch.h"

enum { DEFAULT_SAMPLES = 256 };

struct report_settings {
    struct data_request request; /* first, for the parsers of data options */
    const char *data, *output;
    size_t samples;
    int threads;
    /* what is reported on */
    char *model; /* path; NULL: none */
    time_t model_time;
    char *paths[MAX_LOGS];
    struct log_file logs[MAX_LOGS];
    size_t log_count;
    mlp_network *network;
    struct data_set set;
    struct model_figures figures;
    struct sample_batch batch;
    mlp_diagnosis *diagnosis;
};

#define FIELD(member) offsetof(struct report_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    TEXT("output", "FILE", output, "Required. The page, as HTML.", .letter = 'o'),
    TEXT("data", "DATA", data, "Evaluate and diagnose the model on these data. " DATA_SPEC_HELP,
        .letter = 'd'),
    DATA_PART_ROW,
    SIZE("samples", "N", samples, 1, 1e9, "Samples of the diagnosis (default: 256)."),
    COUNT("threads", "N", threads, 1, 1024, "Threads to work with (default: OpenMP's)."),
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last). Labels must be "
        "the model's class names."),
    { .kind = OPTION_END },
};
/* clang-format on */

/* ---- what there is ------------------------------------------------------------------------------------- */

static int keep_path(char **place, const char *path)
{
    free(*place);
    *place = strdup(path);
    return *place != NULL ? EXIT_DONE : out_of_memory();
}

static int add_log(struct report_settings *s, const char *path)
{
    FAIL_IF(s->log_count == MAX_LOGS, usage_error("report: more than %d logs", MAX_LOGS));
    TRY(keep_path(&s->paths[s->log_count], path));
    s->log_count++;
    return log_file_read(path, &s->logs[s->log_count - 1]);
}

static bool ends_in(const char *name, const char *ending)
{
    const size_t length = strlen(name), size = strlen(ending);
    return length > size && strcmp(name + length - size, ending) == 0;
}

/* The newest model of a folder, as of checkpoints. */
static int consider_model(struct report_settings *s, const char *path, time_t time)
{
    if (s->model != NULL && time <= s->model_time) {
        return EXIT_DONE;
    }
    s->model_time = time;
    return keep_path(&s->model, path);
}

static int add_file_of_folder(struct report_settings *s, const char *folder, const char *name)
{
    char path[4096];
    struct stat facts;
    const bool fits = (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path;
    if (name[0] == '.' || !fits || stat(path, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        return EXIT_DONE;
    }
    if (ends_in(name, ".safetensors") || ends_in(name, ".st")) {
        return consider_model(s, path, facts.st_mtime);
    }
    const bool table = ends_in(name, ".csv") || ends_in(name, ".jsonl") || ends_in(name, ".ndjson");
    return table && log_file_is(path) ? add_log(s, path) : EXIT_DONE;
}

static int add_folder(struct report_settings *s, const char *folder)
{
    struct dirent **entries;
    const int count = scandir(folder, &entries, NULL, alphasort);
    int code = EXIT_DONE;
    FAIL_IF(count < 0, work_error("cannot read the folder '%s': %s", folder, strerror(errno)));
    for (int i = 0; i < count; i++) {
        code = code == EXIT_DONE ? add_file_of_folder(s, folder, entries[i]->d_name) : code;
        free(entries[i]);
    }
    free(entries);
    FAIL_IF(code == EXIT_DONE && s->model == NULL && s->log_count == 0,
            work_error("'%s' holds neither a model (.safetensors) nor a log", folder));
    return code;
}

static int add_operand(struct report_settings *s, const char *path)
{
    struct stat facts;
    const struct file_use uses[] = { { "the report's input", path, false }, { "--output", s->output, true } };
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        return add_folder(s, path);
    }
    TRY(check_distinct(uses, 2));
    if (log_file_is(path)) {
        return add_log(s, path);
    }
    FAIL_IF(s->model != NULL,
            usage_error("report: '%s' and '%s' are no logs, expected one model", s->model, path));
    return keep_path(&s->model, path);
}

/* ---- what is measured ---------------------------------------------------------------------------------- */

static int measure(struct report_settings *s)
{
    const struct data_source source = {
        .option = "--data", .spec = s->data, .part = s->request.part, .label_needed = true
    };
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    options.threads = s->threads;
    TRY(open_data_of_model(&s->request, source, s->network, &s->set));
    const mlp_data *data = s->set.data;
    FAIL_IF(mlp_data_class_count(data) == 0 && mlp_data_outputs(data) == 0,
            usage_error("--data: '%s' has no labels to compare with", s->data));
    TRY(model_figures_make(&s->figures, s->network, data, 0, s->threads, 0, CONFUSION_CLASSES));
    TRY(sample_batch_draw(&s->batch, s->network, data, s->samples, 0));
    return work_code(
        mlp_diagnose(s->network, s->batch.x, &s->batch.targets, s->batch.count, &options, &s->diagnosis));
}

static int write_sections(struct report_settings *s, FILE *page)
{
    struct canvas canvas = { .page = page };
    if (!plot_possible()) {
        html_paragraph(page, "Without charts: gnuplot was not installed.");
    }
    if (s->log_count > 0) {
        TRY(html_training(&canvas, s->logs, s->paths, s->log_count));
    }
    if (s->diagnosis != NULL) {
        TRY(html_evaluation(&canvas, s->network, s->data, &s->figures));
        TRY(html_diagnosis(&canvas, s->network, s->diagnosis, s->batch.count));
    }
    if (s->network != NULL) {
        html_network(page, s->network);
        if (mlp_network_schema(s->network) != NULL) {
            html_schema(page, mlp_network_schema(s->network));
        }
    }
    return EXIT_DONE;
}

static int write_page(struct report_settings *s)
{
    char title[CHART_TITLE], *bytes = NULL;
    size_t size = 0;
    FILE *page = open_memstream(&bytes, &size);
    FAIL_IF(page == NULL, out_of_memory());
    chart_title("Report", s->model != NULL ? s->model : s->paths[0], s->network, s->data, title);
    html_begin(page, title);
    int code = write_sections(s, page);
    html_end(page);
    const bool failed = ferror(page) != 0;
    if (fclose(page) != 0 || failed) {
        code = code == EXIT_DONE ? out_of_memory() : code;
    }
    code = code == EXIT_DONE ? write_whole_file("--output", s->output, bytes, size) : code;
    free(bytes);
    return code;
}

static int run(void *settings, int operands, char **operand)
{
    struct report_settings *s = settings;
    FAIL_IF(operands == 0,
            usage_error("report: expected a model, logs or a folder; `mlp report --help` explains it"));
    FAIL_IF(s->output == NULL, usage_error("report: --output is missing; `mlp report --help` explains it"));
    TRY(check_output("--output", s->output));
    for (int i = 0; i < operands; i++) {
        TRY(add_operand(s, operand[i]));
    }
    TRY(s->model != NULL ? load_model(s->model, &s->network) : EXIT_DONE);
    FAIL_IF(s->data != NULL && s->network == NULL, usage_error("--data: there is no model to evaluate"));
    TRY(s->data != NULL ? measure(s) : EXIT_DONE);
    return write_page(s);
}

static int prepare(void *settings)
{
    ((struct report_settings *)settings)->samples = DEFAULT_SAMPLES;
    return data_request_default(settings);
}

static void release(void *settings)
{
    struct report_settings *s = settings;
    mlp_diagnosis_destroy(&s->diagnosis);
    sample_batch_free(&s->batch);
    model_figures_free(&s->figures);
    mlp_data_destroy(&s->set.data);
    mlp_network_destroy(&s->network);
    for (size_t l = 0; l < MAX_LOGS; l++) {
        log_file_free(&s->logs[l]);
        free(s->paths[l]);
    }
    free(s->model);
}

const struct command report_command = {
    .name = "report",
    .summary = "write a page about a training and its model",
    .synopsis = "MODEL|LOG|FOLDER... --output FILE [OPTION...]",
    .description =
        "Writes one HTML page that needs no other file and no network: curves of the logs, with --data the "
        "model's figures, confusion and diagnosis with its verdict, its layers and settings, and what its "
        "schema makes of each column. A folder stands for the logs in it and its newest model. Light or dark "
        "as the reader has it; it can be printed. Charts need gnuplot.",
    .rows = rows,
    .examples = "  mlp train --data digits --validation 0.2 --log digits.csv --output digits.safetensors\n"
                "  mlp report digits.safetensors digits.csv --data digits --output digits.html\n"
                "  mlp report run/ --output run.html\n",
    .settings_size = sizeof(struct report_settings),
    .prepare = prepare,
    .run = run,
    .release = release,
};
