/* The features of a model: the columns of its table, or its inputs. */
#include "reports/features.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options/number.h"

static void add_columns(struct features *f, const mlp_schema *schema)
{
    for (size_t c = 0; c < mlp_schema_column_count(schema); c++) {
        mlp_schema_column column;
        if (mlp_schema_get_column(schema, c, &column) == MLP_OK && column.role == MLP_ROLE_FEATURE) {
            f->items[f->count++] = (struct feature){ column.name, c, column };
        }
    }
}

static void add_inputs(struct features *f, const mlp_data *data)
{
    for (size_t i = 0; i < mlp_network_inputs(f->network); i++) {
        const mlp_schema_column column = { .kind = MLP_COLUMN_NUMERIC, .first_input = i, .input_count = 1 };
        f->items[f->count++] = (struct feature){ mlp_data_feature_name(data, i), i, column };
    }
}

int features_make(struct features *features, const mlp_network *network, const mlp_data *data)
{
    const mlp_schema *schema = mlp_network_schema(network);
    const size_t most = schema != NULL ? mlp_schema_column_count(schema) : mlp_network_inputs(network);
    *features = (struct features){ .network = network, .items = calloc(most, sizeof *features->items) };
    FAIL_IF(features->items == NULL, out_of_memory());
    if (schema != NULL) {
        add_columns(features, schema);
    } else {
        add_inputs(features, data);
    }
    return EXIT_DONE;
}

void features_free(struct features *features)
{
    free(features->items);
}

const char *feature_name(const struct features *features, size_t i, char number[FEATURE_NAME])
{
    const struct feature *feature = &features->items[i];
    snprintf(number, FEATURE_NAME, "%s %zu",
             mlp_network_schema(features->network) != NULL ? "column" : "input", feature->number);
    return feature->name != NULL ? feature->name : number;
}

int feature_find(const struct features *features, const char *option, const char *text, size_t *found)
{
    uint64_t number;
    for (size_t i = 0; i < features->count; i++) {
        if (features->items[i].name != NULL && strcmp(features->items[i].name, text) == 0) {
            *found = i;
            return EXIT_DONE;
        }
    }
    if (!parse_whole(text, &number)) {
        number = SIZE_MAX;
    }
    for (size_t i = 0; i < features->count; i++) {
        if (features->items[i].number == number) {
            *found = i;
            return EXIT_DONE;
        }
    }
    return usage_error("%s: the model has no feature '%s'; `mlp inspect` lists them", option, text);
}

size_t *feature_groups(const struct features *features)
{
    const size_t inputs = mlp_network_inputs(features->network);
    size_t *groups = calloc(inputs, sizeof *groups);
    if (groups == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < inputs; i++) {
        groups[i] = SIZE_MAX;
    }
    for (size_t f = 0; f < features->count; f++) {
        const mlp_schema_column *column = &features->items[f].column;
        for (size_t i = 0; i < column->input_count; i++) {
            groups[column->first_input + i] = f;
        }
    }
    return groups;
}
