/* A file of settings: a line `NAME = VALUE` for each option, as on the command line. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options/near.h"

enum { LARGEST_FILE = 1 << 20 };

/* What a file cannot hold: which file it is, and what is done with it. */
static bool is_about_files(const struct option_row *row)
{
    return strcmp(row->name, "config") == 0 || strcmp(row->name, "print-config") == 0;
}

static const struct option_row *find_row(const struct command *command, const char *name)
{
    for (const struct option_row *row = command->rows; row->kind != OPTION_END; row++) {
        if (row->kind != OPTION_GROUP && strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

static int refuse_name(const struct command *command, const char *path, size_t line, const char *name)
{
    const char *near = NULL;
    for (const struct option_row *row = command->rows; row->kind != OPTION_END && near == NULL; row++) {
        near = row->kind != OPTION_GROUP && !is_about_files(row) && name_is_near(name, row->name) ? row->name
                                                                                                  : NULL;
    }
    return near != NULL
               ? usage_error("%s:%zu: no setting '%s': did you mean %s?", path, line, name, near)
               : usage_error("%s:%zu: no setting '%s'; `mlp %s --help` lists the options, whose names count "
                             "without the dashes",
                             path, line, name, command->name);
}

static char *trim(char *text)
{
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    return text + strspn(text, " \t");
}

/* A value in quotes without them. */
static char *unquote(char *text)
{
    const size_t length = strlen(text);
    if (length < 2 || text[0] != '"' || text[length - 1] != '"') {
        return text;
    }
    text[length - 1] = '\0';
    return text + 1;
}

/* Adds what one line says. */
static int read_line(const struct command *command, char *text, size_t line, struct given_options *given)
{
    char *name = trim(text), *value = strchr(name, '=');
    if (name[0] == '\0' || name[0] == '#') {
        return EXIT_DONE;
    }
    if (value != NULL) {
        *value++ = '\0';
        name = trim(name);
        value = unquote(trim(value));
    }
    const struct option_row *row = find_row(command, name);
    FAIL_IF(row == NULL || is_about_files(row), refuse_name(command, given->path, line, name));
    FAIL_IF(row->argument != NULL && value == NULL,
            usage_error("%s:%zu: expected '%s = %s'", given->path, line, name, row->argument));
    const bool off = row->argument == NULL && value != NULL && strcmp(value, "no") == 0;
    FAIL_IF(row->argument == NULL && value != NULL && !off && strcmp(value, "yes") != 0,
            usage_error("%s:%zu: %s: expected yes or no, got '%s'", given->path, line, name, value));
    bool unset = false;
    if (off) {
        char opposite[64];
        snprintf(opposite, sizeof opposite, "no-%s", name);
        const struct option_row *other = find_row(command, opposite);
        row = other != NULL ? other : row;
        unset = other == NULL;
    }
    for (size_t i = 0; i < given->count; i++) {
        FAIL_IF(given->items[i].row == row && given->items[i].from_file,
                usage_error("%s:%zu: '%s' is in line %zu already", given->path, line, name,
                            given->items[i].line));
    }
    const struct given_option option = { .row = row,
                                         .text = row->argument != NULL ? value : NULL,
                                         .from_file = true,
                                         .line = line,
                                         .unset = unset };
    return given_options_add(given, &option);
}

/* The whole content; the caller frees it. */
static int read_file(const char *path, char **content, size_t *size)
{
    FILE *file = fopen(path, "re");
    FAIL_IF(file == NULL, work_error("--config: cannot read '%s': %s", path, strerror(errno)));
    *content = malloc(LARGEST_FILE + 1);
    errno = 0;
    *size = *content != NULL ? fread(*content, 1, LARGEST_FILE, file) : 0;
    const bool failed = ferror(file) != 0, is_longer = *content != NULL && fgetc(file) != EOF;
    const int reason = errno;
    fclose(file);
    FAIL_IF(*content == NULL, out_of_memory());
    FAIL_IF(failed, work_error("--config: cannot read '%s': %s", path, strerror(reason)));
    FAIL_IF(is_longer, work_error("--config: '%s' is longer than %d bytes", path, LARGEST_FILE));
    (*content)[*size] = '\0';
    return EXIT_DONE;
}

int read_config(const struct command *command, const char *path, struct given_options *given)
{
    size_t size = 0, line = 1;
    TRY(read_file(path, &given->file, &size));
    given->path = path;
    FAIL_IF(strlen(given->file) != size, work_error("--config: '%s' is no text: it holds a byte of 0", path));
    char *rest = given->file + (strncmp(given->file, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
    for (char *text; (text = strsep(&rest, "\n")) != NULL; line++) {
        TRY(read_line(command, text, line, given));
    }
    return EXIT_DONE;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* How a file is read, not what is in it. */
static bool is_about_reading(const struct option_row *row)
{
    return strcmp(row->name, "stream") == 0 || strcmp(row->name, "unpack-limit") == 0;
}

static bool needs_quotes(const char *value)
{
    const size_t length = strlen(value);
    return length == 0 || isspace((unsigned char)value[0]) || isspace((unsigned char)value[length - 1]) ||
           value[0] == '"';
}

static void write_option(FILE *stream, const struct option_row *row, const struct given_options *given,
                         bool of_model)
{
    const struct given_option *option = NULL;
    for (size_t i = 0; i < given->count; i++) {
        option = given->items[i].row == row ? &given->items[i] : option;
    }
    if (option == NULL && !of_model) {
        fprintf(stream, "# %s = %s\n", row->name, row->argument != NULL ? row->argument : "yes");
    }
    if (option == NULL) {
        return;
    }
    if (option->unset && of_model) {
        return;
    }
    const char *state = option->unset ? "no" : "yes", *value = option->text != NULL ? option->text : state;
    value = of_model && option->values != NULL ? option->values[option->chosen] : value;
    const char *quote = needs_quotes(value) ? "\"" : "";
    fprintf(stream, "%s = %s%s%s\n", row->name, quote, value, quote);
}

char *config_text(const struct command *command, const struct given_options *given, bool of_model)
{
    char *text = NULL;
    size_t size;
    int group = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL) {
        return NULL;
    }
    if (!of_model) {
        fprintf(stream, "# settings of `mlp %s`\n", command->name);
    }
    for (const struct option_row *row = command->rows; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP) {
            group = row->flag;
            fprintf(stream, of_model ? "%.0s" : "\n# %s\n", row->help);
        } else if (!is_about_files(row) &&
                   (!of_model || ((group & GROUP_OF_MODEL) != 0 && !is_about_reading(row)))) {
            write_option(stream, row, given, of_model);
        }
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
