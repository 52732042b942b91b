/* Members of a struct by name, for files: as a JSON object, or as a row of doubles. */
#ifndef IO_FIELDS_H
#define IO_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "io/json_reader.h"

/* A flag is an int, in JSON true or false. A name is an enum's, an inside an object that holds other
 * members of the same struct; files' rows have neither, nor flags. A seed is a uint64_t, in JSON a text of
 * digits, which is written and compared, never read. A count is an unsigned or a size_t or uint64_t, by its
 * width. */
enum field_kind {
    FIELD_REAL,
    FIELD_COUNT_64,
    FIELD_COUNT_32,
    FIELD_FLAG,
    FIELD_NAME,
    FIELD_SEED,
    FIELD_INSIDE
};

/* An enum's value at `place` as its name, and back. */
struct name_codec {
    const char *(*name)(const void *place);
    mlp_status (*find)(const char *name, void *place);
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    const struct name_codec *codec;  /* FIELD_NAME */
    const struct field_list *inside; /* FIELD_INSIDE */
};

/* A struct's members for files. */
struct field_list {
    const struct field *fields;
    size_t count;
};
#define FIELD_LIST(fields)                                                                                   \
    {                                                                                                        \
        fields, sizeof(fields) / sizeof(fields)[0]                                                           \
    }

/* A member by its own name, or by another; its type says the kind. */
#define FIELD(type, member) FIELD_AS(#member, type, member)
#define FIELD_AS(name, type, member)                                                                         \
    {                                                                                                        \
        name, FIELD_KIND(((type *)0)->member), offsetof(type, member), NULL, NULL                            \
    }
/* clang-format off */
#define FIELD_KIND(member)                                                                                   \
    _Generic(member, double: FIELD_REAL, int: FIELD_FLAG, unsigned: FIELD_COUNT_32,                          \
             unsigned long: sizeof(unsigned long) > sizeof(unsigned) ? FIELD_COUNT_64 : FIELD_COUNT_32,      \
             unsigned long long: FIELD_COUNT_64)
/* clang-format on */
#define FIELD_ENUM(name, type, member, codec)                                                                \
    {                                                                                                        \
        name, FIELD_NAME, offsetof(type, member), codec, NULL                                                \
    }
#define FIELD_DIGITS(name, type, member)                                                                     \
    {                                                                                                        \
        name, FIELD_SEED, offsetof(type, member), NULL, NULL                                                 \
    }
#define FIELD_OBJECT(name, list)                                                                             \
    {                                                                                                        \
        name, FIELD_INSIDE, 0, NULL, list                                                                    \
    }

/* The codec `prefix`_codec of an enum, by its mlp_`prefix`_name() and mlp_`prefix`_from_name(). */
#define NAME_CODEC(prefix, type)                                                                             \
    static const char *prefix##_name_at(const void *place)                                                   \
    {                                                                                                        \
        return mlp_##prefix##_name(*(const type *)place);                                                    \
    }                                                                                                        \
    static mlp_status prefix##_find_at(const char *name, void *place)                                        \
    {                                                                                                        \
        return mlp_##prefix##_from_name(name, place);                                                        \
    }                                                                                                        \
    static const struct name_codec prefix##_codec = { prefix##_name_at, prefix##_find_at }

/* Bytes of a member that is no object. */
size_t field_size(const struct field *field);

/* Put `value` into the object under the key, or at the array's end. They take both references. Where memory
 * is short or either is NULL they release both and return NULL: a chain needs one check, at its end. */
json_t *with_member(json_t *object, const char *key, json_t *value);
json_t *with_item(json_t *array, json_t *value);
/* The members as an object; numbers that are not finite are the texts "nan", "inf" and "-inf". The caller's
 * reference; NULL when memory is short. */
json_t *fields_to_json(const struct field_list *list, const void *object);
/* Fills the members in from an object that has these and no others. FORMAT: one is missing, of another
 * type, or not known; `path` and `place` ("state", "layers[3]") begin the message. */
mlp_status fields_from_json(const struct field_list *list, const struct json_node *json, const char *path,
                            const char *place, void *object);

/* The members as doubles, in their order. Counts are below 2⁵³. */
void fields_to_row(const struct field_list *list, const void *object, double *row);
/* Fills them in; false when a count is not one. */
bool fields_from_row(const struct field_list *list, const double *row, void *object);

#endif
