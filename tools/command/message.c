/* Messages on standard error, each beginning with `mlp: `, and the exit code that goes with them. */
#include "message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "plain_text.h"
#include "ranks.h"

struct ranks ranks = { .program = "mlp" };

static const char *begins_with; /* or NULL */

void message_place(const char *place)
{
    begins_with = place;
}

static void print_message(const char *format, va_list arguments)
{
    char text[4096], escaped[2 * sizeof text];
    fflush(stdout);
    const int begun = begins_with != NULL ? snprintf(text, sizeof text, "%.2000s: ", begins_with) : 0;
    vsnprintf(text + begun, sizeof text - (size_t)begun, format, arguments);
    mlp_text_escape(text, escaped, sizeof escaped);
    if (ranks.rank == 0) {
        fprintf(stderr, "%s: %s\n", ranks.program, escaped);
    } else {
        snprintf(ranks.message, sizeof ranks.message, "%.*s", RANKS_TEXT - 1, escaped);
    }
}

void print_escaped(FILE *stream, const char *text)
{
    char escaped[6 * 4096 + 1]; /* of a class name, at most 4096 bytes */
    mlp_text_escape(text, escaped, sizeof escaped);
    fputs(escaped, stream);
}

/* A function that prints a message and returns `code`. */
#define MESSAGE(function, code)                                                                              \
    int function(const char *format, ...)                                                                    \
    {                                                                                                        \
        va_list arguments;                                                                                   \
        va_start(arguments, format);                                                                         \
        print_message(format, arguments);                                                                    \
        va_end(arguments);                                                                                   \
        return code;                                                                                         \
    }

MESSAGE(usage_error, EXIT_USAGE)
MESSAGE(work_error, EXIT_WORK)
MESSAGE(notice, EXIT_DONE)

int out_of_memory(void)
{
    return work_error("out of memory");
}

/* Valid until the thread's next call. */
static const char *text_of(mlp_status status)
{
    static _Thread_local char text[2048];
    plain_text(mlp_last_error(), text, sizeof text);
    return text[0] != '\0' ? text : mlp_status_text(status);
}

int work_code(mlp_status status)
{
    return status == MLP_OK ? EXIT_DONE : work_error("%s", text_of(status));
}

int option_code(mlp_status status)
{
    const bool refused = status == MLP_ERROR_ARGUMENT || status == MLP_ERROR_RANGE;
    return refused ? usage_error("%s", text_of(status)) : work_code(status);
}

int usage_code(const char *option, mlp_status status)
{
    FAIL_IF(status == MLP_ERROR_MEMORY || status == MLP_ERROR_IO,
            work_error("%s: %s", option, text_of(status)));
    return status == MLP_OK ? EXIT_DONE : usage_error("%s: %s", option, text_of(status));
}
