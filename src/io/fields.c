/* Members of a struct by name. */
#include "io/fields.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/status.h"

#define LARGEST_COUNT 0x1p53
enum { PLACE_SIZE = 128, MOST_FIELDS = 64 };

static double get_real(const struct field *field, const void *object)
{
    double value;
    memcpy(&value, (const char *)object + field->offset, sizeof value);
    return value;
}

static uint64_t get_count(const struct field *field, const void *object)
{
    const char *place = (const char *)object + field->offset;
    uint32_t narrow;
    uint64_t wide;
    if (field->kind == FIELD_COUNT_32) {
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
    const double largest = field->kind == FIELD_COUNT_32 ? (double)UINT32_MAX : LARGEST_COUNT;
    if (!(value >= 0.0 && value <= largest && value == floor(value))) {
        return false;
    }
    const uint64_t wide = (uint64_t)value;
    const uint32_t narrow = (uint32_t)wide;
    if (field->kind == FIELD_COUNT_32) {
        memcpy(place, &narrow, sizeof narrow);
    } else {
        memcpy(place, &wide, sizeof wide);
    }
    return true;
}

static json_t *real_json(double value)
{
    if (isnan(value)) {
        return json_string("nan");
    }
    return isinf(value) ? json_string(value > 0.0 ? "inf" : "-inf") : json_real(value);
}

/* All 64 bits, which JSON's numbers have not. */
static json_t *digits_json(const void *place)
{
    char text[24];
    uint64_t value;
    memcpy(&value, place, sizeof value);
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

static json_t *value_json(const struct field *field, const void *object)
{
    const char *place = (const char *)object + field->offset;
    int flag;
    switch (field->kind) {
    case FIELD_REAL: return real_json(get_real(field, object));
    case FIELD_FLAG: memcpy(&flag, place, sizeof flag); return json_boolean(flag != 0);
    case FIELD_NAME: return json_string(field->codec->name(place));
    case FIELD_SEED: return digits_json(place);
    case FIELD_INSIDE: return fields_to_json(field->inside, object);
    default: return json_integer((json_int_t)get_count(field, object));
    }
}

/* jansson takes `value` also when it fails. */
json_t *with_member(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *with_item(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

json_t *fields_to_json(const struct field_list *list, const void *object)
{
    json_t *json = json_object();
    for (size_t i = 0; i < list->count; i++) {
        json = with_member(json, list->fields[i].name, value_json(&list->fields[i], object));
    }
    return json;
}

/* ---- from JSON ----------------------------------------------------------------------------------------- */

static bool real_of(const struct json_node *json, double *value)
{
    const char *text = node_text(json);
    if (text == NULL) {
        return node_real(json, value);
    }
    static const struct {
        const char *text;
        double value;
    } words[] = { { "nan", NAN }, { "inf", INFINITY }, { "-inf", -INFINITY } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i].text) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    return false;
}

static const char *const expected[] = {
    [FIELD_REAL] = "a number",      [FIELD_COUNT_64] = "a whole number of at least 0",
    [FIELD_FLAG] = "true or false", [FIELD_COUNT_32] = "a whole number of at least 0, within 32 bits",
    [FIELD_NAME] = "a text",        [FIELD_INSIDE] = "an object",
};

/* Whether the value is of the field's type; puts it into the object then. */
static bool take_value(const struct field *field, const struct json_node *value, void *object)
{
    char *place = (char *)object + field->offset;
    const int flag = value->type == NODE_TRUE;
    double real;
    MLP_ASSERT(field->kind != FIELD_SEED);
    switch (field->kind) {
    case FIELD_REAL:
        if (!real_of(value, &real)) {
            return false;
        }
        set_real(field, object, real);
        return true;
    case FIELD_FLAG: memcpy(place, &flag, sizeof flag); return flag || value->type == NODE_FALSE;
    default: return value->type == NODE_INTEGER && set_count(field, object, (double)value->integer);
    }
}

static mlp_status take(const struct field *field, const struct json_node *value, const char *path,
                       const char *place, void *object)
{
    char inner[PLACE_SIZE];
    snprintf(inner, sizeof inner, "%s.%s", place, field->name);
    if (field->kind == FIELD_INSIDE && value->type == NODE_OBJECT) {
        return fields_from_json(field->inside, value, path, inner, object);
    }
    if (field->kind == FIELD_NAME && value->type == NODE_TEXT) {
        return field->codec->find(value->text, (char *)object + field->offset) == MLP_OK
                   ? MLP_OK
                   : fail_in(MLP_ERROR_FORMAT, "%s: metadata '%s'", path, inner);
    }
    const bool is_scalar = field->kind != FIELD_INSIDE && field->kind != FIELD_NAME;
    return is_scalar && take_value(field, value, object)
               ? MLP_OK
               : fail(MLP_ERROR_FORMAT, "%s: metadata '%s' is not %s", path, inner, expected[field->kind]);
}

static size_t index_of(const struct field_list *list, const char *name)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->fields[i].name, name) != 0) {
        i++;
    }
    return i;
}

mlp_status fields_from_json(const struct field_list *list, const struct json_node *json, const char *path,
                            const char *place, void *object)
{
    bool found[MOST_FIELDS] = { false };
    MLP_ASSERT(list->count <= MOST_FIELDS);
    FAIL_IF(json->type != NODE_OBJECT, MLP_ERROR_FORMAT, "%s: metadata '%s' is not an object", path, place);
    const struct json_node *key = node_first(json);
    for (size_t i = 0; i < json->count; i++, key = node_next(key + 1)) {
        const size_t field = index_of(list, key->text);
        FAIL_IF(field == list->count, MLP_ERROR_FORMAT,
                "%s: metadata '%s' has the member '%.64s', which this library does not know", path, place,
                key->text);
        TRY(take(&list->fields[field], key + 1, path, place, object));
        found[field] = true;
    }
    for (size_t i = 0; i < list->count; i++) {
        FAIL_IF(!found[i], MLP_ERROR_FORMAT, "%s: metadata '%s.%s' is missing", path, place,
                list->fields[i].name);
    }
    return MLP_OK;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

size_t field_size(const struct field *field)
{
    switch (field->kind) {
    case FIELD_REAL: return sizeof(double);
    case FIELD_COUNT_64:
    case FIELD_SEED: return sizeof(uint64_t);
    default: return sizeof(int); /* unsigned, flags and enums */
    }
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
