/* `mlp completion`: by what a shell completes commands, options and names, from the tables of the options. */
#include <stdbool.h>
#include <string.h>

#include <mlp/mlp.h>

#include "command.h"

/* clang-format off */
static const struct option_row rows[] = {
    { .kind = OPTION_END },
};
/* clang-format on */

#define COMMAND(name) &name##_command,
static const struct command *const commands[] = {
#include "commands/command_rows.h"
};
#undef COMMAND

enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* ---- the names that options take ----------------------------------------------------------------------- */

/* Of a strategy and its enum: what mlp_…_name() gives for 0 … mlp_…_count() − 1. */
#define NAMES(strategy, type)                                                                                \
    static const char *strategy##_name(int i)                                                                \
    {                                                                                                        \
        return i < (int)mlp_##strategy##_count() ? mlp_##strategy##_name((type)i) : NULL;                    \
    }
NAMES(activation, mlp_activation)
NAMES(loss, mlp_loss)
NAMES(init, mlp_init)
NAMES(optimizer, mlp_optimizer_rule)
NAMES(schedule, mlp_schedule)
NAMES(clip, mlp_clip)

static const struct {
    const char *option;
    const char *(*name)(int i); /* NULL after the last */
} choices[] = {
    { "activation", activation_name }, { "loss", loss_name },         { "init", init_name },
    { "optimizer", optimizer_name },   { "schedule", schedule_name }, { "clip", clip_name },
};

enum { CHOICES = sizeof choices / sizeof choices[0] };

/* The names that an option takes, each after a space; nothing where it takes others. */
static void print_names(const char *option)
{
    for (size_t c = 0; c < CHOICES; c++) {
        if (strcmp(choices[c].option, option) != 0) {
            continue;
        }
        for (int i = 0; choices[c].name(i) != NULL; i++) {
            printf(" %s", choices[c].name(i));
        }
    }
}

static bool takes_names(const char *option)
{
    bool found = false;
    for (size_t c = 0; c < CHOICES; c++) {
        found = found || strcmp(choices[c].option, option) == 0;
    }
    return found;
}

/* The first sentence of a help within single quotes, with a backslash before each of `special`. */
static void print_summary(const char *help, const char *special)
{
    for (const char *c = help; *c != '\0' && !(*c == '.' && (c[1] == ' ' || c[1] == '\0')); c++) {
        if (*c == '\'') {
            fputs("'\\''", stdout);
        } else {
            printf("%s%c", strchr(special, *c) != NULL ? "\\" : "", *c == '\n' ? ' ' : *c);
        }
    }
}

/* ---- shells -------------------------------------------------------------------------------------------- */

static void print_bash(void)
{
    puts("# eval \"$(mlp completion bash)\"\n_mlp() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    fputs("        words=\"help --help --version", stdout);
    for (size_t i = 0; i < COMMANDS; i++) {
        printf(" %s", commands[i]->name);
    }
    puts("\"\n    else\n        case ${COMP_WORDS[COMP_CWORD-1]} in");
    for (size_t c = 0; c < CHOICES; c++) {
        printf("        --%s) words=\"", choices[c].option);
        print_names(choices[c].option);
        puts("\" ;;");
    }
    puts("        *)\n            case ${COMP_WORDS[1]} in");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("            %s) words=\"--help", commands[i]->name);
        for (const struct option_row *row = commands[i]->rows; row->kind != OPTION_END; row++) {
            if (row->kind != OPTION_GROUP) {
                printf(" --%s", row->name);
            }
        }
        printf("%s\" ;;\n", commands[i] == &completion_command ? " bash zsh fish" : "");
    }
    puts("            esac ;;\n        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- "
         "\"$word\"))\n}\n"
         "complete -o default -F _mlp mlp");
}

static void print_zsh_options(const struct command *command)
{
    for (const struct option_row *row = command->rows; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP) {
            continue;
        }
        printf(" \\\n        '--%s[", row->name);
        print_summary(row->help, "[]:\\");
        putchar(']');
        if (row->argument != NULL && takes_names(row->name)) {
            printf(":name:(");
            print_names(row->name);
            putchar(')');
        } else if (row->argument != NULL) {
            printf(":value:_files");
        }
        putchar('\'');
    }
}

static void print_zsh(void)
{
    puts("#compdef mlp\n# eval \"$(mlp completion zsh)\", after compinit\n_mlp() {\n"
         "    if (( CURRENT == 2 )); then\n        local -a commands=(");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("            '%s:", commands[i]->name);
        print_summary(commands[i]->summary, ":\\");
        puts("'");
    }
    puts("        )\n        _describe command commands\n        return\n    fi\n    case $words[2] in");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("    %s) shift words; (( CURRENT-- )); _arguments", commands[i]->name);
        print_zsh_options(commands[i]);
        printf(" \\\n        '--help[print the help]' '%s' ;;\n",
               commands[i] == &completion_command ? "1:shell:(bash zsh fish)" : "*:file:_files");
    }
    puts("    esac\n}\n"
         "if [ \"$funcstack[1]\" = _mlp ]; then _mlp \"$@\"; else compdef _mlp mlp; fi");
}

static void print_fish_option(const char *command, const struct option_row *row)
{
    printf("complete -c mlp -n '__fish_seen_subcommand_from %s' -l %s", command, row->name);
    if (row->letter != 0) {
        printf(" -s %c", row->letter);
    }
    if (row->argument != NULL && takes_names(row->name)) {
        printf(" -x -a '");
        print_names(row->name);
        putchar('\'');
    } else if (row->argument != NULL) {
        printf(" -r");
    }
    printf(" -d '");
    print_summary(row->help, "\\");
    puts("'");
}

static void print_fish(void)
{
    puts("# mlp completion fish | source");
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *name = commands[i]->name;
        printf("complete -c mlp -n __fish_use_subcommand -f -a %s -d '", name);
        print_summary(commands[i]->summary, "\\");
        puts("'");
        for (const struct option_row *row = commands[i]->rows; row->kind != OPTION_END; row++) {
            if (row->kind != OPTION_GROUP) {
                print_fish_option(name, row);
            }
        }
    }
    puts("complete -c mlp -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'");
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

static int run(void *settings, int operands, char **operand)
{
    (void)settings;
    FAIL_IF(operands != 1, usage_error("completion: expected one of bash, zsh and fish"));
    for (size_t s = 0; s < sizeof shells / sizeof shells[0]; s++) {
        if (strcmp(operand[0], shells[s].name) == 0) {
            shells[s].print();
            return EXIT_DONE;
        }
    }
    return usage_error("completion: expected bash, zsh or fish, got '%s'", operand[0]);
}

const struct command completion_command = {
    .name = "completion",
    .summary = "print what a shell completes",
    .synopsis = "bash|zsh|fish",
    .description =
        "Prints a script by which the shell completes the commands, options and names of this command.",
    .rows = rows,
    .examples = "  eval \"$(mlp completion bash)\"\n"
                "  mlp completion fish | source\n",
    .settings_size = 1,
    .run = run,
};
