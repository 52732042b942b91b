/* Options of a subcommand as a table: the same rows are parsed and printed as help. */
#include "options/options.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options/near.h"
#include "options/number.h"

enum { FIRST_VALUE = 256, HELP_VALUE = FIRST_VALUE - 1, PLACE_SIZE = 4096, NAME_SIZE = 64 };

static int set_size(const struct option_row *row, const char *text, void *field)
{
    uint64_t value;
    const bool valid = parse_whole(text, &value) && (double)value >= row->low && (double)value <= row->high;
    if (!valid) {
        return row->high < 1e15 ? usage_error("--%s: expected a whole number from %.0f to %.0f, got '%s'",
                                              row->name, row->low, row->high, text)
                                : usage_error("--%s: expected a whole number of at least %.0f, got '%s'",
                                              row->name, row->low, text);
    }
    if (row->kind == OPTION_COUNT) {
        *(int *)field = (int)value;
    } else {
        *(size_t *)field = (size_t)value;
    }
    return EXIT_DONE;
}

static int set_seed(const struct option_row *row, const char *text, uint64_t *field)
{
    return parse_whole(text, field) ? EXIT_DONE
                                    : usage_error("--%s: expected a whole number from 0 to %llu, got '%s'",
                                                  row->name, (unsigned long long)UINT64_MAX, text);
}

static int set_real(const struct option_row *row, const char *text, double *field)
{
    double value;
    const bool low_in = (row->ends & ENDS_LOW) != 0, high_in = (row->ends & ENDS_HIGH) != 0;
    const bool valid = parse_real(text, &value) && (low_in ? value >= row->low : value > row->low) &&
                       (high_in ? value <= row->high : value < row->high);
    if (!valid) {
        return isinf(row->high) ? usage_error("--%s: expected a number %s %g, got '%s'", row->name,
                                              low_in ? "of at least" : "above", row->low, text)
                                : usage_error("--%s: expected a number %s %g and %s %g, got '%s'", row->name,
                                              low_in ? "of at least" : "above", row->low,
                                              high_in ? "at most" : "below", row->high, text);
    }
    *field = value;
    return EXIT_DONE;
}

/* Where a name is wanted: '-' stands for standard input or output with options and operands that say so. */
static int refuse_dash(const char *what)
{
    return usage_error("%s: '-' is no file, and standard input or output will not do here; a file of this "
                       "name is ./-",
                       what);
}

static int check_text(const struct option_row *row, const char *text)
{
    const bool names_file = strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "FOLDER") == 0 ||
                            strcmp(row->argument, "MODEL") == 0;
    char option[NAME_SIZE];
    FAIL_IF(text[0] == '\0', usage_error("--%s: expected %s, got an empty text", row->name, row->argument));
    snprintf(option, sizeof option, "--%s", row->name);
    return names_file && row->flag != TAKES_DASH && strcmp(text, "-") == 0 ? refuse_dash(option) : EXIT_DONE;
}

static int apply(const struct option_row *row, const char *text, void *settings)
{
    void *field = (char *)settings + row->offset;
    if (row->note != 0) {
        *(const char **)((char *)settings + row->note) = row->name;
    }
    switch (row->kind) {
    case OPTION_FLAG: *(int *)field = row->flag; return EXIT_DONE;
    case OPTION_TEXT: *(const char **)field = text; return check_text(row, text);
    case OPTION_SIZE:
    case OPTION_COUNT: return set_size(row, text, field);
    case OPTION_SEED: return set_seed(row, text, field);
    case OPTION_REAL: return set_real(row, text, field);
    default: return row->parse(text, settings);
    }
}

/* Whether --no-NAME unsets the flag, which a file of settings may have set: no row is called so. */
static bool may_be_unset(const struct option_row *rows, const struct option_row *row)
{
    char opposite[NAME_SIZE];
    if (row->kind != OPTION_FLAG || strncmp(row->name, "no-", 3) == 0) {
        return false;
    }
    snprintf(opposite, sizeof opposite, "no-%s", row->name);
    while (rows->kind != OPTION_END && (rows->kind == OPTION_GROUP || strcmp(rows->name, opposite) != 0)) {
        rows++;
    }
    return rows->kind == OPTION_END;
}

/* What getopt works with. */
struct tables {
    struct option *options; /* the value of row i is FIRST_VALUE + 2·i, and one more where it is unset */
    char (*opposites)[NAME_SIZE];
    char *letters;
};

static void make_tables(const struct option_row *rows, struct tables *tables)
{
    size_t count = 0;
    char *letters = tables->letters;
    *letters++ = ':'; /* distinguishes a missing argument from an unknown option */
    for (size_t i = 0; rows[i].kind != OPTION_END; i++) {
        if (rows[i].kind == OPTION_GROUP) {
            continue;
        }
        const int has_argument = rows[i].argument != NULL ? required_argument : no_argument;
        const int value = FIRST_VALUE + 2 * (int)i;
        tables->options[count++] = (struct option){ rows[i].name, has_argument, NULL, value };
        if (may_be_unset(rows, &rows[i])) {
            snprintf(tables->opposites[i], NAME_SIZE, "no-%s", rows[i].name);
            tables->options[count++] = (struct option){ tables->opposites[i], no_argument, NULL, value + 1 };
        }
        if (rows[i].letter != 0) {
            *letters++ = rows[i].letter;
            if (has_argument) {
                *letters++ = ':';
            }
        }
    }
    tables->options[count] = (struct option){ "help", no_argument, NULL, HELP_VALUE };
    *letters++ = 'h';
    *letters = '\0';
}

/* Adds ", --NAME" for every option that begins with a word, or is near it. */
static void list_options(const struct option_row *rows, const char *word, bool near, char *text, size_t size)
{
    const size_t length = strcspn(word, "=");
    char name[NAME_SIZE];
    size_t used = 0;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    text[0] = '\0';
    for (const struct option_row *row = rows; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP) {
            continue;
        }
        for (int unset = 0; unset <= may_be_unset(rows, row); unset++) {
            char known[NAME_SIZE];
            snprintf(known, sizeof known, "%s%s", unset ? "no-" : "", row->name);
            if (used < size && (near ? name_is_near(name, known) : strncmp(known, word, length) == 0)) {
                const int written = snprintf(text + used, size - used, "%s--%s", used > 0 ? ", " : "", known);
                used += written > 0 ? (size_t)written : 0;
            }
        }
    }
}

/* A long option that is none, or the beginning of several. */
static int refuse_unknown(const struct command *command, const char *word)
{
    char options[512];
    const char *name = word + strspn(word, "-");
    list_options(command->rows, name, false, options, sizeof options);
    FAIL_IF(options[0] != '\0', usage_error("ambiguous option '%s': it may be %s", word, options));
    list_options(command->rows, name, true, options, sizeof options);
    FAIL_IF(options[0] != '\0', usage_error("unknown option '%s': did you mean %s? `mlp %s --help` lists "
                                            "the options",
                                            word, options, command->name));
    return usage_error("unknown option '%s'; `mlp %s --help` lists the options", word, command->name);
}

/* getopt says '?' or ':'. */
static int refuse(const struct command *command, int answer, char **argv)
{
    const struct option_row *row = optopt >= FIRST_VALUE ? &command->rows[(optopt - FIRST_VALUE) / 2] : NULL;
    const char *word = argv[optind - 1];
    FAIL_IF(answer == ':' && row != NULL,
            usage_error("--%s: expected %s after it, got nothing", row->name, row->argument));
    FAIL_IF(answer == ':', usage_error("-%c: expected an argument after it, got nothing", optopt));
    FAIL_IF(row != NULL || optopt == HELP_VALUE, usage_error("%s: this option takes no value", word));
    FAIL_IF(optopt != 0,
            usage_error("unknown option '-%c'; `mlp %s --help` lists the options", optopt, command->name));
    return refuse_unknown(command, word);
}

/* Which row is given where in the list, or NULL. */
static const struct given_option *find_given(const struct given_options *given, const struct option_row *row)
{
    for (size_t i = 0; i < given->count; i++) {
        if (given->items[i].row == row) {
            return &given->items[i];
        }
    }
    return NULL;
}

int given_options_add(struct given_options *given, const struct given_option *option)
{
    const struct given_option *before = find_given(given, option->row);
    FAIL_IF(before != NULL && !option->from_file && option->text != NULL,
            usage_error("--%s: given twice; the second value is '%s'", option->row->name, option->text));
    if (before != NULL) { /* the command line's counts, or it is a flag */
        given->items[before - given->items].unset = option->from_file ? before->unset : option->unset;
        return EXIT_DONE;
    }
    struct given_option *items = realloc(given->items, (given->count + 1) * sizeof *items);
    FAIL_IF(items == NULL, out_of_memory());
    items[given->count] = *option;
    items[given->count++].value_count = 1;
    given->items = items;
    return EXIT_DONE;
}

void given_options_free(struct given_options *given)
{
    for (size_t i = 0; i < given->count; i++) {
        free(given->items[i].values);
        free(given->items[i].copy);
    }
    free(given->items);
    free(given->file);
    *given = (struct given_options){ 0 };
}

static const struct option_row *row_of_answer(const struct option_row *rows, int answer)
{
    if (answer >= FIRST_VALUE) {
        return &rows[(answer - FIRST_VALUE) / 2];
    }
    while (rows->letter != answer) {
        rows++;
    }
    return rows;
}

/* The beginning of a name that fits one option alone is taken, and said: another may have been meant. */
static void tell_of_beginning(const struct given_option *option, char **argv)
{
    const struct option_row *row = option->row;
    const char *no = option->unset ? "no-" : "";
    const bool apart = optarg != NULL && optarg == argv[optind - 1];
    const char *word = argv[optind - 1 - apart];
    if (strncmp(word, "--", 2) == 0 && strcspn(word + 2, "=") != strlen(no) + strlen(row->name)) {
        notice("'%.*s' is taken for --%s%s", (int)strcspn(word, "="), word, no, row->name);
    }
}

static int read_words(const struct command *command, int argc, char **argv, const struct tables *tables,
                      struct given_options *given)
{
    int code = EXIT_DONE;
    opterr = 0;
    for (int answer; code == EXIT_DONE &&
                     (answer = getopt_long(argc, argv, tables->letters, tables->options, NULL)) != -1;) {
        if (answer == 'h' || answer == HELP_VALUE) {
            print_command_help(command, stdout);
            code = OPTIONS_HELP;
        } else if (answer == '?' || answer == ':') {
            code = refuse(command, answer, argv);
        } else {
            const struct given_option option = { .row = row_of_answer(command->rows, answer),
                                                 .text = optarg,
                                                 .unset = answer >= FIRST_VALUE &&
                                                          (answer - FIRST_VALUE) % 2 == 1 };
            tell_of_beginning(&option, argv);
            code = given_options_add(given, &option);
        }
    }
    return code;
}

static int read_options(const struct command *command, int argc, char **argv, struct given_options *given,
                        int *operands)
{
    size_t count = 0;
    while (command->rows[count].kind != OPTION_END) {
        count++;
    }
    struct tables tables = { .options = calloc(2 * count + 2, sizeof *tables.options),
                             .opposites = calloc(count + 1, sizeof *tables.opposites),
                             .letters = calloc(2 * count + 3, 1) };
    const bool made = tables.options != NULL && tables.opposites != NULL && tables.letters != NULL;
    int code = made ? EXIT_DONE : out_of_memory();
    if (made) {
        make_tables(command->rows, &tables);
        code = read_words(command, argc, argv, &tables, given);
    }
    free(tables.options);
    free(tables.opposites);
    free(tables.letters);
    *operands = argc - optind;
    return code;
}

/* Those of the file first: what is given on the command line, by whatever option, comes after them. */
int apply_options(const struct given_options *given, void *settings)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < 2 * given->count && code == EXIT_DONE; i++) {
        const struct given_option *option = &given->items[i % given->count];
        char place[PLACE_SIZE];
        if (option->unset || option->from_file != (i < given->count)) {
            continue;
        }
        if (option->from_file) {
            snprintf(place, sizeof place, "%s:%zu", given->path, option->line);
            message_place(place);
        }
        code = apply(option->row, option->values != NULL ? option->values[option->chosen] : option->text,
                     settings);
        message_place(NULL);
    }
    return code;
}

int parse_options(const struct command *command, int argc, char **argv, void *settings,
                  struct given_options *given, int *operands)
{
    TRY(read_options(command, argc, argv, given, operands));
    for (int i = argc - *operands; i < argc; i++) {
        FAIL_IF(strcmp(argv[i], "-") == 0, refuse_dash(command->name));
    }
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->items[i].row->name, "config") == 0) {
            TRY(check_text(given->items[i].row, given->items[i].text));
            TRY(read_config(command, given->items[i].text, given));
            break;
        }
    }
    TRY(split_values(command, given));
    return apply_options(given, settings);
}
