/* Texts by number, and numbers by text: each text is kept once, in the order of its first appearance. */
#ifndef BASE_TEXT_POOL_H
#define BASE_TEXT_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

/* A list of texts that may repeat, one behind the other in one block. All 0: an empty list. */
struct text_list {
    struct array bytes;   /* char: NUL-terminated texts */
    struct array offsets; /* uint32_t: where each begins */
};

/* MLP_ERROR_MEMORY, also beyond 4 GiB of texts. */
mlp_status text_list_append(struct text_list *list, const char *text);
/* Takes an entry out of the list; those after it move up. */
void text_list_remove(struct text_list *list, size_t index);
void text_list_free(struct text_list *list);

static inline size_t text_list_count(const struct text_list *list)
{
    return list->offsets.count;
}

/* Valid until the next text is appended. */
static inline const char *text_list_get(const struct text_list *list, size_t index)
{
    return (const char *)list->bytes.items + ((const uint32_t *)list->offsets.items)[index];
}

/* A list of distinct texts with a hash table. All 0: an empty pool. At most UINT32_MAX − 1 texts. */
struct text_pool {
    struct text_list texts;
    uint32_t *slots;   /* 1 + number of a text; 0: free */
    size_t slot_count; /* a power of two, at least twice the number of texts; or 0 */
    uint64_t key[2];   /* of the hash */
};

/* The number of the text, or SIZE_MAX where the pool has it not. Expected time O(length), whatever texts were
 * chosen: they are hashed by SipHash-2-4 under a key that differs from process to process. */
size_t text_pool_find(const struct text_pool *pool, const char *text);

/* The number of the text, which is added at the end where the pool has it not. MLP_ERROR_MEMORY. */
mlp_status text_pool_add(struct text_pool *pool, const char *text, size_t *number);

void text_pool_free(struct text_pool *pool);

/* SipHash-2-4 of `size` bytes (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). */
uint64_t siphash(const uint64_t key[2], const void *bytes, size_t size);

#endif
