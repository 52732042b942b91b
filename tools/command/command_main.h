/* The command as a function: what main() of `mlp` and of `mlp-mpi` have in common. */
#ifndef TOOLS_COMMAND_MAIN_H
#define TOOLS_COMMAND_MAIN_H

#include <stdbool.h>

/* Whether the command of this name, if there is one, makes many steps. */
bool command_trains(const char *name);

/* Runs a command line, with standard streams that are open. Returns the exit code. */
int command_main(int argc, char **argv);

#endif
