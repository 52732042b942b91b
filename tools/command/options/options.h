/* Options of a subcommand as a table: the same rows are parsed and printed as help. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command;

enum option_kind {
    OPTION_END = 0, /* the last row */
    OPTION_GROUP,   /* a heading of the help: `help` is its text, `flag` says of what is below it */
    OPTION_FLAG,    /* int: becomes `flag` */
    OPTION_TEXT,    /* const char *: the argument */
    OPTION_SIZE,    /* size_t in low ... high */
    OPTION_COUNT,   /* int in low ... high */
    OPTION_SEED,    /* uint64_t, any */
    OPTION_REAL,    /* double between low and high */
    OPTION_PARSED   /* `parse` does it */
};

/* Of what is below a heading: it belongs to the settings that a model is made by; several values of it make a
 * grid. */
enum option_group { GROUP_OF_MODEL = 1, GROUP_VARIES = 2 };

/* Of an OPTION_PARSED whose value is one number, so that commas stand between several. */
enum option_number { NO_NUMBER = 0, A_REAL = 1, A_WHOLE = 2 };

/* Of an OPTION_TEXT for a FILE: '-' is standard output. */
enum option_text { NO_DASH = 0, TAKES_DASH = 1 };

/* Which ends of the range of an OPTION_REAL belong to it. */
enum option_ends { ENDS_OPEN = 0, ENDS_LOW = 1, ENDS_HIGH = 2 };

struct option_row {
    enum option_kind kind;
    const char *name;     /* without dashes */
    char letter;          /* short form, or 0 */
    const char *argument; /* what stands for the value in the help; NULL for a flag */
    const char *help;
    size_t offset; /* of the field in the settings */
    size_t note;   /* of a const char * that receives the name of the option when it is given; 0: none */
    int flag;      /* also enum option_group, enum option_number, enum option_text */
    double low, high;
    unsigned ends;
    /* Returns EXIT_DONE, or EXIT_USAGE after a message that begins with the option. `settings` is the whole
     * struct. */
    int (*parse)(const char *text, void *settings);
};

/* Rows, for settings whose fields FIELD(member) finds. What follows the help sets further members: `.letter`,
 * `.note`. */
#define GROUP(text)                                                                                          \
    {                                                                                                        \
        .kind = OPTION_GROUP, .help = text                                                                   \
    }
#define GROUP_WITH(text, of)                                                                                 \
    {                                                                                                        \
        .kind = OPTION_GROUP, .help = text, .flag = (of)                                                     \
    }
#define FLAG(option, member, value, ...)                                                                     \
    {                                                                                                        \
        .kind = OPTION_FLAG, .name = option, .offset = FIELD(member), .flag = value, .help = __VA_ARGS__     \
    }
#define TEXT(option, word, member, ...)                                                                      \
    {                                                                                                        \
        .kind = OPTION_TEXT, .name = option, .argument = word, .offset = FIELD(member), .help = __VA_ARGS__  \
    }
#define NUMBER(type, option, word, member, least, most, ...)                                                 \
    {                                                                                                        \
        .kind = type, .name = option, .argument = word, .offset = FIELD(member), .low = least, .high = most, \
        .help = __VA_ARGS__                                                                                  \
    }
#define SIZE(...) NUMBER(OPTION_SIZE, __VA_ARGS__)
#define COUNT(...) NUMBER(OPTION_COUNT, __VA_ARGS__)
#define SEED(option, word, member, ...) NUMBER(OPTION_SEED, option, word, member, 0, 0, __VA_ARGS__)
#define REAL(option, word, member, least, most, included, ...)                                               \
    NUMBER(OPTION_REAL, option, word, member, least, most, __VA_ARGS__, .ends = included)
#define PARSED(option, word, function, ...)                                                                  \
    {                                                                                                        \
        .kind = OPTION_PARSED, .name = option, .argument = word, .parse = function, .help = __VA_ARGS__      \
    }

/* Defines a parser of an option that takes one of the library's names. */
#define PARSE_NAME(function, settings_struct, member, option, from_name)                                     \
    int function(const char *text, void *settings)                                                           \
    {                                                                                                        \
        return usage_code(option, from_name(text, &((struct settings_struct *)settings)->member));           \
    }

/* An option as it was given. */
struct given_option {
    const struct option_row *row;
    const char *text; /* NULL for a flag; the command line's or the file's */
    bool from_file;
    bool unset;  /* of a flag: --no-NAME */
    size_t line; /* of the file, from 1 */
    /* of a row that may vary, where several values are given */
    const char **values; /* owned; NULL: `text` is the only one */
    char *copy;          /* owned, cut into the values */
    size_t value_count;  /* at least 1 */
    size_t chosen;       /* the value that is applied */
};

/* All of them, each row once, and the file of settings where one was read. Settings may point into the
 * texts. */
struct given_options {
    struct given_option *items; /* owned */
    size_t count;
    const char *path; /* of the file */
    char *file;       /* its content, owned, cut into texts */
};

/* Adds one. A value that the command line has twice is refused; one of the file that is there already is left
 * out. Returns an exit code. */
int given_options_add(struct given_options *given, const struct given_option *option);
void given_options_free(struct given_options *given);

/* Reads the command line and the file of its --config, and applies both to the settings. Operands (what is no
 * option) are moved to the end: *operands counts them and argv + argc − *operands points to them.
 * Returns EXIT_DONE, EXIT_USAGE after a message, or OPTIONS_HELP when the help was asked for and has been
 * printed. `given` is the caller's in any case, for as long as the settings. */
enum { OPTIONS_HELP = -1 };
int parse_options(const struct command *command, int argc, char **argv, void *settings,
                  struct given_options *given, int *operands);

/* Applies them, each with the value that is chosen, to settings with their defaults. Returns an exit code. */
int apply_options(const struct given_options *given, void *settings);

/* Cuts the values of rows that may vary: at semicolons, and those of a number also at commas, which other
 * options take as part of a value. Returns an exit code. */
int split_values(const struct command *command, struct given_options *given);

/* Combinations of the values of all options, SIZE_MAX where there are more; chooses one of them, from 0. */
size_t count_choices(const struct given_options *given);
void choose_values(struct given_options *given, size_t choice);
/* The value that item i has in a choice. */
const char *value_of_choice(const struct given_options *given, size_t i, size_t choice);

/* Adds the settings of a file, those that are not there yet: a line `NAME = VALUE` for each, NAME as on the
 * command line without the dashes, `NAME = yes` or `no` for a flag; empty lines and those that begin with #
 * say nothing. A value in double quotes is what stands between them. Returns an exit code; messages name
 * file and line. */
int read_config(const struct command *command, const char *path, struct given_options *given);
/* The given options as such a file, with the values that are chosen, in memory that the caller frees; NULL
 * where there is none. `of_model`: those alone that a model is made by, without comments; else the options
 * that are not given stand there as comments, and all values of a grid. */
char *config_text(const struct command *command, const struct given_options *given, bool of_model);

#endif
