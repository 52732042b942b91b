/* A table that is being read: rows of cells, in blocks, so that it grows without being moved and is freed as
 * it is used up; or in a temporary file, for one larger than memory. */
#ifndef IO_TABLE_H
#define IO_TABLE_H

#include "base/array.h"
#include "data/schema.h"
#include "io/unpacked_file.h"

enum { TABLE_BLOCK_ROWS = 4096 };

struct table {
    size_t width; /* cells of a row, ≥ 1 */
    size_t rows;
    struct array blocks; /* union cell *, each of TABLE_BLOCK_ROWS rows; on disk there is one */
    bool on_disk;
    struct unpacked_file file; /* of whole blocks, while it grows */
    int descriptor;            /* and afterwards; -1: not yet */
    size_t block;              /* that is in memory then */
};

/* An empty table; `folder` is that of unpacked_file_create(). table_free() in any case. */
mlp_status table_begin(struct table *table, size_t width, bool on_disk, const char *origin,
                       const char *folder);
void table_free(struct table *table);

/* Room for the row after the last; NULL when memory is short. */
union cell *table_room(struct table *table);
/* Counts that row. */
mlp_status table_keep(struct table *table);
/* After the last row. */
mlp_status table_end(struct table *table);

/* The rows of a block, from 0, and their number, which is 0 after the last block. Blocks are cheap in order.
 * IO. */
mlp_status table_block(struct table *table, size_t block, const union cell **rows, size_t *count);
/* Frees a block, which must not be looked at again. */
void table_forget(struct table *table, size_t block);

#endif
