/* Messages on standard error, each beginning with `mlp: `, and the exit code that goes with them. */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

#include <stdio.h>

#include <mlp/status.h>

/* Exit codes. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_WORK = 1, /* a file, the data or the training failed */
    EXIT_USAGE = 2 /* the command line makes no sense */
};

/* A wrong command line: returns EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) int usage_error(const char *format, ...);
/* Work that failed: returns EXIT_WORK. */
__attribute__((format(printf, 1, 2))) int work_error(const char *format, ...);
/* A message that is no failure: returns EXIT_DONE. */
__attribute__((format(printf, 1, 2))) int notice(const char *format, ...);
/* What messages begin with from now on, such as FILE:LINE; NULL: nothing. Borrowed. */
void message_place(const char *place);
/* Prints a text from a file or the command line, what would steer a terminal escaped; messages do so
 * themselves. */
void print_escaped(FILE *stream, const char *text);
/* Memory that could not be had: returns EXIT_WORK. */
int out_of_memory(void);

/* What a call of the library comes to, EXIT_DONE for MLP_OK, with its message otherwise: a failure of work
 * ... */
int work_code(mlp_status status);
/* ... or wrong usage where it refused an option (ARGUMENT, RANGE) ... */
int option_code(mlp_status status);
/* ... or wrong usage, but for want of memory and failures of the system, as of the option that the message
 * begins with. */
int usage_code(const char *option, mlp_status status);

/* Where the condition holds, returns what `message` comes to: FAIL_IF(n == 0, usage_error("…")). */
#define FAIL_IF(condition, message)                                                                          \
    do {                                                                                                     \
        if (condition) {                                                                                     \
            return (message);                                                                                \
        }                                                                                                    \
    } while (0)

/* Returns from the function unless the step came to EXIT_DONE. */
#define TRY(step)                                                                                            \
    do {                                                                                                     \
        const int code_of_step = (step);                                                                     \
        if (code_of_step != EXIT_DONE) {                                                                     \
            return code_of_step;                                                                             \
        }                                                                                                    \
    } while (0)

#endif
