/* Members of a struct by name, for files: as a JSON object, or as a row of doubles. */
#ifndef SESSION_FIELDS_H
#define SESSION_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* A flag is an int, in JSON true or false; files' rows have none. */
enum field_kind { FIELD_REAL, FIELD_SIZE, FIELD_UNSIGNED, FIELD_FLAG };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
};

#define FIELD(type, member)                                                                                  \
    {                                                                                                        \
#member,                                                                                             \
            _Generic(((type *)0)->member, double                                                             \
                     : FIELD_REAL, size_t                                                                    \
                     : FIELD_SIZE, unsigned                                                                  \
                     : FIELD_UNSIGNED, int                                                                   \
                     : FIELD_FLAG),                                                                          \
            offsetof(type, member)                                                                           \
    }

/* A struct's members for files. */
struct field_list {
    const struct field *fields;
    size_t count;
};
#define FIELD_LIST(fields)                                                                                   \
    {                                                                                                        \
        fields, sizeof(fields) / sizeof(fields)[0]                                                           \
    }

/* The members of an object; numbers that are not finite are the texts "nan", "inf" and "-inf". The caller's
 * reference; NULL when memory is short. */
json_t *fields_to_json(const struct field_list *list, const void *object);
/* Fills the members in. Returns the name of the first that is missing or of another type, NULL when there is
 * none. */
const char *fields_from_json(const struct field_list *list, const json_t *json, void *object);

/* The members as doubles, in their order. Counts are below 2⁵³. */
void fields_to_row(const struct field_list *list, const void *object, double *row);
/* Fills them in; false when a count is not one. */
bool fields_from_row(const struct field_list *list, const double *row, void *object);

#endif
