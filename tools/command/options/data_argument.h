/* Data sets named on the command line: a file, a pair of files, arrays of a file, or the name of a known
 * set. */
#ifndef TOOLS_DATA_ARGUMENT_H
#define TOOLS_DATA_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/data.h>
#include <mlp/schema.h>

#include "options/options.h"

enum data_part { PART_DEFAULT, PART_TRAIN, PART_TEST };

/* How CSV files are to be read. The first member of the settings of every command that reads data. */
struct data_request {
    const char *label; /* name of the label column, or NULL for `label_index` */
    long label_index;  /* as in mlp_csv_options */
    int label_given;
    char delimiter; /* 0: a comma */
    int header;     /* as in mlp_csv_options */
    int regression;
    const char *labels;                                     /* --label as it was given, or NULL */
    char decimal;                                           /* as in mlp_table_options */
    const char *ignore, *categorical, *id, *weight, *group; /* columns, or NULL; the first two in lists */
    int dates;
    mlp_missing missing;
    const char *missing_words; /* a list, or NULL */
    const char *label_word;
    size_t rare, levels;
    const char *csv_option; /* an option that only CSV files understand and that was given, or NULL */
    int stream;             /* features stay in their file */
    size_t unpack_limit;    /* as in mlp_data_options */
    enum data_part part;    /* --part */
};

/* The request without any option; the start of a command's settings. Returns EXIT_DONE. */
int data_request_default(void *settings);

/* A data set and what is known about it besides. */
struct data_set {
    mlp_data *data;
    const char *const *names; /* of the classes, where the set is known by name; NULL: ask the data */
    mlp_schema *schema;       /* learnt from the file, or NULL; the caller's, as the data are */
    bool csv;
    bool has_test_part;
};

/* What to load and how. */
struct data_source {
    const char *option;  /* for messages, such as "--data" */
    const char *spec;    /* FILE, FEATURES,LABELS, FILE:FEATURES,LABELS, or a name */
    enum data_part part; /* of a set that has parts; PART_DEFAULT: the test part */
    bool label_needed;   /* the last column of a CSV file is the label unless the request says otherwise */
    const char *const *class_names; /* that labels must match, or NULL */
    size_t class_name_count;
    const mlp_schema *schema; /* by which a table is read, or NULL */
    bool learns;              /* without one: a table's schema is learnt */
    bool labels_unread;       /* whatever the file holds as labels, it is not looked at */
    bool keeps_lines;         /* of tables that are read by a schema: mlp_data_line() */
    size_t inputs;            /* features that samples are to have, where a file does not say; 0: any */
};

/* Loads it. Returns an exit code after a message, or EXIT_DONE; `set->data` belongs to the caller then. */
int data_open(const struct data_request *request, const struct data_source *source, struct data_set *set);
/* The files that an argument names, features and labels, in memory that the caller frees; NULL where there
 * is none. */
void data_files(const char *spec, char *files[2]);
/* Whether the argument names a set that comes with a test part of its own; NULL names none. */
bool data_has_test_part(const char *spec);
/* Name of a class, or NULL. */
const char *data_set_class_name(const struct data_set *set, size_t class_index);

/* Class names of a network as an array for data_source, which the caller frees; NULL and 0 when there are
 * none. */
int network_class_names(const mlp_network *network, const char ***names, size_t *count);

int parse_label(const char *text, void *settings);
int parse_delimiter(const char *text, void *settings);
int parse_header(const char *text, void *settings);
int parse_part(const char *text, void *settings);
int parse_decimal(const char *text, void *settings);
int parse_missing(const char *text, void *settings);

#define DATA_SPEC_HELP                                                                                       \
    "A CSV file, a LIBSVM file, or an NPZ file (FILE:X,Y says which arrays); FEATURES,LABELS: a pair of "    \
    "IDX or NPY files; FEATURES, with the comma: such a file without labels; all plain or gzip'd; -: "       \
    "standard input, whatever it holds (-:X,Y: arrays of an NPZ file); or a name: digits (comes with mlp) "  \
    "or fashion-mnist (Debian's package dataset-fashion-mnist)."
#define DATA_STREAM_ROW                                                                                      \
    {                                                                                                        \
        .kind = OPTION_FLAG, .name = "stream", .offset = offsetof(struct data_request, stream), .flag = 1,   \
        .help = "Leave the features in their file and read them when they are needed, for data larger than " \
                "memory. CSV, LIBSVM and gzip'd files are unpacked into a temporary file, in TMPDIR or "     \
                "/var/tmp."                                                                                  \
    }
#define DATA_PART_ROW                                                                                        \
    PARSED("part", "train|test", parse_part,                                                                 \
           "Part of a set that has both, as fashion-mnist does (default: test).")
#define DATA_CSV_ROWS(label_help)                                                                            \
    { .kind = OPTION_SIZE,                                                                                   \
      .name = "unpack-limit",                                                                                \
      .argument = "BYTES",                                                                                   \
      .offset = offsetof(struct data_request, unpack_limit),                                                 \
      .low = 1,                                                                                              \
      .high = 1e18,                                                                                          \
      .help = "What a gzip'd file of data may unpack to (default: 1 GiB, or 100 times its size where that "  \
              "is more)." },                                                                                 \
        GROUP("Tables (CSV files):"), PARSED("label", "COLUMN", parse_label, label_help),                    \
        PARSED("delimiter", "CHARACTER", parse_delimiter,                                                    \
               "What stands between fields: one character, or comma, semicolon, tab, bar, blanks (default: " \
               "found by looking)."),                                                                        \
        PARSED("decimal", "CHARACTER", parse_decimal,                                                        \
               "What begins a fraction: a point or a comma (default: found by looking)."),                   \
        PARSED("header", "yes|no|auto", parse_header,                                                        \
               "Whether the first line names the columns (default auto: by evidence).")

/* How a table's columns are to be understood, for commands that learn it. */
#define DATA_TEXT(option, word, member, ...)                                                                 \
    {                                                                                                        \
        .kind = OPTION_TEXT, .name = option, .argument = word,                                               \
        .offset = offsetof(struct data_request, member), .note = offsetof(struct data_request, csv_option),  \
        .help = __VA_ARGS__                                                                                  \
    }
#define DATA_SIZE(option, word, member, ...)                                                                 \
    {                                                                                                        \
        .kind = OPTION_SIZE, .name = option, .argument = word,                                               \
        .offset = offsetof(struct data_request, member), .note = offsetof(struct data_request, csv_option),  \
        .low = 1, .high = 1e9, .help = __VA_ARGS__                                                           \
    }
#define DATA_SCHEMA_ROWS                                                                                     \
    DATA_TEXT("ignore", "COLUMN,...", ignore, "Columns to leave out, by name or by number from 0."),         \
        DATA_TEXT("categorical", "COLUMN,...", categorical,                                                  \
                  "Columns whose values, also numbers, are levels: one input each."),                        \
        { .kind = OPTION_FLAG,                                                                               \
          .name = "dates",                                                                                   \
          .offset = offsetof(struct data_request, dates),                                                    \
          .flag = 1,                                                                                         \
          .help = "Read columns of ISO 8601 dates: days, and day of the week, of the year and time as "      \
                  "cycles." },                                                                               \
        PARSED("missing", "POLICY[,WORD...]", parse_missing,                                                 \
               "What a missing value (nothing, NA, N/A, NaN, null, ? or one of the words) leads to: "        \
               "refuse, "                                                                                    \
               "drop the row, or impute the median or the commonest level (default: refuse)."),              \
        DATA_TEXT("missing-label", "NAME", label_word,                                                       \
                  "A class that is called like a missing value, as NA for Namibia."),                        \
        DATA_SIZE("rare", "N", rare, "Levels of fewer than N samples share one input (default: none)."),     \
        DATA_SIZE("levels", "N", levels, "Levels that a column may have (default: 1000)."),                  \
        DATA_TEXT("id", "COLUMN", id, "Column to keep beside the predictions, not to learn from."),          \
        DATA_TEXT("weight-column", "COLUMN", weight, "Column of the samples' weights, of at least 0."),      \
        DATA_TEXT("group", "COLUMN", group,                                                                  \
                  "Samples of the same value here are never split between training and --validation.")

#endif
