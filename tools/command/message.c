/* Messages on standard error, each beginning with `mlp: `, and the exit code that goes with them. */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>

#include "command.h"

static void print_message(const char *format, va_list arguments)
{
    fflush(stdout);
    fputs("mlp: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

int work_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    return EXIT_WORK;
}

void notice(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
}

int option_refused(mlp_status status)
{
    work_failed(status);
    return status == MLP_ERROR_ARGUMENT || status == MLP_ERROR_RANGE ? EXIT_USAGE : EXIT_WORK;
}

int work_failed(mlp_status status)
{
    const char *text = mlp_last_error();
    return work_error("%s", text[0] != '\0' ? text : mlp_status_text(status));
}
