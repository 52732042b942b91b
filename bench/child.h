/* Another program at the end of a pipe. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdio.h>
#include <sys/types.h>

struct child {
    pid_t process; /* 0: none */
    FILE *pipe;
};

/* Starts a program, looked for in PATH unless its name has a slash. With mode "w" the pipe leads to its
 * standard input, with "r" from its standard output; everything else it shares. Returns 0, or errno with
 * *child empty. */
int child_start(const char *program, const char *const *arguments, const char *mode, struct child *child);

/* Closes the pipe, waits, and returns the exit status: 128 or more when a signal ended it. An empty child
 * gives 0. */
int child_end(struct child *child);

#endif
