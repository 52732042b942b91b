/* A table's file: records of fields, of which the first ones, the head, are looked at before all are read. */
#ifndef IO_TABLE_FILE_H
#define IO_TABLE_FILE_H

#include "io/csv_reader.h"
#include "io/table_cell.h"
#include "io/table_style.h"

struct table_file {
    const char *path;
    struct byte_reader *bytes;
    struct csv_reader csv;
    struct table_style style;
    struct cell_style cells;
    size_t columns;         /* fields of a record, without an empty one behind a last delimiter */
    bool trails;            /* there is one */
    bool header;            /* the first record was taken for names */
    bool marked;            /* they stand behind a '#' */
    struct text_list names; /* of the columns, with a header */
    struct text_pool index; /* the first record's fields ... */
    struct array places;    /* ... size_t: and their columns; SIZE_MAX: there are several */
    struct text_list head;  /* the first records' fields, `columns` each */
    struct array lines;     /* size_t: their lines */
    size_t head_next;       /* of them, the next to be read */
    bool in_head;           /* the record that was read last is one of them */
    bool ended;             /* there are no others */
};

/* Opens a file and reads its head. table_file_close() in any case. `missing_words` and `label_word` are
 * borrowed. Errors: as csv_next(); FORMAT for a file without records. */
mlp_status table_file_open(const char *path, const mlp_table_options *options,
                           const struct text_list *missing_words, const char *label_word,
                           struct table_file *file);
void table_file_close(struct table_file *file);

/* Records of the head that are still to be read. */
static inline size_t table_head_count(const struct table_file *file)
{
    return file->lines.count - file->head_next;
}
/* A field of one of them. */
static inline const char *table_head_field(const struct table_file *file, size_t record, size_t column)
{
    return text_list_get(&file->head, (file->head_next + record) * file->columns + column);
}

/* Decides whether the first record names the columns, and takes it then. `option`: that of
 * mlp_table_options; `known`: `count` names of which it would hold most. */
mlp_status table_take_header(struct table_file *file, int option, const char *const *known, size_t count);

/* The column of a name, SIZE_MAX where there is none. ARGUMENT where there are several. */
mlp_status table_column_named(const struct table_file *file, const char *name, size_t *column);
/* The column that a text speaks of: a name of the header, or else a number from 0, or "last". ARGUMENT where
 * there is no such column. */
mlp_status table_find_column(const struct table_file *file, const char *text, size_t *column);

/* Reads the next record. Blank lines, and comments, which begin with '#' and have another number of fields,
 * are left out. Errors: FORMAT for another number of fields; as csv_next(). */
mlp_status table_next(struct table_file *file, bool *found);
/* A field of the record that was read last. */
static inline const char *table_field(const struct table_file *file, size_t column)
{
    return file->in_head ? text_list_get(&file->head, (file->head_next - 1) * file->columns + column)
                         : csv_field_text(&file->csv, column);
}
/* Its line. */
static inline size_t table_line(const struct table_file *file)
{
    return file->in_head ? ((const size_t *)file->lines.items)[file->head_next - 1] : file->csv.line;
}

/* Puts "FILE: line 3, column 4 (name): " before the error text. */
mlp_status table_fail_at(const struct table_file *file, size_t column, mlp_status status);

#endif
