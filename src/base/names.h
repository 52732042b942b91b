/* Strategy names: an enum value and its text, from one table. */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/status.h>

/* One strategy's name and the line that describes it. Every strategy's row begins with one. */
struct name {
    const char *name;
    const char *description;
};

/* A table of rows that begin with a struct name, `stride` bytes apart, indexed by the enum. */
struct name_table {
    const char *subject; /* what the names are of, for messages: "activation" */
    const void *rows;
    size_t stride;
    size_t count;
    bool indirect; /* `rows` is an array of pointers to such rows */
};

/* Initializes one from an array of rows. */
#define NAME_ROWS(subject, rows)                                                                             \
    {                                                                                                        \
        subject, rows, sizeof((rows)[0]), sizeof(rows) / sizeof((rows)[0]), false                            \
    }

/* Name or description of a value; NULL when the table has no such row. */
const char *name_of(const struct name_table *table, int value);
const char *description_of(const struct name_table *table, int value);

/* Finds the value of a name. MLP_ERROR_ARGUMENT with all known names in the text when there is none. */
mlp_status name_find(const struct name_table *table, const char *name, int *value);

/* Defines the public functions of the table at address `table` for the enum `type`: PREFIX_name() and
 * PREFIX_from_name(). Needs base/status.h. */
#define NAME_FUNCTIONS(type, prefix, table)                                                                  \
    const char *prefix##_name(type value)                                                                    \
    {                                                                                                        \
        return name_of(table, (int)value);                                                                   \
    }                                                                                                        \
    mlp_status prefix##_from_name(const char *name, type *value)                                             \
    {                                                                                                        \
        int found;                                                                                           \
        REQUIRE_ARGUMENT(value);                                                                             \
        TRY(name_find(table, name, &found));                                                                 \
        *value = (type)found;                                                                                \
        return MLP_OK;                                                                                       \
    }                                                                                                        \
    struct name_table

/* These, and PREFIX_description() and PREFIX_count(). */
#define STRATEGY_FUNCTIONS(type, prefix, table)                                                              \
    const char *prefix##_description(type value)                                                             \
    {                                                                                                        \
        return description_of(table, (int)value);                                                            \
    }                                                                                                        \
    size_t prefix##_count(void)                                                                              \
    {                                                                                                        \
        return (table)->count;                                                                               \
    }                                                                                                        \
    NAME_FUNCTIONS(type, prefix, table)

/* MLP_ERROR_ARGUMENT unless the table has a row `value`. */
mlp_status name_check(const struct name_table *table, int value);

#endif
