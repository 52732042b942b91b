/* What every subcommand of `mlp` has: its help, its options and its work. */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "message.h"
#include "options/options.h"

struct command {
    const char *name;
    const char *summary;              /* a few words, for the list of commands */
    const char *synopsis;             /* what follows `mlp NAME` */
    const char *description;          /* paragraphs separated by '\n' */
    const struct option_row *rows;    /* ends with a row of kind OPTION_END */
    void (*strategies)(FILE *stream); /* lists the names that options take, or NULL */
    const char *examples;             /* whole lines */
    size_t given;         /* in the settings, of a pointer to the struct given_options; 0: none is wanted */
    size_t settings_size; /* of the struct that options are read into and the work is done with; zeros */
    int (*prepare)(void *settings); /* sets defaults that are not zero; NULL: there are none */
    /* Works on the operands, what is no option. Returns an exit code. */
    int (*run)(void *settings, int operands, char **operand);
    void (*release)(void *settings); /* in any case; NULL: nothing is held */
    bool trains;                     /* many steps, whose threads must not spin long */
};

/* All of them: NAME_command. */
#define COMMAND(name) extern const struct command name##_command;
#include "commands/command_rows.h"
#undef COMMAND

/* Prints the help of one command, at most 80 columns wide. */
void print_command_help(const struct command *command, FILE *stream);
/* Prints text from column `indent` on, broken at spaces before column 80, and ends the line. The cursor is at
 * `column` already. */
void print_wrapped(FILE *stream, const char *text, size_t column, size_t indent);

#endif
