/* mlp-bench: how fast the library is, and against what. */
#include <stdio.h>
#include <string.h>

#include <mlp/version.h>

#include "bench.h"

static const struct command *const commands[] = {
    &cluster_command,    &data_command,    &prefetch_command,  &gemm_command,  &grid_command,
    &init_command,       &monitor_command, &optimizer_command, &plot_command,  &predict_command,
    &regularize_command, &scaling_command, &step_command,      &tiles_command, &train_command,
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *stream)
{
    fputs("usage: mlp-bench COMMAND [OPTION…]\n\nTimes the library. Commands:\n", stream);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(stream, "  %-11s %s\n", commands[i]->name, commands[i]->description);
    }
    fputs("\n`mlp-bench COMMAND --help` lists a command's options.\n", stream);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("mlp-bench %s\n", mlp_version());
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            return command_run(commands[i], argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "mlp-bench: no command '%s'; `mlp-bench --help` lists them\n", argv[1]);
    return 2;
}
