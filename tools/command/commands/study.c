/* `mlp study`: puts claims about weight initialization to the test. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "options/choice.h"
#include "command.h"
#include "interrupt.h"
#include "reports/json_output.h"
#include "message.h"
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
};

#define FIELD(member) offsetof(struct study_settings, member)

static int parse_depths(const char *text, void *settings)
{
    struct study_settings *study = settings;
    double *values = NULL;
    size_t count = 0;
    bool valid = parse_reals(text, &values, &count);
    free(study->depths);
    study->depths = calloc(count + 1, sizeof *study->depths);
    study->depth_count = count;
    for (size_t i = 0; valid && study->depths != NULL && i < count; i++) {
        valid = values[i] >= 1.0 && values[i] <= 1000.0 && values[i] == (double)(size_t)values[i];
        study->depths[i] = valid ? (size_t)values[i] : 0;
    }
    free(values);
    return valid && study->depths != NULL
               ? EXIT_DONE
               : usage_error("--depths: expected whole numbers of 1 to 1000 separated by commas, got '%s'",
                             text);
}

/* clang-format off */
static const struct option_row rows[] = {
    { .kind = OPTION_GROUP, .help = "Options:" },
    { .kind = OPTION_FLAG, .name = "all", .offset = FIELD(all), .flag = 1, .help = "Every study, one after "
                                                                                   "the other." },
    { .kind = OPTION_TEXT, .name = "output", .letter = 'o', .argument = "FOLDER",
      .offset = FIELD(train.output),
      .help = "Write the page FOLDER/studies.md, with its pictures beside it; the folder is made if need "
              "be." },
    { .kind = OPTION_TEXT, .name = "data", .letter = 'd', .argument = "DATA", .offset = FIELD(train.data),
      .help = "Classes to learn (default: digits). " DATA_SPEC_HELP },
    { .kind = OPTION_SIZE, .name = "samples", .argument = "N", .offset = FIELD(samples), .low = 64,
      .high = 1e9,
      .help = "Training samples to use at most, and as many for the test (default: 1500)." },
    { .kind = OPTION_SIZE, .name = "seeds", .argument = "N", .offset = FIELD(seeds), .low = 2, .high = 1000,
      .help = "Draws to average over (default: each study's own, 3 to 20)." },
    { .kind = OPTION_COUNT, .name = "threads", .argument = "N", .offset = FIELD(train.fit.threads), .low = 1,
      .high = 1024, .help = "Threads to work with (default: OpenMP's)." },
    { .kind = OPTION_FLAG, .name = "json", .offset = FIELD(train.json), .flag = 1,
      .help = "Print a line of JSON for each study: name, verdict, texts and tables." },
    { .kind = OPTION_FLAG, .name = "quiet", .letter = 'q', .offset = FIELD(train.quiet), .flag = 1,
      .help = "No progress on standard error." },
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last)."),
    { .kind = OPTION_GROUP, .help = "The grid of `mlp study compare`:" },
    { .kind = OPTION_PARSED, .name = "init", .argument = "NAME[:A[,B]],...", .parse = parse_init,
      .help = "Initializers (default: five)." },
    { .kind = OPTION_PARSED, .name = "activation", .argument = "NAME[:P],...", .parse = parse_activation,
      .help = "Activations (default: relu,tanh,sigmoid)." },
    { .kind = OPTION_PARSED, .name = "depths", .argument = "N,...", .parse = parse_depths,
      .help = "Numbers of hidden layers (default: 2,6,12)." },
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
    const int code = study->run(experiment, sheet, as_predicted);
    if (code != EXIT_DONE) {
        return code;
    }
    write_sources(sheet, study->sources);
    sheet_text(sheet, "%s", *as_predicted ? study->holds : "The measurement does not bear the theory out.");
    sheet_text(sheet, "verdict: %s", *as_predicted ? "as predicted" : "not as predicted");
    return EXIT_DONE;
}

/* As text, or as a line of JSON. */
static int tell_study(const struct study_settings *settings, const struct study *study,
                      struct experiment *experiment, struct sheet *sheet)
{
    bool as_predicted = false;
    sheet->record = settings->train.json ? json_object() : NULL;
    int code = run_study(study, experiment, sheet, &as_predicted);
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
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return work_error("--output: cannot make the folder '%s': %s", folder, strerror(errno));
    }
    snprintf(path, sizeof path, "%s/studies.md.part", folder);
    sheet->page = fopen(path, "w");
    if (sheet->page == NULL) {
        return work_error("--output: cannot write '%s': %s", path, strerror(errno));
    }
    fputs("# Studies of weight initialization\n\nMeasured by `mlp study`.\n\n", sheet->page);
    return EXIT_DONE;
}

static int close_page(const char *folder, struct sheet *sheet, int code)
{
    char part[PATH_SIZE], whole[PATH_SIZE];
    if (sheet->page == NULL) {
        return code;
    }
    snprintf(part, sizeof part, "%s/studies.md.part", folder);
    snprintf(whole, sizeof whole, "%s/studies.md", folder);
    const bool failed = ferror(sheet->page) != 0;
    errno = 0;
    if (fclose(sheet->page) != 0 || failed) {
        code =
            code != EXIT_DONE ? code : work_error("--output: cannot write '%s': %s", part, strerror(errno));
    }
    if (code == EXIT_DONE && rename(part, whole) != 0) {
        code = work_error("--output: cannot rename '%s': %s", part, strerror(errno));
    }
    if (code != EXIT_DONE) {
        remove(part);
    }
    return code;
}

static int run_studies(const struct study_settings *settings, const struct study *only,
                       struct experiment *experiment)
{
    const char *folder = settings->train.output;
    struct sheet sheet = { .folder = folder, .pictures = plot_possible() };
    int code = folder != NULL ? open_page(folder, &sheet) : EXIT_DONE;
    if (code == EXIT_DONE && !sheet.pictures && !settings->train.json) {
        notice("no charts: gnuplot is not installed; on Debian it is in the package gnuplot-nox");
    }
    for (size_t i = 0; code == EXIT_DONE && i < study_count; i++) {
        if (only == NULL || only == studies[i]) {
            code = tell_study(settings, studies[i], experiment, &sheet);
        }
    }
    return close_page(folder, &sheet, code);
}

/* ---- data ---------------------------------------------------------------------------------------------- */

/* The first `most` samples, or all. */
static int take_first(const mlp_data *data, size_t most, mlp_data **taken)
{
    const size_t count = mlp_data_count(data);
    const mlp_status status = mlp_data_slice(data, 0, count < most ? count : most, taken);
    return status == MLP_OK ? EXIT_DONE : work_failed(status);
}

static int fill_experiment(const struct study_settings *settings, const struct train_data *data,
                           struct experiment *experiment)
{
    if (data->classes < 2) {
        return usage_error("--data: a study needs samples of at least 2 classes");
    }
    int code = take_first(data->train, settings->samples, &experiment->train);
    if (code == EXIT_DONE) {
        code = take_first(data->test != NULL ? data->test : data->validation, settings->samples,
                          &experiment->test);
    }
    if (code != EXIT_DONE) {
        return code;
    }
    const size_t count = mlp_data_count(experiment->train);
    experiment->inputs = mlp_data_inputs(experiment->train);
    experiment->classes = data->classes;
    experiment->sample_count = count < DIAGNOSED_SAMPLES ? count : DIAGNOSED_SAMPLES;
    experiment->samples = calloc(experiment->sample_count * experiment->inputs, sizeof(float));
    experiment->sample_classes = calloc(experiment->sample_count, sizeof(int32_t));
    if (experiment->samples == NULL || experiment->sample_classes == NULL) {
        return work_error("out of memory");
    }
    const mlp_status status = mlp_data_read(experiment->train, 0, experiment->sample_count,
                                            experiment->samples, experiment->sample_classes, NULL);
    return status == MLP_OK ? EXIT_DONE : work_failed(status);
}

static int study_data(const struct study_settings *settings, const struct study *only)
{
    struct train_data data = { 0 };
    /* clang-format off */
    struct experiment experiment = {
        .seeds = settings->seeds, .threads = settings->train.fit.threads, .quiet = settings->train.quiet != 0,
        .activations = settings->train.network.activations, .inits = settings->train.network.inits,
        .depths = settings->depths, .depth_count = settings->depth_count,
    };
    /* clang-format on */
    catch_interrupts();
    int code = train_data_open(&settings->train, &data);
    if (code == EXIT_DONE) {
        code = fill_experiment(settings, &data, &experiment);
    }
    if (code == EXIT_DONE) {
        code = run_studies(settings, only, &experiment);
    }
    mlp_data_destroy(&experiment.train);
    mlp_data_destroy(&experiment.test);
    free(experiment.samples);
    free(experiment.sample_classes);
    train_data_free(&data);
    return code;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int choose_study(const struct study_settings *settings, int operands, char **names,
                        const struct study **chosen)
{
    *chosen = NULL;
    if (settings->all != 0 && operands == 0) {
        return EXIT_DONE;
    }
    if (settings->all != 0 || operands != 1) {
        return usage_error("study: expected the name of one study, or --all; `mlp study --help` lists them");
    }
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

static int study(int argc, char **argv)
{
    struct study_settings settings = { .samples = TRAINING_SAMPLES };
    const struct study *only = NULL;
    int operands;
    int code = train_settings_default(&settings.train);
    settings.train.data = "digits";
    if (code == EXIT_DONE) {
        code = parse_options(&study_command, argc, argv, &settings, &operands);
    }
    if (code == EXIT_DONE) {
        code = choose_study(&settings, operands, argv + argc - operands, &only);
    }
    if (code == EXIT_DONE) {
        settings.train.validation_fraction = data_has_test_part(settings.train.data) ? 0.0 : 0.2;
        code = study_data(&settings, only);
    }
    free(settings.depths);
    network_settings_free(&settings.train.network);
    return code == OPTIONS_HELP ? EXIT_DONE : code;
}

/* clang-format off */
const struct command study_command = {
    .name = "study",
    .summary = "put claims about initialization to the test",
    .synopsis = "NAME|--all [OPTION...]",
    .description = "Puts a claim of the practice of weight initialization to the test: states the claim "
                   "and what theory "
                   "expects, measures over several seeds, prints tables and (with gnuplot) charts, and "
                   "says where the claim "
                   "holds. The last line of a study is its verdict, by a criterion that is printed before "
                   "the measurement.",
    .rows = rows,
    .strategies = print_studies,
    .examples = "  mlp study vanishing\n"
                "  mlp study --all --output studies\n"
                "  mlp study compare --init he-normal,orthogonal,normal:1 --activation relu,gelu --depths "
                "4,16\n",
    .run = study,
};
/* clang-format on */
