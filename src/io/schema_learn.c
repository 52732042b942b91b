/* Learning a schema from a table. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "base/text_order.h"
#include "io/schema_columns.h"
#include "io/table_data.h"

enum { DEFAULT_LEVEL_LIMIT = 1000 };

struct learning {
    mlp_schema_options options;
    mlp_table_options table;
    struct table_rows rows;
    struct text_pool *levels; /* of each column, as they come */
    struct schema_slot *slots;
    uint32_t **maps; /* owned: from the texts as they came to the schema's levels */
    struct mlp_schema *schema;
};

/* ---- levels -------------------------------------------------------------------------------------------- */

/* Samples of each text of a column; *counts is the caller's. */
static mlp_status count_levels(struct learning *l, size_t c, size_t **counts)
{
    struct table *table = &l->rows.table;
    const union cell *rows;
    size_t count = 1;
    *counts = memory_allocate(text_list_count(&l->levels[c].texts) + 1, sizeof **counts);
    REQUIRE_MEMORY(*counts);
    for (size_t block = 0; count > 0; block++) {
        TRY(table_block(table, block, &rows, &count));
        for (size_t r = 0; r < count; r++) {
            const uint32_t level = rows[r * table->width + l->rows.columns[c].cell].level;
            if (level < LEVEL_UNSEEN) {
                (*counts)[level]++;
            }
        }
    }
    return MLP_OK;
}

/* Adds the texts, in order, of which there are `least` … `most` samples; `map` gets their numbers. */
static mlp_status add_levels(const struct text_list *sorted, const uint32_t *numbers, const size_t *counts,
                             size_t least, size_t most, uint32_t *map, struct text_pool *pool)
{
    const size_t count = text_list_count(sorted);
    uint32_t *old = memory_allocate(count + 1, sizeof *old);
    mlp_status status = MLP_OK;
    REQUIRE_MEMORY(old);
    for (size_t i = 0; i < count; i++) {
        old[numbers[i]] = (uint32_t)i;
    }
    for (size_t n = 0; n < count && status == MLP_OK; n++) {
        size_t number;
        if (counts[old[n]] >= least && counts[old[n]] <= most) {
            status = text_pool_add(pool, text_list_get(sorted, n), &number);
            map[old[n]] = (uint32_t)number;
        }
    }
    memory_free(old);
    return status;
}

static mlp_status order_levels(struct learning *l, size_t c, const size_t *counts)
{
    struct text_list *texts = &l->levels[c].texts;
    struct schema_column *column = &l->schema->columns[c];
    const size_t rare = column->role == MLP_ROLE_FEATURE ? l->options.rare : 0;
    uint32_t *numbers;
    TRY(text_list_sort(texts, &numbers));
    mlp_status status =
        add_levels(texts, numbers, counts, rare > 1 ? rare : 1, SIZE_MAX, l->maps[c], &column->levels);
    column->kept = text_list_count(&column->levels.texts);
    if (status == MLP_OK && rare > 1) {
        status = add_levels(texts, numbers, counts, 1, rare - 1, l->maps[c], &column->levels);
    }
    memory_free(numbers);
    return status;
}

/* The number of the commonest level, as the schema counts them. */
static uint32_t commonest(const struct learning *l, size_t c, const size_t *counts)
{
    size_t best = 0;
    for (size_t i = 1; i < text_list_count(&l->levels[c].texts); i++) {
        const bool more = counts[i] > counts[best];
        const bool same_before = counts[i] == counts[best] && l->maps[c][i] < l->maps[c][best];
        best = more || same_before ? i : best;
    }
    return l->maps[c][best];
}

static mlp_status check_limit(const struct learning *l, size_t c)
{
    const struct schema_column *column = &l->schema->columns[c];
    const size_t limit = l->options.level_limit > 0 ? l->options.level_limit : (size_t)DEFAULT_LEVEL_LIMIT;
    FAIL_IF(column->role == MLP_ROLE_FEATURE && column->kept > limit, MLP_ERROR_RANGE,
            "%s: column %zu%s%.64s%s has %zu different texts, at most %zu are levels: --ignore leaves it "
            "out, --id "
            "keeps it beside the predictions, --rare merges levels of few samples, --levels raises the limit",
            l->rows.file.path, c + 1, column->name != NULL ? " '" : "",
            column->name != NULL ? column->name : "", column->name != NULL ? "'" : "", column->kept, limit);
    return MLP_OK;
}

/* A pool that was filled beforehand has its order: the classes that a caller gave. */
static mlp_status learn_levels(struct learning *l, size_t c)
{
    struct schema_column *column = &l->schema->columns[c];
    if (!l->rows.columns[c].grows) {
        column->levels = l->levels[c];
        l->levels[c] = (struct text_pool){ 0 };
        column->kept = text_list_count(&column->levels.texts);
        return MLP_OK;
    }
    l->maps[c] = memory_allocate(text_list_count(&l->levels[c].texts) + 1, sizeof **l->maps);
    REQUIRE_MEMORY(l->maps[c]);
    l->slots[c].map = l->maps[c];
    size_t *counts;
    mlp_status status = count_levels(l, c, &counts);
    status = status == MLP_OK ? order_levels(l, c, counts) : status;
    if (status == MLP_OK && text_list_count(&l->levels[c].texts) > 0) {
        column->fill = (double)commonest(l, c, counts);
    }
    memory_free(counts);
    return status == MLP_OK ? check_limit(l, c) : status;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* The values of a column that are not missing. */
static mlp_status gather_values(struct learning *l, size_t c, float *values, size_t *value_count)
{
    struct table *table = &l->rows.table;
    const union cell *rows;
    size_t count = 1;
    *value_count = 0;
    for (size_t block = 0; count > 0; block++) {
        TRY(table_block(table, block, &rows, &count));
        for (size_t r = 0; r < count; r++) {
            values[*value_count] = rows[r * table->width + l->rows.columns[c].cell].number;
            *value_count += isnan(values[*value_count]) ? 0 : 1;
        }
    }
    return MLP_OK;
}

/* Their median; 0 where there are none. A boolean's is one of its values. */
static mlp_status learn_median(struct learning *l, size_t c)
{
    struct schema_column *column = &l->schema->columns[c];
    float *values = memory_allocate(l->rows.table.rows, sizeof *values);
    size_t count;
    REQUIRE_MEMORY(values);
    const mlp_status status = gather_values(l, c, values, &count);
    if (status == MLP_OK) {
        column->fill = schema_median(values, count, column->kind == MLP_COLUMN_BOOLEAN);
    }
    memory_free(values);
    return status;
}

/* ---- columns ------------------------------------------------------------------------------------------- */

static mlp_status learn_column(struct learning *l, size_t c)
{
    const struct cell_column *from = &l->rows.columns[c];
    struct schema_column *column = &l->schema->columns[c];
    const bool impute = l->options.missing == MLP_MISSING_IMPUTE && from->role == MLP_ROLE_FEATURE;
    column->role = from->role;
    column->kind = from->kind;
    column->offset = from->offset;
    column->has_time = from->has_time;
    column->indicator = impute && from->missing > 0;
    l->slots[c].cell = from->cell;
    l->slots[c].learnt = true;
    if (from->name != NULL) {
        column->name = memory_copy_text(from->name);
        REQUIRE_MEMORY(column->name);
    }
    if (from->cell == SIZE_MAX || from->role == MLP_ROLE_GROUP) {
        return MLP_OK;
    }
    if (schema_has_levels(column)) {
        return learn_levels(l, c);
    }
    return impute ? learn_median(l, c) : MLP_OK;
}

static mlp_status build(struct learning *l, mlp_target_kind target)
{
    const size_t columns = l->rows.file.columns;
    l->schema = schema_make(columns);
    l->slots = memory_allocate(columns, sizeof *l->slots);
    l->maps = memory_allocate(columns, sizeof *l->maps);
    if (l->schema == NULL || l->slots == NULL || l->maps == NULL) {
        return MLP_ERROR_MEMORY;
    }
    l->schema->target = target;
    l->schema->missing = l->options.missing;
    for (size_t i = 0; i < l->options.missing_words.count; i++) {
        TRY(text_list_append(&l->schema->missing_words, l->options.missing_words.texts[i]));
    }
    if (l->options.label_word != NULL) {
        l->schema->label_word = memory_copy_text(l->options.label_word);
        REQUIRE_MEMORY(l->schema->label_word);
    }
    for (size_t c = 0; c < columns; c++) {
        TRY(learn_column(l, c));
    }
    return schema_number(l->schema);
}

/* ---- all together -------------------------------------------------------------------------------------- */

/* The classes that a caller gave, in their order. */
static mlp_status give_classes(struct learning *l)
{
    const mlp_texts *classes = &l->options.classes;
    for (size_t c = 0; c < l->rows.file.columns; c++) {
        if (l->rows.columns[c].role != MLP_ROLE_LABEL) {
            continue;
        }
        for (size_t i = 0; i < classes->count; i++) {
            size_t number;
            TRY(text_pool_add(&l->levels[c], classes->texts[i], &number));
            FAIL_IF(number < i, MLP_ERROR_ARGUMENT, "schema options: classes %zu and %zu are both '%.64s'",
                    number, i, classes->texts[i]);
        }
    }
    return MLP_OK;
}

static mlp_status learn(struct learning *l, const char *path, struct text_list *words, mlp_data **data)
{
    mlp_target_kind target;
    for (size_t i = 0; i < l->options.missing_words.count; i++) {
        TRY(text_list_append(words, l->options.missing_words.texts[i]));
    }
    TRY(table_file_open(path, &l->table, words, l->options.label_word, &l->rows.file));
    TRY(table_take_header(&l->rows.file, l->table.header, NULL, 0));
    TRY(table_rows_begin(&l->rows));
    l->levels = memory_allocate(l->rows.file.columns, sizeof *l->levels);
    REQUIRE_MEMORY(l->levels);
    TRY(schema_choose_columns(&l->rows, &l->options, l->levels, &target));
    if (target == MLP_TARGET_CLASSES) {
        TRY(give_classes(l));
    }
    l->rows.missing = l->options.missing;
    l->rows.keeps_lines = l->table.keep_lines != 0;
    TRY(table_rows_lay_out(&l->rows, &l->table));
    TRY(table_rows_read(&l->rows));
    TRY(build(l, target));
    return data != NULL ? table_make_data(&l->rows, l->schema, l->slots, &l->table, data) : MLP_OK;
}

static void release(struct learning *l)
{
    const size_t columns = l->rows.file.columns;
    const size_t level_pools = l->levels != NULL ? columns : 0, maps = l->maps != NULL ? columns : 0;
    for (size_t c = 0; c < level_pools; c++) {
        text_pool_free(&l->levels[c]);
    }
    for (size_t c = 0; c < maps; c++) {
        memory_free(l->maps[c]);
    }
    memory_free(l->levels);
    memory_free(l->slots);
    memory_free(l->maps);
    table_rows_free(&l->rows);
}

static mlp_status check_texts(const char *member, const mlp_texts *texts)
{
    FAIL_IF(texts->count > 0 && texts->texts == NULL, MLP_ERROR_ARGUMENT,
            "schema options: %s has %zu texts, but they are NULL", member, texts->count);
    for (size_t i = 0; i < texts->count; i++) {
        FAIL_IF(texts->texts[i] == NULL, MLP_ERROR_ARGUMENT, "schema options: %s[%zu] is NULL", member, i);
        TRY(cell_check_text(texts->texts[i]));
    }
    return MLP_OK;
}

static mlp_status check_options(const mlp_schema_options *o)
{
    TRY(check_texts("labels", &o->labels));
    TRY(check_texts("ignored", &o->ignored));
    TRY(check_texts("categorical", &o->categorical));
    TRY(check_texts("missing_words", &o->missing_words));
    TRY(check_texts("classes", &o->classes));
    if (o->label_word != NULL) {
        TRY(cell_check_text(o->label_word));
    }
    FAIL_IF(mlp_missing_name(o->missing) == NULL, MLP_ERROR_ARGUMENT,
            "schema options: missing is %d, expected refuse, drop or impute", (int)o->missing);
    return MLP_OK;
}

mlp_status mlp_schema_learn(const char *path, const mlp_schema_options *options, mlp_schema **schema,
                            mlp_data **data)
{
    struct learning l = { 0 };
    struct text_list words = { 0 };
    REQUIRE_ARGUMENT(schema);
    *schema = NULL;
    if (data != NULL) {
        *data = NULL;
    }
    REQUIRE_ARGUMENT(path);
    TRY(ACCEPT_OPTIONS(mlp_schema_options, MLP_SCHEMA_OPTIONS_INIT, options, &l.options));
    TRY(check_options(&l.options));
    TRY(table_options_accept(l.options.table, &l.table));
    const mlp_status status = learn(&l, path, &words, data);
    if (status != MLP_OK) {
        mlp_schema_destroy(&l.schema);
    }
    *schema = l.schema;
    release(&l);
    text_list_free(&words);
    return status;
}
