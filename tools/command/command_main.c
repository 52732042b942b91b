/* The command: trains, evaluates, runs and describes multilayer perceptrons. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/version.h>

#include "command.h"
#include "command_main.h"
#include "options/near.h"

#define COMMAND(name) &name##_command,
static const struct command *const commands[] = {
#include "commands/command_rows.h"
};
#undef COMMAND

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *stream)
{
    fputs("usage: mlp COMMAND [OPTION...]\n\nTrains, evaluates, runs, diagnoses and describes multilayer "
          "perceptrons.\n\n"
          "Commands:\n",
          stream);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(stream, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\n`mlp COMMAND --help` explains a command and lists its options; `mlp --version`\n"
          "prints the version. The manual page is mlp(1).\n\n"
          "Examples:\n"
          "  mlp train --data digits --validation 0.2 --output digits.safetensors\n"
          "  mlp evaluate digits.safetensors --data digits\n"
          "  mlp predict digits.safetensors --data digits --draw 3\n\n"
          "Exit status: 0 done; 1 a file, the data or the work failed; 2 wrong usage.\n",
          stream);
}

/* What is left in the buffer may fail to be written, too. */
static int close_output(int code)
{
    const bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) != 0 || failed) {
        const int reason = errno;
        return code != EXIT_DONE ? code
                                 : work_error("cannot write to standard output%s%s", reason != 0 ? ": " : "",
                                              reason != 0 ? strerror(reason) : "");
    }
    return code;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    void *settings = calloc(1, command->settings_size);
    struct given_options given = { 0 };
    int operands = 0, code = settings != NULL ? EXIT_DONE : out_of_memory();
    if (code == EXIT_DONE && command->prepare != NULL) {
        code = command->prepare(settings);
    }
    if (code == EXIT_DONE) {
        code = parse_options(command, argc, argv, settings, &given, &operands);
    }
    if (code == EXIT_DONE && command->given != 0) {
        *(struct given_options **)((char *)settings + command->given) = &given;
    }
    if (code == EXIT_DONE) {
        code = command->run(settings, operands, argv + argc - operands);
    }
    if (settings != NULL && command->release != NULL) {
        command->release(settings);
    }
    free(settings);
    given_options_free(&given);
    return code == OPTIONS_HELP ? EXIT_DONE : code;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int refuse_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        FAIL_IF(name_is_near(name, commands[i]->name),
                usage_error("no command '%s': did you mean %s? `mlp --help` lists them", name,
                            commands[i]->name));
    }
    return usage_error("no command '%s'; `mlp --help` lists them", name);
}

/* `mlp help [COMMAND]`. */
static int help(const char *name)
{
    const struct command *command = name != NULL ? find_command(name) : NULL;
    if (name == NULL) {
        print_help(stdout);
        return EXIT_DONE;
    }
    TRY(command != NULL ? EXIT_DONE : refuse_command(name));
    print_command_help(command, stdout);
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        return help(name[0] != '-' && argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("mlp %s\n", mlp_version());
        return EXIT_DONE;
    }
    const struct command *command = find_command(name);
    return command != NULL ? run_command(command, argc - 1, argv + 1) : refuse_command(name);
}

bool command_trains(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0) {
            return commands[i]->trains;
        }
    }
    return false;
}

/* A file that is opened later must not become a closed standard stream. */
static void open_standard_streams(void)
{
    int descriptor;
    do {
        descriptor = open("/dev/null", O_RDWR);
    } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO) {
        close(descriptor);
    }
}

int command_main(int argc, char **argv)
{
    open_standard_streams();
    /* a closed pipe and a file beyond its limit are errors of write() */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return close_output(run(argc, argv));
}
