/* The self-test of a C file: samples and rows, and the outputs that the library gives for them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mlp/pass.h>
#include <mlp/workspace.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "data/schema.h"
#include "io/c_source.h"

enum { DRAWN_SAMPLES = 4, ROWS = 4 };

static void draw_samples(const mlp_network *network, struct c_recorded *recorded)
{
    const struct random_stream stream = random_stream(1, RANDOM_NOISE, 0, 0);
    const size_t inputs = network->inputs;
    random_normal(&stream, 0, recorded->count * inputs, recorded->x);
    const size_t scaled = network->mean != NULL ? recorded->count * inputs : 0;
    for (size_t i = 0; i < scaled; i++) {
        recorded->x[i] = network->mean[i % inputs] + network->scale[i % inputs] * recorded->x[i];
    }
}

static mlp_status predict(const mlp_network *network, const float *x, size_t count, float *y)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace = NULL;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = 1;
    TRY(mlp_workspace_create(network, count, &options, &workspace));
    const mlp_status status = mlp_predict(network, workspace, x, count, y);
    mlp_workspace_destroy(&workspace);
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* A day of the Gregorian calendar, YYYY-MM-DD, `days` after 1970-01-01 (Hinnant, civil_from_days). */
static void put_day(double days, char text[64])
{
    const long first = -719162, last = 2932896; /* 0001-01-01 and 9999-12-31 */
    const long from_march = (long)fmin(fmax(days, (double)first), (double)last) + 719468;
    const long era = from_march / 146097, day_of_era = from_march % 146097;
    const long year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const long day_of_year = day_of_era - (365 * year + year / 4 - year / 100),
               month = (5 * day_of_year + 2) / 153;
    snprintf(text, 64, "%04ld-%02ld-%02ld", year + era * 400 + (month >= 10),
             month < 10 ? month + 3 : month - 9, day_of_year - (153 * month + 2) / 5 + 1);
}

/* Row r's text of a column: about the mean, one level after another, with and without a time; the last row's
 * are missing where that is no failure. */
static const char *text_of(const mlp_network *network, const struct schema_column *column, bool imputes,
                           size_t r, char text[64])
{
    static const char *const flags[ROWS] = { "yes", "F", "1", "no" };
    const size_t levels = text_list_count(&column->levels.texts), input = column->first_input;
    const double mean = network->mean != NULL ? (double)network->mean[input] : 0.0;
    const double scale = network->mean != NULL ? (double)network->scale[input] : 1.0;
    const double deviations = 0.7 * ((double)r - 1.0);
    if (r + 1 == ROWS && imputes) {
        return "";
    }
    switch (column->kind) {
    case MLP_COLUMN_BOOLEAN: return flags[r];
    case MLP_COLUMN_CATEGORICAL:
        return levels > 0 ? text_list_get(&column->levels.texts, r % levels) : "none";
    case MLP_COLUMN_DATE:
        put_day(column->offset + deviations * scale, text);
        strcpy(text + strlen(text), r % 2 == 1 ? "T12:34:56.5+02:00" : "");
        return text;
    default:
        c_number(fmin(fmax(column->offset + mean + deviations * scale, -1e30), 1e30), 12, text);
        return text;
    }
}

static mlp_status record_texts(const mlp_network *network, const mlp_schema *schema,
                               struct c_recorded *recorded)
{
    const bool imputes = schema->missing == MLP_MISSING_IMPUTE;
    char text[64];
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t c = 0; c < schema->column_count; c++) {
            const struct schema_column *column = &schema->columns[c];
            if (column->role == MLP_ROLE_FEATURE) {
                TRY(text_list_append(&recorded->texts, text_of(network, column, imputes, r, text)));
            }
        }
    }
    recorded->rows = ROWS;
    return MLP_OK;
}

static mlp_status encode_texts(const mlp_schema *schema, const struct c_recorded *recorded, const char **row,
                               float *x)
{
    size_t next = 0;
    for (size_t r = 0; r < recorded->rows; r++) {
        for (size_t c = 0; c < schema->column_count; c++) {
            const bool feature = schema->columns[c].role == MLP_ROLE_FEATURE;
            row[c] = feature ? text_list_get(&recorded->texts, next) : NULL;
            next += feature;
        }
        TRY(mlp_schema_encode(schema, row, x + r * schema->inputs));
    }
    return MLP_OK;
}

static mlp_status record_rows(const mlp_network *written, const mlp_schema *schema,
                              struct c_recorded *recorded)
{
    TRY(record_texts(written, schema, recorded));
    float *x = memory_allocate(ROWS * written->inputs, sizeof *x);
    const char **row = memory_allocate(schema->column_count, sizeof *row);
    recorded->rows_y = memory_allocate(ROWS * output_layer(written)->units, sizeof(float));
    mlp_status status = x != NULL && row != NULL && recorded->rows_y != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    status = status == MLP_OK ? encode_texts(schema, recorded, row, x) : status;
    status = status == MLP_OK ? predict(written, x, ROWS, recorded->rows_y) : status;
    memory_free(row);
    memory_free(x);
    return status;
}

/* ---- recording ----------------------------------------------------------------------------------------- */

/* `network`: with its weights as the file has them. */
static mlp_status record(const mlp_network *network, const mlp_schema *schema, const mlp_c_options *options,
                         struct c_recorded *recorded)
{
    const size_t count = options->samples != NULL ? options->sample_count : (size_t)DRAWN_SAMPLES;
    recorded->count = count;
    recorded->x = memory_allocate(count * network->inputs, sizeof(float));
    recorded->y = memory_allocate(count * output_layer(network)->units, sizeof(float));
    if (recorded->x == NULL || recorded->y == NULL) {
        return MLP_ERROR_MEMORY;
    }
    if (options->samples != NULL) {
        memcpy(recorded->x, options->samples, count * network->inputs * sizeof(float));
    } else {
        draw_samples(network, recorded);
    }
    TRY(predict(network, recorded->x, count, recorded->y));
    return schema != NULL ? record_rows(network, schema, recorded) : MLP_OK;
}

mlp_status c_record(const mlp_network *network, const mlp_schema *schema, const mlp_c_options *options,
                    struct c_recorded *recorded)
{
    mlp_network *rounded = NULL;
    if (options->int8 == 0) {
        return record(network, schema, options, recorded);
    }
    TRY(mlp_network_copy(network, &rounded));
    mlp_status status = mlp_network_quantize(rounded);
    status = status == MLP_OK ? record(rounded, schema, options, recorded) : status;
    mlp_network_destroy(&rounded);
    return status;
}

void c_recorded_free(struct c_recorded *recorded)
{
    memory_free(recorded->x);
    memory_free(recorded->y);
    memory_free(recorded->rows_y);
    text_list_free(&recorded->texts);
}

/* ---- the program --------------------------------------------------------------------------------------- */

static void put_texts(struct c_source *source, const struct c_recorded *recorded)
{
    const size_t count = text_list_count(&recorded->texts), columns = count / recorded->rows;
    c_put(source, "static const char *const test_rows[%zu] = {", count);
    for (size_t i = 0; i < count; i++) {
        c_put(source, i % columns == 0 ? "\n    " : " ");
        c_put_string(source, text_list_get(&recorded->texts, i));
        c_put(source, i + 1 < count ? "," : "\n};\n");
    }
}

void c_put_test(struct c_source *source, const mlp_network *network, const struct c_recorded *recorded)
{
    const size_t inputs = network->inputs, outputs = output_layer(network)->units, rows = recorded->rows;
    c_put(source, "\n#ifdef %s_TEST\n#include <stdio.h>\n\n/* Samples, and what mlp_predict() gave. */\n",
          source->upper);
    c_put_floats(source, "test_x", recorded->x, recorded->count * inputs);
    c_put_floats(source, "test_y", recorded->y, recorded->count * outputs);
    if (rows > 0) {
        put_texts(source, recorded);
        c_put_floats(source, "test_rows_y", recorded->rows_y, rows * outputs);
    }
    c_put(source, "\nstatic float largest(const float *y, const float *expected)\n{\n"
                  "    float worst = 0.0f;\n    int i;\n");
    c_put(source,
          "    for (i = 0; i < %zu; i++) {\n"
          "        const float size = fabsf(expected[i]) > 1.0f ? fabsf(expected[i]) : 1.0f;\n"
          "        const float error = fabsf(y[i] - expected[i]) / size;\n"
          "        worst = error > worst ? error : worst;\n    }\n    return worst;\n}\n",
          outputs);
    c_put(source, "\nint main(void)\n{\n    float y[%zu], error, worst = 0.0f;\n    int s;\n", outputs);
    c_put(source,
          "    for (s = 0; s < %zu; s++) {\n        if (%s_predict(test_x + s * %zu, y) != 0) {\n"
          "            return 1;\n        }\n        error = largest(y, test_y + s * %zu);\n"
          "        worst = error > worst ? error : worst;\n    }\n",
          recorded->count, source->name, inputs, outputs);
    if (rows > 0) {
        c_put(source,
              "    for (s = 0; s < %zu; s++) {\n"
              "        if (%s_predict_texts(test_rows + s * %zu, y) != 0) {\n"
              "            return 1;\n        }\n        error = largest(y, test_rows_y + s * %zu);\n"
              "        worst = error > worst ? error : worst;\n    }\n",
              rows, source->name, text_list_count(&recorded->texts) / rows, outputs);
    }
    c_put(source, "    printf(\"largest difference: %%.3g\\n\", (double)worst);\n"
                  "    return worst <= 1e-5f ? 0 : 1;\n}\n#endif\n");
}
