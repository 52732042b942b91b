/* A data set of a table's rows. */
#include "io/table_data.h"

#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "io/table_notice.h"
#include "io/unpacked_file.h"

struct making {
    struct table_rows *rows;
    const struct mlp_schema *schema;
    const struct schema_slot *slots;
    const mlp_table_options *options;
    struct storage *storage;
};

/* ---- targets and what stands beside ------------------------------------------------------------------- */

/* Every row's cell of a column, into every `stride`-th entry of an array of numbers or of levels. */
static mlp_status gather_column(const struct making *m, size_t c, size_t stride, void *out)
{
    const struct schema_column *column = &m->schema->columns[c];
    union cell *cells = out; /* as wide as float and int32_t */
    const union cell *rows;
    size_t count = 1;
    for (size_t block = 0; count > 0; block++) {
        TRY(table_block(&m->rows->table, block, &rows, &count));
        for (size_t r = 0; r < count; r++, cells += stride) {
            *cells = schema_cell(m->schema, m->slots, c, rows + r * m->rows->table.width);
            if (!schema_has_levels(column)) {
                cells->number = (float)((double)cells->number + column->offset);
            }
        }
    }
    return MLP_OK;
}

/* An array of the storage's own, of `width` entries of 4 bytes for each row. */
static mlp_status own_array(const struct making *m, enum storage_array which, size_t width, void **array)
{
    size_t size = 0;
    *array = NULL;
    if (size_multiply(m->rows->table.rows, width, &size)) {
        memory_resize(array, 0, size, sizeof(float)); /* not written before the table's blocks are freed */
    }
    m->storage->owned[which] = *array;
    return *array != NULL ? MLP_OK
                          : fail(MLP_ERROR_MEMORY, "%s: out of memory for %zu rows of %zu values",
                                 m->rows->file.path, m->rows->table.rows, width);
}

static mlp_status fill_targets(const struct making *m)
{
    const size_t outputs = m->schema->target_count;
    struct storage *storage = m->storage;
    void *array;
    size_t target = 0;
    TRY(own_array(m, STORAGE_TARGETS, outputs, &array));
    for (size_t c = 0; c < m->schema->column_count; c++) {
        if (m->schema->columns[c].role == MLP_ROLE_LABEL) {
            TRY(gather_column(m, c, outputs, (float *)array + target++));
        }
    }
    if (m->schema->target != MLP_TARGET_CLASSES) {
        storage->values = array;
        storage->outputs = outputs;
        return MLP_OK;
    }
    storage->classes = array;
    storage->class_count = mlp_schema_class_count(m->schema);
    for (size_t i = 0; i < storage->class_count; i++) {
        TRY(text_list_append(&storage->class_names, mlp_schema_class_name(m->schema, i)));
    }
    return MLP_OK;
}

static mlp_status fill_beside(const struct making *m)
{
    void *array;
    for (size_t c = 0; c < m->schema->column_count; c++) {
        if (m->slots[c].cell == SIZE_MAX) {
            continue;
        }
        if (m->schema->columns[c].role == MLP_ROLE_WEIGHT) {
            TRY(own_array(m, STORAGE_WEIGHTS, 1, &array));
            TRY(gather_column(m, c, 1, array));
            m->storage->weights = array;
        } else if (m->schema->columns[c].role == MLP_ROLE_GROUP) {
            TRY(own_array(m, STORAGE_GROUPS, 1, &array));
            TRY(gather_column(m, c, 1, array));
            m->storage->groups = array;
        }
    }
    return MLP_OK;
}

/* ---- features ------------------------------------------------------------------------------------------ */

/* Names of the inputs, and which of them a standardization leaves as they are. */
static mlp_status describe_inputs(const struct making *m)
{
    const struct mlp_schema *schema = m->schema;
    bool *flags = memory_allocate(schema->inputs, sizeof *flags);
    m->storage->owned[STORAGE_FLAGS] = flags;
    REQUIRE_MEMORY(flags);
    m->storage->flags = flags;
    for (size_t c = 0; c < schema->column_count; c++) {
        const struct schema_column *column = &schema->columns[c];
        for (size_t i = 0; i < column->input_count; i++) {
            flags[column->first_input + i] = schema_input_is_flag(column, i);
        }
    }
    for (size_t i = 0; i < schema->inputs; i++) {
        TRY(text_list_append(&m->storage->feature_names, text_list_get(&schema->input_names, i)));
    }
    return MLP_OK;
}

/* Encodes block after block into an array of all rows, or of one block, which goes to the file then. */
static mlp_status encode_blocks(const struct making *m, float *x, struct unpacked_file *file)
{
    struct table *table = &m->rows->table;
    const union cell *rows;
    size_t count = 1;
    for (size_t block = 0; count > 0; block++) {
        TRY(table_block(table, block, &rows, &count));
        schema_encode_rows(m->schema, m->slots, rows, table->width, count, x);
        if (file != NULL) {
            TRY(unpacked_file_append(file, x, count * m->schema->inputs * sizeof *x));
        } else {
            x += count * m->schema->inputs;
        }
        if (count > 0) {
            table_forget(table, block);
        }
    }
    return MLP_OK;
}

static mlp_status stream_features(const struct making *m, struct unpacked_file *file)
{
    const struct feature_file layout = { .inputs = m->schema->inputs, .kind = FEATURE_FLOATS };
    size_t size = 0;
    int descriptor;
    TRY(unpacked_file_create(m->rows->file.path, m->options->folder, file));
    float *block = size_multiply(m->schema->inputs, TABLE_BLOCK_ROWS, &size)
                       ? memory_allocate(size, sizeof *block)
                       : NULL;
    REQUIRE_MEMORY(block);
    const mlp_status status = encode_blocks(m, block, file);
    memory_free(block);
    TRY(status);
    TRY(unpacked_file_take(file, &descriptor));
    m->storage->file = feature_file_make(descriptor, m->rows->file.path, &layout);
    return m->storage->file != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static mlp_status fill_features(const struct making *m)
{
    struct unpacked_file file = { .descriptor = -1 };
    void *features;
    if (m->options->stream != 0) {
        const mlp_status status = stream_features(m, &file);
        unpacked_file_close(&file);
        return status;
    }
    TRY(own_array(m, STORAGE_FEATURES, m->schema->inputs, &features));
    m->storage->features = features;
    return encode_blocks(m, features, NULL);
}

static bool has_targets(const struct making *m)
{
    for (size_t c = 0; c < m->schema->column_count; c++) {
        if (m->schema->columns[c].role == MLP_ROLE_LABEL && m->slots[c].cell != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

static mlp_status make(const struct making *m)
{
    m->storage->format = MLP_DATA_FORMAT_CSV;
    m->storage->count = m->rows->table.rows;
    m->storage->inputs = m->schema->inputs;
    TRY(table_describe(m->rows, m->schema, m->slots, m->storage));
    TRY(describe_inputs(m));
    if (has_targets(m)) {
        TRY(fill_targets(m));
    }
    TRY(fill_beside(m));
    return fill_features(m);
}

mlp_status table_make_data(struct table_rows *rows, const struct mlp_schema *schema,
                           const struct schema_slot *slots, const mlp_table_options *options, mlp_data **data)
{
    struct making m = { rows, schema, slots, options, memory_allocate(1, sizeof(struct storage)) };
    REQUIRE_MEMORY(m.storage);
    const mlp_status status = make(&m);
    if (status != MLP_OK) {
        storage_free(m.storage);
        return status;
    }
    m.storage->ids = rows->ids;
    rows->ids = (struct text_list){ 0 };
    m.storage->lines = rows->lines;
    rows->lines = (struct text_list){ 0 };
    return data_from_storage(m.storage, data);
}

mlp_status table_options_accept(const mlp_table_options *given, mlp_table_options *accepted)
{
    TRY(ACCEPT_OPTIONS(mlp_table_options, MLP_TABLE_OPTIONS_INIT, given, accepted));
    FAIL_IF(accepted->delimiter == '"' || accepted->delimiter == '\n' || accepted->delimiter == '\r',
            MLP_ERROR_ARGUMENT, "table options: the delimiter cannot be a quote or a line end");
    FAIL_IF(accepted->header < -1 || accepted->header > 1, MLP_ERROR_ARGUMENT,
            "table options: header is %d, expected -1 (automatic), 0 or 1", accepted->header);
    FAIL_IF(accepted->decimal != 0 && accepted->decimal != '.' && accepted->decimal != ',',
            MLP_ERROR_ARGUMENT, "table options: decimal is '%c', expected '.', ',' or 0", accepted->decimal);
    return MLP_OK;
}
