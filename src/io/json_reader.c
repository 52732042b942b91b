/* Reading JSON of untrusted files, with yajl, which allocates through functions of ours and does not look
 * whether they fail: all it can ask for is reserved before it begins. */
#include "io/json_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/assert.h"
#include "base/escape.h"
#include "base/memory.h"
#include "base/status.h"
#include "io/csv_number.h"

enum { MAX_DEPTH = 32, ALIGNMENT = 16, FIXED_POOL = 16384 };

/* ---- what a text needs --------------------------------------------------------------------------------- */

struct needs {
    size_t nodes;  /* at most */
    size_t buffer; /* bytes of the longest text with escapes, and of a token that the end cuts off */
};

/* The length of the text literal at `text`, both quotes included; up to the end where it has none. */
static size_t literal_length(const char *text, size_t length, bool *escapes)
{
    *escapes = false;
    for (size_t i = 1; i < length; i++) {
        if (text[i] == '"') {
            return i + 1;
        }
        if (text[i] == '\\') {
            *escapes = true;
            i++;
        }
    }
    return length;
}

static const char blanks[] = " \t\r\n", signs[] = ",:]}";

/* Bytes that the token at `text`, which is not empty, takes: one blank, sign or bracket, or all of a
 * word or literal. */
static size_t token_length(const char *text, size_t length, bool *escapes)
{
    static const char ends[] = " \t\r\n,:[]{}\"";
    size_t i = 1;
    *escapes = false;
    if (text[0] == '"') {
        return literal_length(text, length, escapes);
    }
    if (strchr("[]{},: \t\r\n", text[0]) != NULL) {
        return 1;
    }
    while (i < length && strchr(ends, text[i]) == NULL) {
        i++;
    }
    return i;
}

/* Every value and key is a token or begins with one. */
static struct needs needs_of(const char *text, size_t length)
{
    struct needs needs = { 0 };
    size_t longest = 0, last = 0; /* bytes; where the last token begins */
    for (size_t i = 0; i < length;) {
        bool escapes;
        const size_t step = token_length(text + i, length - i, &escapes);
        if (strchr(blanks, text[i]) == NULL) {
            needs.nodes += strchr(signs, text[i]) == NULL;
            longest = escapes && step > longest ? step : longest;
            last = i;
        }
        i += step;
    }
    needs.buffer = longest + (length - last);
    return needs;
}

/* ---- yajl's memory ------------------------------------------------------------------------------------- */

/* A block of the pool begins with its size. Only the last one grows in place, and none is given back. */
struct pool {
    char *bytes;
    size_t size, used, last; /* last: where the last block begins */
};

static void *pool_allocate(void *context, size_t size)
{
    struct pool *pool = context;
    const size_t room = size_round_up(size, ALIGNMENT) + ALIGNMENT;
    MLP_ASSERT(room <= pool->size - pool->used);
    char *block = pool->bytes + pool->used;
    memcpy(block, &size, sizeof size);
    pool->last = pool->used;
    pool->used += room;
    return block + ALIGNMENT;
}

static void *pool_resize(void *context, void *pointer, size_t size)
{
    struct pool *pool = context;
    size_t old;
    if (pointer == NULL) {
        return pool_allocate(context, size);
    }
    char *block = (char *)pointer - ALIGNMENT;
    memcpy(&old, block, sizeof old);
    if (block == pool->bytes + pool->last) {
        pool->used = pool->last;
        return pool_allocate(context, size);
    }
    return memcpy(pool_allocate(context, size), pointer, old < size ? old : size);
}

static void pool_free(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

/* Of yajl 2.1: its handle, lexer, two buffers' heads and 128 bytes for states, all small; a buffer for
 * texts with escapes and one for a token that the end of the text cuts off. Each begins with 2048 bytes,
 * doubles until it has more room than it needs, and is the last block when it grows: the second comes
 * after the last text. */
static mlp_status pool_reserve(struct pool *pool, const struct needs *needs)
{
    pool->size = 2 * needs->buffer + FIXED_POOL;
    pool->bytes = memory_allocate(pool->size, 1);
    return pool->bytes != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

/* ---- from yajl's events to nodes ----------------------------------------------------------------------- */

struct builder {
    yajl_handle parser;
    char *text;
    struct json_node *nodes;
    size_t count, room;
    size_t open[MAX_DEPTH]; /* indices of the containers around */
    size_t depth;
    bool after_key;
    locale_t locale;
    const char *reason; /* why the events were stopped, or NULL */
};

static int stop(struct builder *builder, const char *reason)
{
    builder->reason = reason;
    return 0;
}

static struct json_node *add(struct builder *builder, enum node_type type)
{
    MLP_ASSERT(builder->count < builder->room);
    struct json_node *node = &builder->nodes[builder->count++];
    *node = (struct json_node){ .type = type, .span = 1 };
    if (builder->depth > 0 && !builder->after_key) {
        builder->nodes[builder->open[builder->depth - 1]].count++;
    }
    builder->after_key = false;
    return node;
}

static int add_null(void *context)
{
    add(context, NODE_NULL);
    return 1;
}

static int add_flag(void *context, int value)
{
    add(context, value != 0 ? NODE_TRUE : NODE_FALSE);
    return 1;
}

static int add_number(void *context, const char *text, size_t length)
{
    struct builder *builder = context;
    struct json_node *node = add(builder, NODE_INTEGER);
    bool whole = true;
    for (size_t i = 0; i < length; i++) {
        whole = whole && text[i] != '.' && text[i] != 'e' && text[i] != 'E';
    }
    errno = 0;
    if (!whole) {
        node->type = NODE_REAL;
        node->real = platform_read_double(text, builder->locale); /* another letter follows, or yajl's NUL */
        return errno != ERANGE || (node->real < 1.0 && node->real > -1.0)
                   ? 1
                   : stop(builder, "a number is beyond double precision");
    }
    node->integer = strtoll(text, NULL, 10);
    return errno == 0 ? 1 : stop(builder, "a whole number is beyond 64 bits");
}

/* The text's place is that of its literal, which has been read, and is as long at least: a decoded one is
 * put to its end, before the quote that becomes its NUL. */
static int add_text(void *context, const unsigned char *text, size_t length)
{
    struct builder *builder = context;
    char *quote = builder->text + yajl_get_bytes_consumed(builder->parser) - 1;
    memmove(quote - length, text, length);
    *quote = '\0';
    add(builder, NODE_TEXT)->text = quote - length;
    return memchr(quote - length, '\0', length) == NULL ? 1 : stop(builder, "a text holds a NUL");
}

static int add_key(void *context, const unsigned char *text, size_t length)
{
    struct builder *builder = context;
    const int goes_on = add_text(context, text, length);
    builder->after_key = true;
    return goes_on;
}

static int begin(struct builder *builder, enum node_type type)
{
    if (builder->depth == MAX_DEPTH) {
        return stop(builder, "it is nested more than 32 deep");
    }
    const size_t place = builder->count;
    add(builder, type);
    builder->open[builder->depth++] = place;
    return 1;
}

static int begin_object(void *context)
{
    return begin(context, NODE_OBJECT);
}

static int begin_array(void *context)
{
    return begin(context, NODE_ARRAY);
}

static int end_container(void *context)
{
    struct builder *builder = context;
    const size_t place = builder->open[--builder->depth];
    builder->nodes[place].span = (uint32_t)(builder->count - place);
    return 1;
}

static const yajl_callbacks events = {
    .yajl_null = add_null,
    .yajl_boolean = add_flag,
    .yajl_number = add_number,
    .yajl_string = add_text,
    .yajl_start_map = begin_object,
    .yajl_map_key = add_key,
    .yajl_end_map = end_container,
    .yajl_start_array = begin_array,
    .yajl_end_array = end_container,
};

/* ---- keys ---------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key that an object has twice, or NULL. `keys` has room for those of the largest object. */
static const char *repeated_key(const struct json_document *document, const char **keys)
{
    for (size_t i = 0; i < document->count; i++) {
        const struct json_node *object = &document->nodes[i];
        if (object->type == NODE_OBJECT) {
            const struct json_node *key = node_first(object);
            for (size_t k = 0; k < object->count; k++, key = node_next(key + 1)) {
                keys[k] = key->text;
            }
            qsort(keys, object->count, sizeof *keys, by_text);
            for (size_t k = 1; k < object->count; k++) {
                if (strcmp(keys[k - 1], keys[k]) == 0) {
                    return keys[k];
                }
            }
        }
    }
    return NULL;
}

static mlp_status check_keys(const char *path, const char *what, const struct json_document *document)
{
    size_t most = 0;
    for (size_t i = 0; i < document->count; i++) {
        const struct json_node *node = &document->nodes[i];
        most = node->type == NODE_OBJECT && node->count > most ? node->count : most;
    }
    const char **keys = memory_allocate(most, sizeof *keys);
    REQUIRE_MEMORY(keys);
    const char *key = repeated_key(document, keys);
    memory_free(keys);
    return key == NULL ? MLP_OK : fail(MLP_ERROR_FORMAT, "%s: %s has a key twice: %.64s", path, what, key);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static bool is_utf8(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        const size_t step = utf8_length(text + i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

static mlp_status parse(const char *path, const char *what, char *text, size_t length, struct pool *pool,
                        struct builder *builder)
{
    yajl_alloc_funcs functions = { pool_allocate, pool_resize, pool_free, pool };
    builder->parser = yajl_alloc(&events, &functions, builder);
    yajl_config(builder->parser, yajl_dont_validate_strings, 1); /* they are validated */
    yajl_status status = yajl_parse(builder->parser, (const unsigned char *)text, length);
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(builder->parser);
    }
    if (status == yajl_status_ok) {
        return MLP_OK;
    }
    FAIL_IF(builder->reason != NULL, MLP_ERROR_FORMAT, "%s: %s is not JSON: %s", path, what, builder->reason);
    const char *reason = (const char *)yajl_get_error(builder->parser, 0, NULL, 0);
    return fail(MLP_ERROR_FORMAT, "%s: %s is not JSON: %.*s", path, what, (int)strcspn(reason, "\n"), reason);
}

mlp_status json_read(const char *path, const char *what, char *text, size_t length,
                     struct json_document *document)
{
    const struct needs needs = needs_of(text, length);
    struct pool pool = { 0 };
    struct builder builder = { .text = text, .room = needs.nodes };
    *document = (struct json_document){ 0 };
    text[length] = '\0';
    FAIL_IF(!is_utf8(text, length), MLP_ERROR_FORMAT, "%s: %s is not JSON: it is no UTF-8", path, what);
    TRY(number_locale(&builder.locale));
    builder.nodes = document->nodes = memory_allocate(needs.nodes, sizeof *document->nodes);
    mlp_status status = builder.nodes != NULL ? pool_reserve(&pool, &needs) : MLP_ERROR_MEMORY;
    if (status == MLP_OK) {
        status = parse(path, what, text, length, &pool, &builder);
        document->count = builder.count;
    }
    memory_free(pool.bytes);
    platform_free_locale(builder.locale);
    return status == MLP_OK ? check_keys(path, what, document) : status;
}

void json_document_free(struct json_document *document)
{
    memory_free(document->nodes);
    *document = (struct json_document){ 0 };
}

/* ---- values -------------------------------------------------------------------------------------------- */

const struct json_node *node_member(const struct json_node *object, const char *key)
{
    if (object == NULL || object->type != NODE_OBJECT) {
        return NULL;
    }
    const struct json_node *member = node_first(object);
    for (size_t i = 0; i < object->count; i++, member = node_next(member + 1)) {
        if (strcmp(member->text, key) == 0) {
            return member + 1;
        }
    }
    return NULL;
}

const char *node_text(const struct json_node *value)
{
    return value != NULL && value->type == NODE_TEXT ? value->text : NULL;
}

bool node_real(const struct json_node *value, double *real)
{
    if (value == NULL || (value->type != NODE_REAL && value->type != NODE_INTEGER)) {
        return false;
    }
    *real = value->type == NODE_REAL ? value->real : (double)value->integer;
    return true;
}

bool node_whole(const struct json_node *value, size_t *whole)
{
    if (value == NULL || value->type != NODE_INTEGER || value->integer < 0) {
        return false;
    }
    *whole = size_from((uint64_t)value->integer);
    return true;
}
