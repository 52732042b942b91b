/* `mlp study`: puts claims about weight initialization to the test. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "options/choice.h"
#include "command.h"
#include "interrupt.h"
#include "reports/json_output.h"
#include "options/number.h"
#include "studies/study.h"
#include "training/train.h"

enum { TRAINING_SAMPLES = 1500, DIAGNOSED_SAMPLES = 256, PATH_SIZE = 4096 };

struct study_settings {
    struct train_settings train; /* first, for the parsers of data and network options */
    size_t samples, seeds;
    size_t *depths; /* owned */
    size_t depth_count;
    int all;
    struct train_data data;
    struct experiment experiment;
    struct sheet sheet;
};

#define FIELD(member) offsetof(struct study_settings, member)

static int parse_depths(const char *text, void *settings)
{
    struct study_settings *study = settings;
    return parse_sizes("--depths", text, ",", "whole numbers of 1 to 1000 separated by commas", 1, 1000,
                       &study->depths, &study->depth_count);
}

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    FLAG("all", all, 1, "Every study, one after the other."),
    TEXT("output", "FOLDER", train.output, "Write the page FOLDER/studies.md, with its pictures beside it; "
        "the folder is made if need be.", .letter = 'o'),
    TEXT("data", "DATA", train.data, "Classes to learn (default: digits). " DATA_SPEC_HELP, .letter = 'd'),
    SIZE("samples", "N", samples, 64, 1e9,
        "Training samples to use at most, and as many for the test (default: 1500)."),
    SIZE("seeds", "N", seeds, 2, 1000, "Draws to average over (default: each study's own, 3 to 20)."),
    COUNT("threads", "N", train.fit.threads, 1, 1024, "Threads to work with (default: OpenMP's)."),
    FLAG("json", train.json, 1, "Print a line of JSON for each study: name, verdict, texts and tables."),
    FLAG("quiet", train.quiet, 1, "No progress on standard error.", .letter = 'q'),
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last)."),
    GROUP("The grid of `mlp study compare`:"),
    PARSED("init", "NAME[:A[,B]],...", parse_init, "Initializers (default: five)."),
    PARSED("activation", "NAME[:P],...", parse_activation, "Activations (default: relu,tanh,sigmoid)."),
    PARSED("depths", "N,...", parse_depths, "Numbers of hidden layers (default: 2,6,12)."),
    { .kind = OPTION_END },
};
/* clang-format on */

/* ---- one study ----------------------------------------------------------------------------------------- */

/* One source a line. */
static void write_sources(struct sheet *sheet, const char *sources)
{
    char text[1024], *next = text;
    snprintf(text, sizeof text, "%s", sources);
    while (next != NULL) {
        sheet_text(sheet, "Source: %s", strsep(&next, "\n"));
    }
}

static int run_study(const struct study *study, struct experiment *experiment, struct sheet *sheet,
                     bool *as_predicted)
{
    experiment->study = study->name;
    sheet->study = study->name;
    sheet->charts = 0;
    sheet_heading(sheet, "%s: %s", study->name, study->summary);
    sheet_text(sheet, "Claim: %s", study->claim);
    sheet_text(sheet, "Theory: %s", study->theory);
    sheet_text(sheet, "As predicted if %s", study->criterion);
    TRY(study->run(experiment, sheet, as_predicted));
    write_sources(sheet, study->sources);
    sheet_text(sheet, "%s", *as_predicted ? study->holds : "The measurement does not bear the theory out.");
    sheet_text(sheet, "verdict: %s", *as_predicted ? "as predicted" : "not as predicted");
    return EXIT_DONE;
}

/* As text, or as a line of JSON. */
static int report_study(struct study_settings *s, const struct study *study)
{
    struct sheet *sheet = &s->sheet;
    bool as_predicted = false;
    sheet->record = s->train.json ? json_object() : NULL;
    int code = run_study(study, &s->experiment, sheet, &as_predicted);
    if (code == EXIT_DONE && sheet->record != NULL) {
        json_object_set_new(sheet->record, "study", json_string(study->name));
        json_object_set_new(sheet->record, "as_predicted", json_boolean(as_predicted));
        code = print_json_line(json_incref(sheet->record));
    }
    json_decref(sheet->record);
    json_decref(sheet->table);
    sheet->record = sheet->table = NULL;
    fflush(stdout);
    return code;
}

/* ---- the page ------------------------------------------------------------------------------------------ */

/* Opens the page under another name, which it keeps until it is whole. */
static int open_page(const char *folder, struct sheet *sheet)
{
    char path[PATH_SIZE];
    FAIL_IF(mkdir(folder, 0777) != 0 && errno != EEXIST,
            work_error("--output: cannot make the folder '%s': %s", folder, strerror(errno)));
    snprintf(path, sizeof path, "%s/studies.md.part", folder);
    sheet->page = fopen(path, "w");
    FAIL_IF(sheet->page == NULL, work_error("--output: cannot write '%s': %s", path, strerror(errno)));
    fputs("# Studies of weight initialization\n\nMeasured by `mlp study`.\n\n", sheet->page);
    return EXIT_DONE;
}

static int close_page(const char *folder, struct sheet *sheet, int code)
{
    char partial[PATH_SIZE], whole[PATH_SIZE];
    if (sheet->page == NULL) {
        return code;
    }
    snprintf(partial, sizeof partial, "%s/studies.md.part", folder);
    snprintf(whole, sizeof whole, "%s/studies.md", folder);
    const bool failed = ferror(sheet->page) != 0;
    errno = 0;
    if (fclose(sheet->page) != 0 || failed) {
        code = code != EXIT_DONE ? code
                                 : work_error("--output: cannot write '%s': %s", partial, strerror(errno));
    }
    if (code == EXIT_DONE && rename(partial, whole) != 0) {
        code = work_error("--output: cannot rename '%s': %s", partial, strerror(errno));
    }
    if (code != EXIT_DONE) {
        remove(partial);
    }
    return code;
}

static int run_studies(struct study_settings *s, const struct study *only)
{
    const char *folder = s->train.output;
    s->sheet = (struct sheet){ .folder = folder, .pictures = plot_possible() };
    int code = folder != NULL ? open_page(folder, &s->sheet) : EXIT_DONE;
    if (code == EXIT_DONE && !s->sheet.pictures && !s->train.json) {
        notice("no charts: gnuplot is not installed; on Debian it is in the package gnuplot-nox");
    }
    for (size_t i = 0; code == EXIT_DONE && i < study_count; i++) {
        if (only == NULL || only == studies[i]) {
            code = report_study(s, studies[i]);
        }
    }
    return close_page(folder, &s->sheet, code);
}

/* ---- data ---------------------------------------------------------------------------------------------- */

/* The first `most` samples, or all. */
static int take_first(const mlp_data *data, size_t most, mlp_data **taken)
{
    const size_t count = mlp_data_count(data);
    return work_code(mlp_data_slice(data, 0, count < most ? count : most, taken));
}

static int fill_experiment(struct study_settings *s)
{
    const struct train_data *data = &s->data;
    struct experiment *e = &s->experiment;
    *e = (struct experiment){ .seeds = s->seeds,
                              .threads = s->train.fit.threads,
                              .quiet = s->train.quiet != 0,
                              .activations = s->train.network.activations,
                              .inits = s->train.network.inits,
                              .depths = s->depths,
                              .depth_count = s->depth_count,
                              .classes = data->classes };
    FAIL_IF(data->classes < 2, usage_error("--data: a study needs samples of at least 2 classes"));
    TRY(take_first(data->train, s->samples, &e->train));
    TRY(take_first(data->test != NULL ? data->test : data->validation, s->samples, &e->test));
    const size_t count = mlp_data_count(e->train);
    e->inputs = mlp_data_inputs(e->train);
    e->sample_count = count < DIAGNOSED_SAMPLES ? count : DIAGNOSED_SAMPLES;
    e->samples = calloc(e->sample_count * e->inputs, sizeof(float));
    e->sample_classes = calloc(e->sample_count, sizeof(int32_t));
    FAIL_IF(e->samples == NULL || e->sample_classes == NULL, out_of_memory());
    return work_code(mlp_data_read(e->train, 0, e->sample_count, e->samples, e->sample_classes, NULL));
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int choose_study(const struct study_settings *settings, int operands, char **names,
                        const struct study **chosen)
{
    *chosen = NULL;
    if (settings->all != 0 && operands == 0) {
        return EXIT_DONE;
    }
    FAIL_IF(settings->all != 0 || operands != 1,
            usage_error("study: expected the name of one study, or --all; `mlp study --help` lists them"));
    for (size_t i = 0; i < study_count; i++) {
        if (strcmp(names[0], studies[i]->name) == 0) {
            *chosen = studies[i];
            return EXIT_DONE;
        }
    }
    return usage_error("study: no study '%s'; `mlp study --help` lists them", names[0]);
}

static void print_studies(FILE *stream)
{
    fputs("\nStudies:\n", stream);
    for (size_t i = 0; i < study_count; i++) {
        const int column = fprintf(stream, "  %s", studies[i]->name);
        print_wrapped(stream, studies[i]->summary, (size_t)column, 16);
    }
}

static int prepare(void *settings)
{
    struct study_settings *s = settings;
    TRY(train_settings_default(&s->train));
    s->samples = TRAINING_SAMPLES;
    s->train.data = "digits";
    return EXIT_DONE;
}

static int run(void *settings, int operands, char **operand)
{
    struct study_settings *s = settings;
    const struct study *only = NULL;
    TRY(choose_study(s, operands, operand, &only));
    s->train.validation_fraction = data_has_test_part(s->train.data) ? 0.0 : 0.2;
    catch_interrupts();
    TRY(train_data_open(&s->train, &s->data));
    TRY(fill_experiment(s));
    return run_studies(s, only);
}

static void release(void *settings)
{
    struct study_settings *s = settings;
    mlp_data_destroy(&s->experiment.train);
    mlp_data_destroy(&s->experiment.test);
    free(s->experiment.samples);
    free(s->experiment.sample_classes);
    free(s->depths);
    train_data_free(&s->data);
    train_settings_free(&s->train);
}

const struct command study_command = {
    .name = "study",
    .trains = true,
    .summary = "put claims about initialization to the test",
    .synopsis = "NAME|--all [OPTION...]",
    .description = "Puts a claim of the practice of weight initialization to the test: states the claim and "
                   "what theory expects, measures over several seeds, prints tables and (with gnuplot) "
                   "charts, and says where the claim holds. The last line of a study is its verdict, by a "
                   "criterion that is printed before the measurement.",
    .rows = rows,
    .strategies = print_studies,
    .examples =
        "  mlp study vanishing\n"
        "  mlp study --all --output studies\n"
        "  mlp study compare --init he-normal,orthogonal,normal:1 --activation relu,gelu --depths 4,16\n",
    .settings_size = sizeof(struct study_settings),
    .prepare = prepare,
    .run = run,
    .release = release,
};
