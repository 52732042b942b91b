/* Members of a struct by name. */
#include "session/fields.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LARGEST_COUNT 0x1p53

static double get_real(const struct field *field, const void *object)
{
    double value;
    memcpy(&value, (const char *)object + field->offset, sizeof value);
    return value;
}

static size_t get_count(const struct field *field, const void *object)
{
    const char *place = (const char *)object + field->offset;
    unsigned narrow;
    size_t wide;
    if (field->kind == FIELD_UNSIGNED) {
        memcpy(&narrow, place, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, place, sizeof wide);
    return wide;
}

static void set_real(const struct field *field, void *object, double value)
{
    memcpy((char *)object + field->offset, &value, sizeof value);
}

static bool set_count(const struct field *field, void *object, double value)
{
    char *place = (char *)object + field->offset;
    const double largest = field->kind == FIELD_UNSIGNED ? (double)UINT32_MAX : LARGEST_COUNT;
    if (!(value >= 0.0 && value <= largest && value == floor(value))) {
        return false;
    }
    const size_t wide = (size_t)value;
    const unsigned narrow = (unsigned)wide;
    if (field->kind == FIELD_UNSIGNED) {
        memcpy(place, &narrow, sizeof narrow);
    } else {
        memcpy(place, &wide, sizeof wide);
    }
    return true;
}

static int get_flag(const struct field *field, const void *object)
{
    int flag;
    memcpy(&flag, (const char *)object + field->offset, sizeof flag);
    return flag;
}

static json_t *real_json(double value)
{
    if (isnan(value)) {
        return json_string("nan");
    }
    return isinf(value) ? json_string(value > 0.0 ? "inf" : "-inf") : json_real(value);
}

static bool real_of(const json_t *json, double *value)
{
    const char *text = json_string_value(json);
    if (text == NULL) {
        *value = json_number_value(json);
        return json_is_number(json);
    }
    *value = strcmp(text, "nan") == 0 ? NAN : strcmp(text, "-inf") == 0 ? -INFINITY : INFINITY;
    return isnan(*value) || *value < 0.0 || strcmp(text, "inf") == 0;
}

static json_t *value_json(const struct field *field, const void *object)
{
    switch (field->kind) {
    case FIELD_REAL: return real_json(get_real(field, object));
    case FIELD_FLAG: return json_boolean(get_flag(field, object) != 0);
    default: return json_integer((json_int_t)get_count(field, object));
    }
}

static bool value_of(const struct field *field, const json_t *value, void *object)
{
    const int flag = json_is_true(value);
    double real;
    switch (field->kind) {
    case FIELD_REAL:
        if (real_of(value, &real)) {
            set_real(field, object, real);
            return true;
        }
        return false;
    case FIELD_FLAG:
        memcpy((char *)object + field->offset, &flag, sizeof flag);
        return json_is_boolean(value);
    default: return json_is_integer(value) && set_count(field, object, (double)json_integer_value(value));
    }
}

json_t *fields_to_json(const struct field_list *list, const void *object)
{
    json_t *json = json_object();
    for (size_t i = 0; json != NULL && i < list->count; i++) {
        if (json_object_set_new(json, list->fields[i].name, value_json(&list->fields[i], object)) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

const char *fields_from_json(const struct field_list *list, const json_t *json, void *object)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!value_of(&list->fields[i], json_object_get(json, list->fields[i].name), object)) {
            return list->fields[i].name;
        }
    }
    return NULL;
}

void fields_to_row(const struct field_list *list, const void *object, double *row)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct field *field = &list->fields[i];
        row[i] = field->kind == FIELD_REAL ? get_real(field, object) : (double)get_count(field, object);
    }
}

bool fields_from_row(const struct field_list *list, const double *row, void *object)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->fields[i].kind == FIELD_REAL) {
            set_real(&list->fields[i], object, row[i]);
        } else if (!set_count(&list->fields[i], object, row[i])) {
            return false;
        }
    }
    return true;
}
