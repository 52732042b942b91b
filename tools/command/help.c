/* The help of a command, from its table of options, at most 80 columns wide. */
#include <stdbool.h>
#include <string.h>

#include "command.h"

enum { WIDTH = 80, OPTION_COLUMN = 29 };

/* Columns of UTF-8 text: bytes that do not continue a character. */
static size_t columns_of(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++) {
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return columns;
}

void print_wrapped(FILE *stream, const char *text, size_t column, size_t indent)
{
    bool line_begins = true;
    while (*text != '\0') {
        const size_t bytes = strcspn(text, " \n"), columns = columns_of(text, bytes);
        if (column > indent && column + !line_begins + columns >= WIDTH) {
            fputc('\n', stream);
            column = 0;
            line_begins = true;
        }
        if (column < indent) {
            fprintf(stream, "%*s", (int)(indent - column), "");
            column = indent;
        }
        fprintf(stream, "%s%.*s", line_begins ? "" : " ", (int)bytes, text);
        column += !line_begins + columns;
        line_begins = false;
        text += bytes;
        if (*text == '\n') {
            fputc('\n', stream);
            column = 0;
            line_begins = true;
        }
        text += *text != '\0';
    }
    fputc('\n', stream);
}

static void print_option(const struct option_row *row, FILE *stream)
{
    int column = row->letter != 0 ? fprintf(stream, "  -%c, --%s", row->letter, row->name)
                                  : fprintf(stream, "      --%s", row->name);
    if (row->argument != NULL) {
        column += fprintf(stream, " %s", row->argument);
    }
    if (column + 2 > OPTION_COLUMN) {
        fputc('\n', stream);
        column = 0;
    }
    print_wrapped(stream, row->help, (size_t)column, OPTION_COLUMN);
}

void print_command_help(const struct command *command, FILE *stream)
{
    fprintf(stream, "usage: mlp %s %s\n\n", command->name, command->synopsis);
    print_wrapped(stream, command->description, 0, 0);
    for (const struct option_row *row = command->rows; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP) {
            fprintf(stream, "\n%s\n", row->help);
        } else {
            print_option(row, stream);
        }
    }
    fputc('\n', stream);
    print_option(&(struct option_row){ .kind = OPTION_FLAG,
                                       .name = "help",
                                       .letter = 'h',
                                       .help = "Print this text." },
                 stream);
    if (command->strategies != NULL) {
        command->strategies(stream);
    }
    fprintf(stream,
            "\nExamples:\n%s\nExit status: 0 done; 1 a file, the data or the work failed; 2 wrong usage.\n",
            command->examples);
}
