/* Texts for a user that grow. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "io/table_notice.h"

enum { PIECE = 512 };

static void add_piece(struct notice *notice, const char *format, va_list arguments)
{
    char piece[PIECE], escaped[2 * PIECE];
    vsnprintf(piece, sizeof piece, format, arguments);
    text_escape(piece, escaped, sizeof escaped);
    notice->failed |=
        escaped[0] != '\0' && array_append(&notice->bytes, escaped, strlen(escaped), 1) != MLP_OK;
}

void notice_add(struct notice *notice, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_piece(notice, format, arguments);
    va_end(arguments);
}

void notice_line(struct notice *notice, const char *format, ...)
{
    va_list arguments;
    if (notice->bytes.count > 0) {
        notice->failed |= array_append(&notice->bytes, "\n", 1, 1) != MLP_OK;
    }
    va_start(arguments, format);
    add_piece(notice, format, arguments);
    va_end(arguments);
}

mlp_status notice_keep(struct notice *notice, char **text)
{
    if (notice->failed || (notice->bytes.count > 0 && array_append(&notice->bytes, "", 1, 1) != MLP_OK)) {
        array_free(&notice->bytes);
        return MLP_ERROR_MEMORY;
    }
    *text = array_take(&notice->bytes);
    return MLP_OK;
}
