/* Texts by number, and numbers by text. */
#include "base/text_pool.h"

#include <string.h>

#include "base/memory.h"
#include "base/platform.h"
#include "base/status.h"

/* ---- a list -------------------------------------------------------------------------------------------- */

mlp_status text_list_append(struct text_list *list, const char *text)
{
    const uint32_t offset = (uint32_t)list->bytes.count;
    FAIL_IF(list->bytes.count > UINT32_MAX, MLP_ERROR_MEMORY, "out of memory: more than 4 GiB of texts");
    TRY(array_append(&list->bytes, text, strlen(text) + 1, 1));
    const mlp_status status = array_append(&list->offsets, &offset, 1, sizeof offset);
    if (status != MLP_OK) {
        list->bytes.count = offset;
    }
    return status;
}

void text_list_remove(struct text_list *list, size_t index)
{
    uint32_t *offsets = list->offsets.items;
    list->offsets.count--;
    memmove(offsets + index, offsets + index + 1, (list->offsets.count - index) * sizeof *offsets);
}

void text_list_free(struct text_list *list)
{
    array_free(&list->bytes);
    array_free(&list->offsets);
}

/* ---- hashing ------------------------------------------------------------------------------------------- */

static uint64_t rotate(uint64_t value, unsigned count)
{
    return value << count | value >> (64 - count);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t size)
{
    uint64_t v[4] = { key[0] ^ 0x736F6D6570736575u, key[1] ^ 0x646F72616E646F6Du,
                      key[0] ^ 0x6C7967656E657261u, key[1] ^ 0x7465646279746573u };
    const unsigned char *next = bytes, *last = next + size - size % 8;
    unsigned char rest[8] = { 0 };
    for (; next < last; next += sizeof rest) {
        sip_word(v, read_little_endian_64(next));
    }
    memcpy(rest, last, size % 8);
    sip_word(v, read_little_endian_64(rest) | (uint64_t)size << 56);
    v[2] ^= 0xFF;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Random bytes; where the system has none, an address must do. */
static void process_key(uint64_t key[2])
{
    key[0] = (uint64_t)(uintptr_t)&key;
    key[1] = (uint64_t)(uintptr_t)&process_key;
    platform_random_bytes(key, 2 * sizeof key[0]);
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* The slot that holds the text, or the free one where it belongs. There is one: at most half are taken. */
static size_t find_slot(const struct text_pool *pool, const char *text)
{
    size_t slot = (size_t)siphash(pool->key, text, strlen(text)) & (pool->slot_count - 1);
    while (pool->slots[slot] != 0 && strcmp(text_list_get(&pool->texts, pool->slots[slot] - 1), text) != 0) {
        slot = (slot + 1) & (pool->slot_count - 1);
    }
    return slot;
}

static mlp_status grow_slots(struct text_pool *pool)
{
    const size_t count = pool->slot_count > 0 ? 2 * pool->slot_count : 64;
    uint32_t *slots = memory_allocate(count, sizeof *slots);
    REQUIRE_MEMORY(slots);
    memory_free(pool->slots);
    process_key(pool->key);
    pool->slots = slots;
    pool->slot_count = count;
    for (size_t i = 0; i < text_list_count(&pool->texts); i++) {
        slots[find_slot(pool, text_list_get(&pool->texts, i))] = (uint32_t)(i + 1);
    }
    return MLP_OK;
}

size_t text_pool_find(const struct text_pool *pool, const char *text)
{
    if (pool->slot_count == 0) {
        return SIZE_MAX;
    }
    const uint32_t found = pool->slots[find_slot(pool, text)];
    return found != 0 ? found - 1 : SIZE_MAX;
}

mlp_status text_pool_add(struct text_pool *pool, const char *text, size_t *number)
{
    const size_t count = text_list_count(&pool->texts);
    if (2 * (count + 1) > pool->slot_count) {
        TRY(grow_slots(pool));
    }
    const size_t slot = find_slot(pool, text);
    if (pool->slots[slot] != 0) {
        *number = pool->slots[slot] - 1;
        return MLP_OK;
    }
    FAIL_IF(count >= UINT32_MAX - 1, MLP_ERROR_MEMORY, "more than %zu different texts", count);
    TRY(text_list_append(&pool->texts, text));
    pool->slots[slot] = (uint32_t)(count + 1);
    *number = count;
    return MLP_OK;
}

void text_pool_free(struct text_pool *pool)
{
    text_list_free(&pool->texts);
    memory_free(pool->slots);
    *pool = (struct text_pool){ 0 };
}
