/* The subcommands of mlp-bench. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* Each takes its own arguments (argv[0] is the subcommand) and returns the exit code: 0, 1 failed, 2 bad usage. */
int bench_step(int argc, char **argv);
int bench_tiles(int argc, char **argv);

/* Where OpenBLAS took kernels for an older processor, names the right ones in OPENBLAS_CORETYPE and executes the
 * program again; not when the user has set the variable. Returns otherwise. */
void take_right_blas_core(char **argv);

#endif
