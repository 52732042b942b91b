/* Status texts and the calling thread's last error. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/escape.h"

enum { TEXT_SIZE = 1024 };

static _Thread_local char last_error[TEXT_SIZE];

const char *mlp_status_text(mlp_status status)
{
    switch (status) {
    case MLP_OK: return "success";
    case MLP_ERROR_ARGUMENT: return "bad argument";
    case MLP_ERROR_SHAPE: return "shapes do not fit";
    case MLP_ERROR_RANGE: return "out of range";
    case MLP_ERROR_MEMORY: return "out of memory";
    case MLP_ERROR_IO: return "input/output error";
    case MLP_ERROR_FORMAT: return "bad file format";
    case MLP_ERROR_NONFINITE: return "not a finite number";
    case MLP_ERROR_UNSUPPORTED: return "not supported";
    case MLP_ERROR_STATE: return "call out of order";
    case MLP_ERROR_EXCHANGE: return "no exchange between ranks";
    }
    return "unknown status";
}

const char *mlp_last_error(void)
{
    return last_error;
}

mlp_status fail(mlp_status status, const char *format, ...)
{
    char text[TEXT_SIZE]; /* an argument may be the last error itself */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text_escape(text, last_error, sizeof last_error);
    return status;
}

mlp_status fail_in(mlp_status status, const char *format, ...)
{
    char prefix[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return fail(status, "%s: %s", prefix, last_error);
}
