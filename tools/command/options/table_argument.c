/* Tables named on the command line. */
#include "options/table_argument.h"

#include <stdlib.h>
#include <string.h>

#include "message.h"

/* A list of the command line, cut at its commas. */
struct list {
    char *copy;
    mlp_texts texts;
};

static int split_list(const char *text, struct list *list)
{
    size_t count = 1;
    *list = (struct list){ 0 };
    if (text == NULL) {
        return EXIT_DONE;
    }
    for (const char *comma = strchr(text, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
        count++;
    }
    const char **texts = calloc(count, sizeof *texts);
    list->copy = strdup(text);
    list->texts = (mlp_texts){ texts, count };
    FAIL_IF(texts == NULL || list->copy == NULL, out_of_memory());
    char *place = list->copy;
    for (size_t i = 0; i < count; i++) {
        texts[i] = strsep(&place, ",");
    }
    return EXIT_DONE;
}

static void free_list(struct list *list)
{
    free((void *)list->texts.texts);
    free(list->copy);
}

static mlp_table_options table_options(const struct data_request *request, const struct data_source *source)
{
    mlp_table_options options = MLP_TABLE_OPTIONS_INIT;
    options.delimiter = request->delimiter;
    options.decimal = request->decimal;
    options.header = request->header;
    options.unpack_limit = request->unpack_limit;
    options.stream = request->stream;
    options.label_needed = !source->labels_unread && (source->label_needed || request->label_given);
    options.keep_lines = source->keeps_lines;
    return options;
}

static bool asks_for_no_label(const struct data_request *request)
{
    return request->labels != NULL && strcmp(request->labels, "none") == 0;
}

enum { LABELS, IGNORED, CATEGORICAL, WORDS, LIST_COUNT };

static mlp_status learn(const struct data_request *request, const struct data_source *source,
                        const char *path, const struct list lists[LIST_COUNT], struct data_set *set)
{
    const mlp_table_options table = table_options(request, source);
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    options.no_label = asks_for_no_label(request);
    options.labels = options.no_label ? options.labels : lists[LABELS].texts;
    options.ignored = lists[IGNORED].texts;
    options.categorical = lists[CATEGORICAL].texts;
    options.missing_words = lists[WORDS].texts;
    options.regression = request->regression;
    options.id = request->id;
    options.weight = request->weight;
    options.group = request->group;
    options.dates = request->dates;
    options.missing = request->missing;
    options.label_word = request->label_word;
    options.rare = request->rare;
    options.level_limit = request->levels;
    options.classes = (mlp_texts){ source->class_names, source->class_name_count };
    options.table = &table;
    return mlp_schema_learn(path, &options, &set->schema, &set->data);
}

static mlp_status load(const struct data_request *request, const struct data_source *source, const char *path,
                       struct data_set *set)
{
    mlp_table_options options = table_options(request, source);
    if (asks_for_no_label(request)) {
        options.label_needed = 0;
    } else if (request->label_given && mlp_schema_target_count(source->schema) == 1) {
        options.label = request->labels;
    }
    return mlp_schema_load(source->schema, path, &options, &set->data);
}

void tell_of_table(const char *spec, const mlp_data *data, bool notices)
{
    const char *warnings = mlp_data_warnings(data);
    spec = strcmp(spec, "-") == 0 ? "standard input" : spec;
    if (notices && mlp_data_notice(data) != NULL) {
        notice("%s: %s", spec, mlp_data_notice(data));
    }
    while (warnings != NULL) {
        const char *end = strchr(warnings, '\n');
        notice("%s: %.*s", spec, end != NULL ? (int)(end - warnings) : (int)strlen(warnings), warnings);
        warnings = end != NULL ? end + 1 : NULL;
    }
}

int load_table(const struct data_request *request, const struct data_source *source, const char *path,
               struct data_set *set)
{
    const char *const given[LIST_COUNT] = { request->labels, request->ignore, request->categorical,
                                            request->missing_words };
    struct list lists[LIST_COUNT] = { 0 };
    int code = EXIT_DONE;
    for (int i = 0; i < LIST_COUNT && code == EXIT_DONE; i++) {
        code = split_list(given[i], &lists[i]);
    }
    if (code == EXIT_DONE) {
        const mlp_status status = source->schema != NULL ? load(request, source, path, set)
                                                         : learn(request, source, path, lists, set);
        code = status == MLP_OK ? EXIT_DONE : data_failure(source, path, status, false);
    }
    for (int i = 0; i < LIST_COUNT; i++) {
        free_list(&lists[i]);
    }
    return code;
}
