/* What was understood of a table, in a line, and what a reader would want to know. */
#include "io/table_notice.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/memory.h"
#include "base/status.h"
#include "io/schema_columns.h"

/* ---- the notice ---------------------------------------------------------------------------------------- */

static void add_features(struct notice *text, const struct table_rows *rows)
{
    size_t counts[4] = { 0 }, ignored = 0;
    const char *before = "; ";
    for (size_t c = 0; c < rows->file.columns; c++) {
        const struct cell_column *column = &rows->columns[c];
        counts[column->kind] += column->role == MLP_ROLE_FEATURE;
        ignored += column->role == MLP_ROLE_IGNORED;
    }
    for (int kind = 0; kind < 4; kind++) {
        if (counts[kind] > 0) {
            notice_add(text, "%s%zu %s", before, counts[kind], mlp_column_kind_name((mlp_column_kind)kind));
            before = ", ";
        }
    }
    notice_add(text, " features");
    if (ignored > 0) {
        notice_add(text, "; %zu column%s ignored", ignored, ignored > 1 ? "s" : "");
    }
}

static void add_label(struct notice *text, const struct table_rows *rows, const struct mlp_schema *schema)
{
    static const char *const what[] = {
        [MLP_TARGET_NONE] = "",
        [MLP_TARGET_CLASSES] = "",
        [MLP_TARGET_NUMBERS] = ", a number",
        [MLP_TARGET_FLAGS] = ", 0 or 1",
    };
    size_t shown = 0;
    for (size_t c = 0; c < rows->file.columns && shown < 4; c++) {
        const struct cell_column *column = &rows->columns[c];
        if (column->role != MLP_ROLE_LABEL) {
            continue;
        }
        shown++;
        if (column->name != NULL) {
            notice_add(text, "; label '%.64s' (column %zu)%s", column->name, c + 1, what[schema->target]);
        } else {
            notice_add(text, "; label in column %zu%s", c + 1, what[schema->target]);
        }
    }
    if (shown > 0 && schema->target == MLP_TARGET_CLASSES) {
        notice_add(text, ", %zu class%s", mlp_schema_class_count(schema),
                   mlp_schema_class_count(schema) == 1 ? "" : "es");
    }
    if (schema->target_count > shown && shown > 0) {
        notice_add(text, " and %zu more", schema->target_count - shown);
    }
}

static void add_notice(struct notice *text, const struct table_rows *rows, const struct mlp_schema *schema)
{
    char delimiter[4];
    notice_add(text, "%zu samples", rows->table.rows);
    add_features(text, rows);
    add_label(text, rows, schema);
    notice_add(text, "; %s; delimiter %s", rows->file.header ? "header" : "no header",
               table_delimiter_name(rows->file.style.delimiter, delimiter));
    if (rows->file.style.comma) {
        notice_add(text, "; decimal comma");
    }
    if (rows->dropped > 0) {
        notice_add(text, "; %zu row%s with missing values left out", rows->dropped,
                   rows->dropped == 1 ? "" : "s");
    }
}

mlp_status table_describe(struct table_rows *rows, const struct mlp_schema *schema,
                          const struct schema_slot *slots, struct storage *storage)
{
    struct notice notice = { 0 }, warnings = { 0 };
    add_notice(&notice, rows, schema);
    const mlp_status looked = table_warn(&warnings, rows, schema, slots);
    const mlp_status status = notice_keep(&notice, &storage->notice);
    const mlp_status other = notice_keep(&warnings, &storage->warnings);
    TRY(looked);
    return status != MLP_OK ? status : other;
}
