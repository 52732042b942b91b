/* Strategy names: an enum value and its text, from one table. */
#include "base/names.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"

static const struct name *row_of(const struct name_table *table, int value)
{
    if (value < 0 || (size_t)value >= table->count) {
        return NULL;
    }
    const void *row = (const char *)table->rows + (size_t)value * table->stride;
    return table->indirect ? *(const struct name *const *)row : row;
}

const char *name_of(const struct name_table *table, int value)
{
    const struct name *row = row_of(table, value);
    return row != NULL ? row->name : NULL;
}

const char *description_of(const struct name_table *table, int value)
{
    const struct name *row = row_of(table, value);
    return row != NULL ? row->description : NULL;
}

static void list_names(const struct name_table *table, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < table->count && used < size; i++) {
        const int written =
            snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", row_of(table, (int)i)->name);
        used += written > 0 ? (size_t)written : 0;
    }
}

/* Whether two names are the same but for the case of ASCII letters, whatever the locale. */
static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' || *b != '\0'; a++, b++) {
        const char x = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a,
                   y = *b >= 'A' && *b <= 'Z' ? (char)(*b - 'A' + 'a') : *b;
        if (x != y) {
            return false;
        }
    }
    return true;
}

mlp_status name_find(const struct name_table *table, const char *name, int *value)
{
    char known[768];
    FAIL_IF(name == NULL, MLP_ERROR_ARGUMENT, "%s: name is NULL", table->subject);
    for (size_t i = 0; i < table->count; i++) {
        if (same_name(row_of(table, (int)i)->name, name)) {
            *value = (int)i;
            return MLP_OK;
        }
    }
    list_names(table, known, sizeof known);
    return fail(MLP_ERROR_ARGUMENT, "%s: unknown name '%.64s', expected one of: %s", table->subject, name,
                known);
}

mlp_status name_check(const struct name_table *table, int value)
{
    FAIL_IF(row_of(table, value) == NULL, MLP_ERROR_ARGUMENT, "%s: unknown value %d, expected 0 to %zu",
            table->subject, value, table->count - 1);
    return MLP_OK;
}
