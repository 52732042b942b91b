/* Data sets named on the command line: a file, a pair of files, arrays of a file, or the name of a known
 * set. */
#include "options/data_argument.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "options/named_data.h"
#include "options/number.h"
#include "options/table_argument.h"

enum { LABEL_LAST = -1, LABEL_NONE = -2, MAX_COLUMN = 1000000000 };

int data_request_default(void *settings)
{
    *(struct data_request *)settings = (struct data_request){ .label_index = LABEL_LAST, .header = -1 };
    return EXIT_DONE;
}

int parse_part(const char *text, void *settings)
{
    struct data_request *request = settings;
    request->part = strcmp(text, "train") == 0 ? PART_TRAIN : PART_TEST;
    return request->part == PART_TRAIN || strcmp(text, "test") == 0
               ? EXIT_DONE
               : usage_error("--part: expected train or test, got '%s'", text);
}

int parse_label(const char *text, void *settings)
{
    struct data_request *request = settings;
    uint64_t column;
    request->label = NULL;
    request->labels = text;
    request->label_given = 1;
    request->csv_option = "--label";
    if (parse_whole(text, &column)) {
        request->label_index = (long)column;
        return column <= MAX_COLUMN
                   ? EXIT_DONE
                   : usage_error("--label: expected a column below %d, got '%s'", MAX_COLUMN, text);
    }
    if (strcmp(text, "none") == 0) {
        request->label_index = LABEL_NONE;
    } else if (strcmp(text, "last") == 0) {
        request->label_index = LABEL_LAST;
    } else if (text[0] == '\0' || text[0] == '-') {
        return usage_error(
            "--label: expected the name of a column, its number from 0, 'last' or 'none', got '%s'", text);
    } else {
        request->label = text;
    }
    return EXIT_DONE;
}

int parse_delimiter(const char *text, void *settings)
{
    static const struct {
        const char *name;
        char character;
    } words[] = { { "comma", ',' }, { "semicolon", ';' }, { "tab", '\t' },   { "\\t", '\t' },
                  { "bar", '|' },   { "pipe", '|' },      { "blanks", ' ' }, { "space", ' ' } };
    struct data_request *request = settings;
    request->delimiter = text[0] != '\0' && text[1] == '\0' ? text[0] : '\0';
    request->csv_option = "--delimiter";
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i].name) == 0) {
            request->delimiter = words[i].character;
        }
    }
    return request->delimiter != '\0' && strchr("\"\r\n", request->delimiter) == NULL
               ? EXIT_DONE
               : usage_error("--delimiter: expected one character that is no quote, or comma, semicolon, "
                             "tab, bar or blanks, got '%s'",
                             text);
}

int parse_decimal(const char *text, void *settings)
{
    struct data_request *request = settings;
    request->csv_option = "--decimal";
    request->decimal = strcmp(text, "comma") == 0 || strcmp(text, ",") == 0 ? ',' : '.';
    return request->decimal == ',' || strcmp(text, "point") == 0 || strcmp(text, ".") == 0
               ? EXIT_DONE
               : usage_error("--decimal: expected point or comma, got '%s'", text);
}

int parse_missing(const char *text, void *settings)
{
    struct data_request *request = settings;
    char policy[16];
    const char *comma = strchr(text, ',');
    snprintf(policy, sizeof policy, "%.*s", comma != NULL ? (int)(comma - text) : (int)strlen(text), text);
    request->csv_option = "--missing";
    request->missing_words = comma != NULL ? comma + 1 : NULL;
    return usage_code("--missing", mlp_missing_from_name(policy, &request->missing));
}

int parse_header(const char *text, void *settings)
{
    static const struct {
        const char *name;
        int value;
    } answers[] = { { "no", 0 }, { "yes", 1 }, { "auto", -1 } };
    struct data_request *request = settings;
    request->csv_option = "--header";
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (strcmp(text, answers[i].name) == 0) {
            request->header = answers[i].value;
            return EXIT_DONE;
        }
    }
    return usage_error("--header: expected yes, no or auto, got '%s'", text);
}

/* How the file is read if it is CSV. */
static mlp_csv_options csv_options(const struct data_request *request, const struct data_source *source,
                                   bool label_known)
{
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    options.delimiter = request->delimiter;
    options.header = request->header;
    options.label = request->label;
    label_known = label_known || request->label_given || source->label_needed;
    options.label_index = label_known ? request->label_index : LABEL_NONE;
    options.regression = request->regression && !source->labels_unread;
    if (!source->labels_unread && (options.label != NULL || options.label_index != LABEL_NONE) &&
        !request->regression) {
        options.class_names = source->class_names;
        options.class_name_count = source->class_name_count;
    }
    return options;
}

/* Whether the file is a table that is read by a schema. */
static bool is_table(const struct data_source *source, const mlp_data_options *how, const char *path)
{
    mlp_data_format format;
    const bool table = how->labels_path == NULL && (source->schema != NULL || source->learns);
    const bool known = table && mlp_data_recognize(path, &format) == MLP_OK;
    return table && (!known || format == MLP_DATA_FORMAT_CSV); /* what cannot be read is refused later */
}

/* `label_known`: a CSV file has its label where the request says, or in the last column. */
static int open_file(const struct data_request *request, const struct data_source *source,
                     const mlp_data_options *how, const char *path, bool label_known, struct data_set *set)
{
    const mlp_csv_options csv = csv_options(request, source, label_known);
    mlp_data_options options = *how;
    if (is_table(source, how, path)) {
        set->csv = true;
        return load_table(request, source, path, set);
    }
    options.stream = request->stream;
    options.unpack_limit = request->unpack_limit;
    options.csv = &csv;
    options.inputs = source->inputs;
    options.learn_offsets = source->learns;
    options.schema = source->schema;
    mlp_status status = mlp_data_load(path, &options, &set->data);
    status = status == MLP_OK && source->learns ? mlp_data_schema(set->data, &set->schema) : status;
    set->csv = mlp_data_file_format(set->data) == MLP_DATA_FORMAT_CSV;
    if (status == MLP_OK && request->csv_option != NULL && !set->csv) {
        mlp_data_destroy(&set->data);
        return usage_error("%s is for CSV files, and %s is '%s'", request->csv_option, source->option,
                           source->spec);
    }
    if (status == MLP_OK) {
        return EXIT_DONE;
    }
    return data_failure(source, path, status, csv.label == NULL && csv.label_index == LABEL_NONE);
}

int data_failure(const struct data_source *source, const char *path, mlp_status status, bool without_label)
{
    work_code(status);
    if (status == MLP_ERROR_IO && access(path, F_OK) != 0 && strpbrk(path, "./") == NULL) {
        notice("%s: there is no such file, and the known sets are %s", source->option, known_data_names());
    } else if (status == MLP_ERROR_FORMAT && without_label) {
        notice("a CSV file is read as features alone; if a column holds labels, name it with --label");
    }
    return status == MLP_ERROR_ARGUMENT ? EXIT_USAGE : EXIT_WORK;
}

static int open_named(const struct data_request *request, const struct data_source *source,
                      const struct named_data *known, struct data_set *set)
{
    const bool test = known->test_features != NULL && source->part != PART_TRAIN;
    FAIL_IF(source->part == PART_TEST && known->test_features == NULL,
            usage_error("%s: '%s' has no test part", source->option, known->name));
    char *features = find_known_file(test ? known->test_features : known->features);
    const char *labels_name = test ? known->test_labels : known->labels;
    char *labels = labels_name != NULL ? find_known_file(labels_name) : NULL;
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    int code;
    if (features == NULL || (labels_name != NULL && labels == NULL)) {
        code = work_error("%s: cannot find '%s': %s; the environment variable MLP_DATA_DIR may name the "
                          "folder that holds %s",
                          source->option, known->name, known->origin, known->features);
    } else {
        options.labels_path = labels;
        code = open_file(request, source, &options, features, true, set);
    }
    set->names = known->class_names;
    set->has_test_part = known->test_features != NULL;
    free(features);
    free(labels);
    return code;
}

/* What an argument names besides a file. */
struct spec {
    char *path;           /* the caller's */
    const char *features; /* an array of the file, or NULL */
    const char *labels;   /* a file, or an array beside `features`; or NULL */
    bool pair;            /* there was a comma */
};

static bool is_there(const char *path)
{
    return strcmp(path, "-") == 0 || access(path, F_OK) == 0;
}

/* FILE, FEATURES,LABELS or FILE:ARRAY[,ARRAY]; a file that has such a name comes first. */
static int split_spec(const char *text, struct spec *spec)
{
    *spec = (struct spec){ .path = strdup(text) };
    FAIL_IF(spec->path == NULL, out_of_memory());
    char *comma = !is_there(text) ? strchr(spec->path, ',') : NULL;
    if (comma != NULL) {
        *comma = '\0';
        spec->pair = true;
        spec->labels = comma[1] != '\0' ? comma + 1 : NULL;
    }
    char *colon = !is_there(spec->path) ? strrchr(spec->path, ':') : NULL;
    if (colon != NULL) {
        *colon = '\0';
        spec->features = colon + 1;
        if (!is_there(spec->path)) {
            *colon = ':';
            spec->features = NULL;
        }
    }
    return EXIT_DONE;
}

static int open_spec(const struct data_request *request, const struct data_source *source,
                     struct data_set *set)
{
    struct spec spec;
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    TRY(split_spec(source->spec, &spec));
    options.features_member = spec.features;
    options.labels_member = spec.features != NULL ? spec.labels : NULL;
    options.labels_path = spec.features == NULL ? spec.labels : NULL;
    const int code = spec.path[0] != '\0' ? open_file(request, source, &options, spec.path, spec.pair, set)
                                          : usage_error("%s: expected FEATURES,LABELS, got '%s'",
                                                        source->option, source->spec);
    free(spec.path);
    return code;
}

int data_open(const struct data_request *request, const struct data_source *source, struct data_set *set)
{
    const struct named_data *known = find_known_data(source->spec);
    *set = (struct data_set){ 0 };
    if (known != NULL) {
        return open_named(request, source, known, set);
    }
    FAIL_IF(source->part != PART_DEFAULT && source->part != PART_TRAIN,
            usage_error("%s: '%s' has no test part; sets with one are known by name (fashion-mnist)",
                        source->option, source->spec));
    return open_spec(request, source, set);
}

void data_files(const char *text, char *files[2])
{
    const struct named_data *known = text != NULL ? find_known_data(text) : NULL;
    struct spec spec;
    files[0] = files[1] = NULL;
    if (known != NULL) {
        files[0] = find_known_file(known->features);
    } else if (text != NULL && split_spec(text, &spec) == EXIT_DONE) {
        files[0] = spec.path;
        files[1] = spec.labels != NULL && spec.features == NULL ? strdup(spec.labels) : NULL;
    }
}

bool data_has_test_part(const char *spec)
{
    const struct named_data *known = spec != NULL ? find_known_data(spec) : NULL;
    return known != NULL && known->test_features != NULL;
}

const char *data_set_class_name(const struct data_set *set, size_t class_index)
{
    if (class_index >= mlp_data_class_count(set->data)) {
        return NULL;
    }
    return set->names != NULL ? set->names[class_index] : mlp_data_class_name(set->data, class_index);
}

int network_class_names(const mlp_network *network, const char ***names, size_t *count)
{
    *count = mlp_network_class_name_count(network);
    *names = NULL;
    if (*count == 0) {
        return EXIT_DONE;
    }
    *names = calloc(*count, sizeof **names);
    FAIL_IF(*names == NULL, out_of_memory());
    for (size_t i = 0; i < *count; i++) {
        (*names)[i] = mlp_network_class_name(network, i);
    }
    return EXIT_DONE;
}
