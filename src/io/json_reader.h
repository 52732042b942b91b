/* Reading JSON of untrusted files: one pass, no allocation for each value, all memory reserved before it.
 *
 * A document is an array of nodes of 16 bytes in the order of the text, one for each value and key; texts
 * stay where they were read. */
#ifndef IO_JSON_READER_H
#define IO_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/status.h>

enum node_type {
    NODE_NULL,
    NODE_FALSE,
    NODE_TRUE,
    NODE_INTEGER,
    NODE_REAL,
    NODE_TEXT,
    NODE_ARRAY,
    NODE_OBJECT
};

/* A value; an object's members are its keys, of type NODE_TEXT, each followed by its value. */
struct json_node {
    uint32_t type;
    uint32_t span; /* nodes of this value with all that is in it */
    union {
        int64_t integer;
        double real;      /* finite */
        const char *text; /* UTF-8, NUL-terminated, no NUL inside */
        size_t count;     /* of entries or members */
    };
};

struct json_document {
    struct json_node *nodes; /* [0] is the root; owned */
    size_t count;
};

/* Reads `length` bytes of JSON, which `text` must have one byte more than. `text` is written to, and must
 * stay until the document is freed; its texts point there. `path` and `what` ("the header") begin the
 * messages. FORMAT: it is no JSON (RFC 8259), is nested more than 32 deep, has an object with a key twice,
 * a text with a NUL, or a number beyond double's or (without point or power) 64 bits' range. MEMORY. */
mlp_status json_read(const char *path, const char *what, char *text, size_t length,
                     struct json_document *document);
void json_document_free(struct json_document *document);

/* The first entry of an array or key of an object, and the one after a value; a key's value is `key + 1`. */
static inline const struct json_node *node_first(const struct json_node *container)
{
    return container + 1;
}
static inline const struct json_node *node_next(const struct json_node *value)
{
    return value + value->span;
}

/* The value of an object's member; NULL where there is none, or `object` is none. Linear in the members. */
const struct json_node *node_member(const struct json_node *object, const char *key);

/* The text of a value that is one, else NULL; also for NULL. */
const char *node_text(const struct json_node *value);
/* Whether the value is there and a number, or a whole number of at least 0 (beyond SIZE_MAX: SIZE_MAX). */
bool node_real(const struct json_node *value, double *real);
bool node_whole(const struct json_node *value, size_t *whole);

#endif
