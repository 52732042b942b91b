/* The command as a function: what main() of `mlp` and of `mlp-mpi` have in common. */
#ifndef TOOLS_COMMAND_MAIN_H
#define TOOLS_COMMAND_MAIN_H

/* Runs a command line, with standard streams that are open. Returns the exit code. */
int command_main(int argc, char **argv);

#endif
