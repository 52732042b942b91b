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

enum { FIRST_VALUE = 256, HELP_VALUE = FIRST_VALUE - 1, PLACE_SIZE = 4096 };

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

static int apply(const struct option_row *row, const char *text, void *settings)
{
    void *field = (char *)settings + row->offset;
    if (row->note != 0) {
        *(const char **)((char *)settings + row->note) = row->name;
    }
    switch (row->kind) {
    case OPTION_FLAG: *(int *)field = row->flag; return EXIT_DONE;
    case OPTION_TEXT:
        *(const char **)field = text;
        return text[0] != '\0'
                   ? EXIT_DONE
                   : usage_error("--%s: expected %s, got an empty text", row->name, row->argument);
    case OPTION_SIZE:
    case OPTION_COUNT: return set_size(row, text, field);
    case OPTION_SEED: return set_seed(row, text, field);
    case OPTION_REAL: return set_real(row, text, field);
    default: return row->parse(text, settings);
    }
}

/* getopt's tables from the rows; entry i of the long ones has the value FIRST_VALUE + the row's number. */
static size_t make_tables(const struct option_row *rows, struct option *long_options, char *letters)
{
    size_t count = 0;
    *letters++ = ':'; /* distinguishes a missing argument from an unknown option */
    for (size_t i = 0; rows[i].kind != OPTION_END; i++) {
        if (rows[i].kind == OPTION_GROUP) {
            continue;
        }
        const int has_argument = rows[i].argument != NULL ? required_argument : no_argument;
        long_options[count++] = (struct option){ rows[i].name, has_argument, NULL, FIRST_VALUE + (int)i };
        if (rows[i].letter != 0) {
            *letters++ = rows[i].letter;
            if (has_argument) {
                *letters++ = ':';
            }
        }
    }
    long_options[count++] = (struct option){ "help", no_argument, NULL, HELP_VALUE };
    *letters++ = 'h';
    *letters = '\0';
    return count;
}

/* Adds ", --NAME" for every option that begins with a word, or is near it. */
static void list_options(const struct option_row *rows, const char *word, bool near, char *text, size_t size)
{
    const size_t length = strcspn(word, "=");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    text[0] = '\0';
    for (size_t used = 0; rows->kind != OPTION_END; rows++) {
        if (rows->kind != OPTION_GROUP && used < size &&
            (near ? name_is_near(name, rows->name) : strncmp(rows->name, word, length) == 0)) {
            const int written =
                snprintf(text + used, size - used, "%s--%s", used > 0 ? ", " : "", rows->name);
            used += written > 0 ? (size_t)written : 0;
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
    const struct option_row *row = optopt >= FIRST_VALUE ? &command->rows[optopt - FIRST_VALUE] : NULL;
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
    if (before != NULL) {
        return EXIT_DONE; /* the command line's counts, or it is a flag */
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
        return &rows[answer - FIRST_VALUE];
    }
    while (rows->letter != answer) {
        rows++;
    }
    return rows;
}

/* The beginning of a name that fits one option alone is taken, and said: another may have been meant. */
static void tell_of_beginning(const struct option_row *row, char **argv)
{
    const bool apart = optarg != NULL && optarg == argv[optind - 1];
    const char *word = argv[optind - 1 - apart];
    if (strncmp(word, "--", 2) == 0 && strcspn(word + 2, "=") != strlen(row->name)) {
        notice("'%.*s' is taken for --%s", (int)strcspn(word, "="), word, row->name);
    }
}

static int read_words(const struct command *command, int argc, char **argv, const struct option *long_options,
                      const char *letters, struct given_options *given)
{
    int code = EXIT_DONE;
    opterr = 0;
    for (int answer;
         code == EXIT_DONE && (answer = getopt_long(argc, argv, letters, long_options, NULL)) != -1;) {
        if (answer == 'h' || answer == HELP_VALUE) {
            print_command_help(command, stdout);
            code = OPTIONS_HELP;
        } else if (answer == '?' || answer == ':') {
            code = refuse(command, answer, argv);
        } else {
            const struct given_option option = { .row = row_of_answer(command->rows, answer),
                                                 .text = optarg };
            tell_of_beginning(option.row, argv);
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
    struct option *long_options = calloc(count + 2, sizeof *long_options);
    char *letters = calloc(2 * count + 3, 1);
    int code = long_options != NULL && letters != NULL ? EXIT_DONE : out_of_memory();
    if (code == EXIT_DONE) {
        make_tables(command->rows, long_options, letters);
        code = read_words(command, argc, argv, long_options, letters, given);
    }
    free(long_options);
    free(letters);
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
        if (option->from_file != (i < given->count)) {
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
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->items[i].row->name, "config") == 0) {
            TRY(read_config(command, given->items[i].text, given));
            break;
        }
    }
    TRY(split_values(command, given));
    return apply_options(given, settings);
}
