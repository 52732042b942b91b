/* ZIP archives (PKWARE's APPNOTE 6.3): an end record, which says where the table of members is, the table,
 * and before the bytes of each member a header of its own. zlib does the unpacking; a library for archives
 * would allocate past base/memory.h and bring methods and encryption that numpy does not write. */
#include "io/zip.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number_bits.h"
#include "base/read_at.h"
#include "base/status.h"
#include "io/unpacked_file.h"

enum {
    END_SIZE = 22,
    END_LOCATOR_SIZE = 20,
    END_64_SIZE = 56,
    LONGEST_COMMENT = 65535,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    EXTRA_64 = 1, /* sizes and offsets of 8 bytes */
    ENCRYPTED = 1,
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8
};

static uint32_t two(const unsigned char *bytes)
{
    return (uint32_t)bits_of_bytes(bytes, 2, false);
}

static uint32_t four(const unsigned char *bytes)
{
    return little_endian_32(bytes);
}

static mlp_status bad(const struct zip *zip, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: ZIP archive: %s", zip->path, what);
}

static mlp_status read_bytes(const struct zip *zip, size_t offset, void *bytes, size_t size)
{
    if (offset > zip->size || size > zip->size - offset) {
        return bad(zip, "it is truncated");
    }
    FAIL_IF(read_at(zip->descriptor, offset, bytes, size) < size, MLP_ERROR_IO, "%s: cannot read: %s",
            zip->path, errno != 0 ? strerror(errno) : "it has become shorter");
    return MLP_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

struct table_place {
    uint64_t offset, size;
};

/* Large archives have a second end record, before the first, which says where. */
static mlp_status find_table_64(const struct zip *zip, size_t end, struct table_place *place)
{
    unsigned char locator[END_LOCATOR_SIZE], record[END_64_SIZE];
    if (end < END_LOCATOR_SIZE) {
        return bad(zip, "its end is damaged");
    }
    TRY(read_bytes(zip, end - END_LOCATOR_SIZE, locator, sizeof locator));
    if (memcmp(locator, "PK\6\7", 4) != 0) {
        return bad(zip, "its end is damaged");
    }
    TRY(read_bytes(zip, size_from(little_endian_64(locator + 8)), record, sizeof record));
    if (memcmp(record, "PK\6\6", 4) != 0) {
        return bad(zip, "its end is damaged");
    }
    *place = (struct table_place){ little_endian_64(record + 48), little_endian_64(record + 40) };
    return MLP_OK;
}

static mlp_status find_table(const struct zip *zip, const unsigned char *tail, size_t size,
                             struct table_place *place)
{
    for (size_t at = size - END_SIZE + 1; at-- > 0;) {
        const unsigned char *end = tail + at;
        if (memcmp(end, "PK\5\6", 4) != 0 || two(end + 20) != size - at - END_SIZE) {
            continue;
        }
        *place = (struct table_place){ four(end + 16), four(end + 12) };
        return place->offset == UINT32_MAX || place->size == UINT32_MAX || two(end + 10) == UINT16_MAX
                   ? find_table_64(zip, zip->size - size + at, place)
                   : MLP_OK;
    }
    return bad(zip, "it has no end: is it truncated?");
}

static mlp_status read_end(const struct zip *zip, struct table_place *place)
{
    const size_t most = END_SIZE + LONGEST_COMMENT, size = zip->size < most ? zip->size : most;
    if (size < END_SIZE) {
        return bad(zip, "it is truncated");
    }
    unsigned char *tail = memory_allocate(size, 1);
    REQUIRE_MEMORY(tail);
    mlp_status status = read_bytes(zip, zip->size - size, tail, size);
    status = status == MLP_OK ? find_table(zip, tail, size, place) : status;
    memory_free(tail);
    return status;
}

/* ---- members ------------------------------------------------------------------------------------------- */

/* Replaces what did not fit 4 bytes by what the extra field has. */
static mlp_status widen(const struct zip *zip, const unsigned char *extra, size_t size, size_t *wide[3])
{
    while (size >= 4) {
        size_t length = two(extra + 2);
        if (length > size - 4) {
            return bad(zip, "an extra field is damaged");
        }
        const unsigned char *value = extra + 4;
        extra += 4 + length;
        size -= 4 + length;
        if (two(value - 4) != EXTRA_64) {
            continue;
        }
        for (int i = 0; i < 3; i++) {
            if (*wide[i] != UINT32_MAX) {
                continue;
            }
            if (length < 8) {
                return bad(zip, "an extra field is damaged");
            }
            *wide[i] = size_from(little_endian_64(value));
            value += 8;
            length -= 8;
        }
    }
    return MLP_OK;
}

/* `entry`: `left` bytes of the table, of which it takes *size. */
static mlp_status add_entry(struct zip *zip, const unsigned char *entry, size_t left, size_t *size)
{
    char name[UINT16_MAX + 1];
    if (left < ENTRY_SIZE || memcmp(entry, "PK\1\2", 4) != 0) {
        return bad(zip, "its table is damaged");
    }
    const size_t name_size = two(entry + 28), extra_size = two(entry + 30);
    *size = ENTRY_SIZE + name_size + extra_size + two(entry + 32);
    if (*size > left) {
        return bad(zip, "its table is damaged");
    }
    struct zip_entry made = { .readable = (two(entry + 8) & ENCRYPTED) == 0 };
    const uint32_t method = two(entry + 10);
    made.readable = made.readable && (method == METHOD_STORED || method == METHOD_DEFLATED);
    made.range = (struct byte_range){ .offset = four(entry + 42),
                                      .packed = four(entry + 20),
                                      .unpacked = four(entry + 24),
                                      .checksum = four(entry + 16),
                                      .deflated = method == METHOD_DEFLATED };
    TRY(widen(zip, entry + ENTRY_SIZE + name_size, extra_size,
              (size_t *[3]){ &made.range.unpacked, &made.range.packed, &made.range.offset }));
    memcpy(name, entry + ENTRY_SIZE, name_size);
    name[name_size] = '\0';
    TRY(text_list_append(&zip->names, name));
    return array_append(&zip->entries, &made, 1, sizeof made);
}

static mlp_status read_table(struct zip *zip)
{
    struct table_place place = { 0 };
    TRY(read_end(zip, &place));
    if (place.size > zip->size || place.offset > zip->size - place.size) {
        return bad(zip, "its table is beyond its end");
    }
    const size_t size = (size_t)place.size;
    unsigned char *table = memory_allocate(size, 1);
    REQUIRE_MEMORY(table);
    mlp_status status = read_bytes(zip, (size_t)place.offset, table, size);
    for (size_t at = 0, taken = 0; at < size && status == MLP_OK; at += taken) {
        status = add_entry(zip, table + at, size - at, &taken);
    }
    memory_free(table);
    return status;
}

static mlp_status copy_whole(struct byte_reader *reader, struct unpacked_file *file, size_t *size)
{
    unsigned char bytes[1 << 14];
    size_t got = sizeof bytes;
    for (*size = 0; got == sizeof bytes; *size += got) {
        TRY(byte_reader_read(reader, bytes, sizeof bytes, &got));
        TRY(unpacked_file_append(file, bytes, got));
    }
    return MLP_OK;
}

/* An archive is read from its end: what cannot be, a pipe or a packed file, goes through a temporary file. */
static mlp_status copy_to_file(struct byte_reader *reader, const char *folder, struct zip *zip)
{
    struct unpacked_file file;
    mlp_status status = unpacked_file_create(zip->path, folder, &file);
    status = status == MLP_OK ? copy_whole(reader, &file, &zip->size) : status;
    status = status == MLP_OK ? unpacked_file_take(&file, &zip->descriptor) : status;
    unpacked_file_close(&file);
    return status;
}

mlp_status zip_open(struct byte_reader *reader, const char *folder, struct zip *zip)
{
    *zip = (struct zip){ .path = byte_reader_path(reader) };
    zip->descriptor = byte_reader_regular_file(reader, &zip->size);
    if (zip->descriptor < 0) {
        TRY(copy_to_file(reader, folder, zip));
    }
    return read_table(zip);
}

void zip_close(struct zip *zip)
{
    if (zip->descriptor >= 0) {
        close(zip->descriptor);
    }
    text_list_free(&zip->names);
    array_free(&zip->entries);
}

size_t zip_find(const struct zip *zip, const char *name)
{
    for (size_t i = 0; i < text_list_count(&zip->names); i++) {
        if (strcmp(text_list_get(&zip->names, i), name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

mlp_status zip_open_member(const struct zip *zip, size_t member, const char *name, size_t unpack_limit,
                           struct byte_reader **reader)
{
    const struct zip_entry *entry = (const struct zip_entry *)zip->entries.items + member;
    struct byte_range range = entry->range;
    unsigned char local[LOCAL_SIZE];
    *reader = NULL;
    FAIL_IF(!entry->readable, MLP_ERROR_UNSUPPORTED,
            "%s: is encrypted or packed by another method than deflate", name);
    TRY(read_bytes(zip, range.offset, local, sizeof local));
    if (memcmp(local, "PK\3\4", 4) != 0) {
        return bad(zip, "a member is not where its table says");
    }
    range.offset += LOCAL_SIZE + two(local + 26) + two(local + 28);
    if (range.offset > zip->size || range.packed > zip->size - range.offset) {
        return bad(zip, "a member is beyond its end");
    }
    return byte_reader_open_range(name, zip->descriptor, &range, unpack_limit, reader);
}
