/* What the reader of a table would want to know. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/table_notice.h"

enum { SAMPLES_OF_A_LEVEL = 5, FEW_VALUES = 32 };

#define LEAK "%s determines the label: is it known when the model is used?"

struct looking {
    struct notice *warnings;
    struct table_rows *rows;
    const struct mlp_schema *schema;
    const struct schema_slot *slots;
    size_t constants, first_constant; /* columns of one value */
};

/* "column 'age' (3)", or "column 3". */
static const char *name_of(const struct looking *l, size_t c, char text[128])
{
    const char *name = l->schema->columns[c].name;
    if (name != NULL && name[0] != '\0') {
        snprintf(text, 128, "column '%.64s'", name);
    } else {
        snprintf(text, 128, "column %zu", c + 1);
    }
    return text;
}

/* ---- a column ------------------------------------------------------------------------------------------ */

/* What a pass over a column's cells finds. */
struct column_facts {
    size_t unseen; /* levels that the schema has not */
    bool constant;
};

static bool is_same(const struct schema_column *column, union cell a, union cell b)
{
    return schema_has_levels(column) ? a.level == b.level
                                     : a.number == b.number || (isnan(a.number) && isnan(b.number));
}

static mlp_status look_at(const struct looking *l, size_t c, struct column_facts *facts)
{
    const struct schema_column *column = &l->schema->columns[c];
    struct table *table = &l->rows->table;
    const union cell *rows;
    union cell first = { 0 };
    size_t count = 1;
    *facts = (struct column_facts){ .constant = table->rows > 1 };
    const bool levels = schema_has_levels(column);
    for (size_t block = 0; count > 0 && (levels || facts->constant); block++) {
        TRY(table_block(table, block, &rows, &count));
        for (size_t r = 0; r < count && (levels || facts->constant); r++) {
            const union cell cell = rows[r * table->width + l->slots[c].cell];
            first = block == 0 && r == 0 ? cell : first;
            facts->constant &= is_same(column, cell, first);
            facts->unseen += levels && cell.level == LEVEL_UNSEEN;
        }
    }
    return MLP_OK;
}

static mlp_status warn_of_column(struct looking *l, size_t c, bool learnt)
{
    struct column_facts facts;
    char text[128];
    TRY(look_at(l, c, &facts));
    if (facts.unseen > 0) {
        notice_line(l->warnings,
                    "%s: %zu of %zu values are levels that the training data did not have, and count as none "
                    "of them",
                    name_of(l, c, text), facts.unseen, l->rows->table.rows);
    }
    if (!learnt) {
        return MLP_OK;
    }
    if (facts.constant) {
        l->first_constant = l->constants == 0 ? c : l->first_constant;
        l->constants++;
    }
    const char *name = l->schema->columns[c].name;
    if (l->rows->columns[c].counts && (c == 0 || name == NULL || name[0] == '\0')) {
        notice_line(l->warnings, "%s counts 0, 1, 2, ...: where it is an index, leave it out by --ignore %zu",
                    name_of(l, c, text), c);
    }
    return MLP_OK;
}

/* One line for all of them: pictures have many. */
static void warn_of_constants(const struct looking *l)
{
    char text[128];
    if (l->constants == 1) {
        notice_line(l->warnings, "%s has one value only, from which nothing is learnt",
                    name_of(l, l->first_constant, text));
    } else if (l->constants > 1) {
        notice_line(l->warnings,
                    "%zu columns, of which %s is the first, have one value only, from which nothing is "
                    "learnt",
                    l->constants, name_of(l, l->first_constant, text));
    }
}

/* ---- features and the label ---------------------------------------------------------------------------- */

/* Whether every level goes with one class alone. `class_of`: room for the levels. */
static mlp_status determines(const struct looking *l, size_t c, size_t label, uint32_t *class_of, bool *found)
{
    struct table *table = &l->rows->table;
    const union cell *rows;
    size_t count = 1;
    *found = true;
    for (size_t block = 0; count > 0 && *found; block++) {
        TRY(table_block(table, block, &rows, &count));
        for (size_t r = 0; r < count; r++) {
            const union cell *row = rows + r * table->width;
            const uint32_t level = row[l->slots[c].cell].level, class = row[l->slots[label].cell].level;
            if (level >= LEVEL_UNSEEN) {
                continue;
            }
            *found &= class_of[level] == 0 || class_of[level] == class + 1;
            class_of[level] = class + 1;
        }
    }
    return MLP_OK;
}

/* The same of a number of few values. */
static mlp_status number_determines(const struct looking *l, size_t c, size_t label, bool *found)
{
    struct {
        float value;
        uint32_t class;
    } known[FEW_VALUES];
    struct table *table = &l->rows->table;
    const union cell *rows;
    size_t values = 0, count = 1;
    *found = true;
    for (size_t block = 0; count > 0 && *found; block++) {
        TRY(table_block(table, block, &rows, &count));
        for (size_t r = 0; r < count && *found; r++) {
            const union cell *row = rows + r * table->width;
            const float value = row[l->slots[c].cell].number;
            const uint32_t class = row[l->slots[label].cell].level;
            size_t k = 0;
            while (k < values && known[k].value != value) {
                k++;
            }
            if (k == values && values < FEW_VALUES && !isnan(value)) {
                known[values].value = value;
                known[values++].class = class;
            }
            *found = isnan(value) || (k < values && known[k].class == class);
        }
    }
    *found = *found && values > 1 && values <= table->rows / SAMPLES_OF_A_LEVEL;
    return MLP_OK;
}

static mlp_status warn_of_leaking_number(const struct looking *l, size_t c, size_t label)
{
    char text[128];
    bool found;
    if (mlp_schema_class_count(l->schema) < 2) {
        return MLP_OK;
    }
    TRY(number_determines(l, c, label, &found));
    if (found) {
        notice_line(l->warnings, LEAK, name_of(l, c, text));
    }
    return MLP_OK;
}

/* A text of few levels from which the class can be read off is likely to be made of it. */
static mlp_status warn_of_leak(const struct looking *l, size_t c, size_t label)
{
    const size_t levels = text_list_count(&l->rows->columns[c].levels->texts);
    char text[128];
    bool found = false;
    if (levels < 2 || mlp_schema_class_count(l->schema) < 2 ||
        levels > l->rows->table.rows / SAMPLES_OF_A_LEVEL) {
        return MLP_OK;
    }
    uint32_t *class_of = memory_allocate(levels, sizeof *class_of);
    REQUIRE_MEMORY(class_of);
    const mlp_status status = determines(l, c, label, class_of, &found);
    memory_free(class_of);
    if (status == MLP_OK && found) {
        notice_line(l->warnings, LEAK, name_of(l, c, text));
    }
    return status;
}

static void warn_of_classes(const struct looking *l)
{
    const size_t classes = mlp_schema_class_count(l->schema), rows = l->rows->table.rows;
    if (l->schema->target != MLP_TARGET_CLASSES) {
        return;
    }
    if (classes == 1 && rows > 1) {
        notice_line(l->warnings, "the label is the same in all rows: is --label right?");
    } else if (2 * classes > rows && rows > 4) {
        notice_line(l->warnings,
                    "the label has %zu different values in %zu rows: --regression, if it is a number to "
                    "predict",
                    classes, rows);
    }
}

mlp_status table_warn(struct notice *warnings, struct table_rows *rows, const struct mlp_schema *schema,
                      const struct schema_slot *slots)
{
    struct looking l = { warnings, rows, schema, slots, 0, 0 };
    size_t label = SIZE_MAX;
    bool learnt = false;
    for (size_t c = 0; c < schema->column_count; c++) {
        const bool is_class =
            schema->columns[c].role == MLP_ROLE_LABEL && schema->target == MLP_TARGET_CLASSES;
        label = is_class && slots[c].map != NULL ? c : label;
        learnt |= slots[c].learnt;
    }
    for (size_t c = 0; c < schema->column_count; c++) {
        if (schema->columns[c].role != MLP_ROLE_FEATURE) {
            continue;
        }
        TRY(warn_of_column(&l, c, learnt));
        if (label != SIZE_MAX && learnt) {
            TRY((schema_has_levels(&schema->columns[c]) ? warn_of_leak : warn_of_leaking_number)(&l, c,
                                                                                                 label));
        }
    }
    warn_of_constants(&l);
    if (learnt) {
        warn_of_classes(&l);
    }
    return MLP_OK;
}
