/* Fuzzing tables and schemas with libFuzzer: any bytes must give a status, and a table from which a schema
 * was learnt is the same when it is read by it, in memory or streamed, and by the schema that a model kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/model_file.h>
#include <mlp/schema.h>

#include "fuzz_file.h"

/* Whether two sets have the same features, bit for bit. */
static void check_same(const mlp_data *a, const mlp_data *b)
{
    const size_t inputs = mlp_data_inputs(a), count = mlp_data_count(a);
    float *x = malloc(2 * (inputs + 1) * sizeof *x);
    if (x == NULL || inputs != mlp_data_inputs(b) || count != mlp_data_count(b)) {
        abort();
    }
    for (size_t i = 0; i < count && i < 64; i++) {
        if (mlp_data_read(a, i, 1, x, NULL, NULL) != MLP_OK ||
            mlp_data_read(b, i, 1, x + inputs, NULL, NULL) != MLP_OK ||
            memcmp(x, x + inputs, inputs * sizeof *x) != 0) {
            abort();
        }
    }
    free(x);
}

/* What was read must be read again. */
static void check_load(const mlp_schema *schema, const char *path, const mlp_table_options *options,
                       const mlp_data *expected)
{
    mlp_data *data = NULL;
    if (mlp_schema_load(schema, path, options, &data) != MLP_OK) {
        abort();
    }
    check_same(expected, data);
    mlp_data_destroy(&data);
}

static void check_kept(const mlp_schema *schema, const char *path, const mlp_table_options *options,
                       const mlp_data *expected)
{
    const mlp_layer layer = { .units = 1 };
    mlp_network *network = NULL, *loaded = NULL;
    char model[64];
    if (mlp_schema_inputs(schema) == 0 ||
        mlp_network_create(mlp_schema_inputs(schema), &layer, 1, NULL, &network) != MLP_OK) {
        return;
    }
    strcpy(model, "/tmp/fuzz-table-XXXXXX");
    const int file = mkstemp(model);
    if (file < 0 || mlp_network_set_schema(network, schema) != MLP_OK ||
        mlp_model_save(network, model) != MLP_OK || mlp_model_load(model, &loaded) != MLP_OK) {
        abort();
    }
    check_load(mlp_network_schema(loaded), path, options, expected);
    close(file);
    remove(model);
    mlp_network_destroy(&network);
    mlp_network_destroy(&loaded);
}

/* The first two bytes choose the options, the rest is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const words[] = { "-", "9" }, *const columns[] = { "0", "a" };
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_table_options table = MLP_TABLE_OPTIONS_INIT;
    mlp_schema *schema = NULL;
    mlp_data *data = NULL;
    if (size < 2) {
        return 0;
    }
    table.header = bytes[0] % 3 - 1;
    table.delimiter = "\0\0\0,;\t |"[bytes[0] / 4 % 8];
    table.decimal = bytes[0] / 32 % 2 ? ',' : 0;
    options.regression = bytes[0] / 64 % 2;
    options.dates = bytes[0] / 128;
    options.missing = (mlp_missing)(bytes[1] % 3);
    options.rare = bytes[1] / 4 % 4;
    options.missing_words = (mlp_texts){ words, bytes[1] / 16 % 3 };
    options.categorical = (mlp_texts){ columns, bytes[1] / 64 % 2 };
    options.no_label = bytes[1] / 128;
    options.table = &table;
    const char *path = fuzz_file(bytes + 2, size - 2);
    if (mlp_schema_learn(path, &options, &schema, &data) == MLP_OK) {
        table.header = mlp_schema_target_name(schema, 0) != NULL ? 1 : table.header;
        check_load(schema, path, &table, data);
        table.stream = 1;
        check_load(schema, path, &table, data);
        check_kept(schema, path, &table, data);
    } else if (schema != NULL || data != NULL) {
        abort();
    }
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
    return 0;
}
