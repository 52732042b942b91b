/* A table that is being read: rows of cells, in blocks. */
#include "io/table.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/read_at.h"
#include "base/status.h"

mlp_status table_begin(struct table *table, size_t width, bool on_disk, const char *origin,
                       const char *folder)
{
    *table = (struct table){ .width = width, .on_disk = on_disk, .file.descriptor = -1, .descriptor = -1 };
    return on_disk ? unpacked_file_create(origin, folder, &table->file) : MLP_OK;
}

void table_free(struct table *table)
{
    union cell **blocks = table->blocks.items;
    for (size_t block = 0; block < table->blocks.count; block++) {
        memory_free(blocks[block]);
    }
    array_free(&table->blocks);
    if (table->on_disk) {
        unpacked_file_close(&table->file);
    }
    if (table->on_disk && table->descriptor >= 0) {
        close(table->descriptor);
    }
    *table = (struct table){ 0 };
}

/* ---- growing ------------------------------------------------------------------------------------------- */

union cell *table_room(struct table *table)
{
    union cell **blocks = table->blocks.items;
    const size_t block = table->on_disk ? 0 : table->rows / TABLE_BLOCK_ROWS;
    if (block == table->blocks.count) {
        size_t cells;
        union cell *made = NULL;
        if (size_multiply(table->width, TABLE_BLOCK_ROWS, &cells)) {
            made = memory_allocate(cells, sizeof *made);
        }
        if (made == NULL || array_append(&table->blocks, &made, 1, sizeof made) != MLP_OK) {
            memory_free(made);
            return NULL;
        }
        blocks = table->blocks.items;
    }
    return blocks[block] + table->rows % TABLE_BLOCK_ROWS * table->width;
}

static mlp_status write_block(struct table *table, size_t rows)
{
    return unpacked_file_append(&table->file, ((union cell **)table->blocks.items)[0],
                                rows * table->width * sizeof(union cell));
}

mlp_status table_keep(struct table *table)
{
    table->rows++;
    return table->on_disk && table->rows % TABLE_BLOCK_ROWS == 0 ? write_block(table, TABLE_BLOCK_ROWS)
                                                                 : MLP_OK;
}

mlp_status table_end(struct table *table)
{
    if (!table->on_disk) {
        return MLP_OK;
    }
    if (table->rows % TABLE_BLOCK_ROWS > 0) {
        TRY(write_block(table, table->rows % TABLE_BLOCK_ROWS));
    }
    table->block = SIZE_MAX;
    return unpacked_file_take(&table->file, &table->descriptor);
}

/* ---- looking ------------------------------------------------------------------------------------------- */

static mlp_status read_block(struct table *table, size_t block, size_t rows)
{
    char *bytes = ((char **)table->blocks.items)[0];
    const size_t row = table->width * sizeof(union cell), size = rows * row;
    const size_t got = read_at(table->descriptor, block * TABLE_BLOCK_ROWS * row, bytes, size);
    FAIL_IF(got < size, MLP_ERROR_IO, "the temporary file cannot be read: %s",
            errno == 0 ? "it has become shorter" : strerror(errno));
    table->block = block;
    return MLP_OK;
}

mlp_status table_block(struct table *table, size_t block, const union cell **rows, size_t *count)
{
    const size_t first = block * TABLE_BLOCK_ROWS, left = first < table->rows ? table->rows - first : 0;
    *count = left < TABLE_BLOCK_ROWS ? left : TABLE_BLOCK_ROWS;
    if (*count == 0) {
        return MLP_OK;
    }
    if (table->on_disk && table->block != block) {
        TRY(read_block(table, block, *count));
    }
    *rows = ((union cell **)table->blocks.items)[table->on_disk ? 0 : block];
    return MLP_OK;
}

void table_forget(struct table *table, size_t block)
{
    union cell **blocks = table->blocks.items;
    if (!table->on_disk) {
        memory_free(blocks[block]);
        blocks[block] = NULL;
    }
}
