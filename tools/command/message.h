/* Messages on standard error, each beginning with `mlp: `, and the exit code that goes with them. */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

#include <mlp/status.h>

/* A wrong command line: returns EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) int usage_error(const char *format, ...);
/* Work that failed: returns EXIT_WORK. */
__attribute__((format(printf, 1, 2))) int work_error(const char *format, ...);
/* What is worth knowing. */
__attribute__((format(printf, 1, 2))) void notice(const char *format, ...);
/* The library's message of the last error: EXIT_USAGE when it refused an option (ARGUMENT, RANGE), else
 * EXIT_WORK. */
int option_refused(mlp_status status);
/* The library's message: returns EXIT_WORK. */
int work_failed(mlp_status status);

#endif
