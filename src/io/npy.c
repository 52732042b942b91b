/* NPY, numpy's file format of one array (numpy's documentation, "numpy.lib.format"): "\x93NUMPY", a
 * version, the length of a header, a header such as {'descr': '<f8', 'fortran_order': False, 'shape':
 * (150, 4), }, and the values. Objects, which are pickled programs, are never read. */
#include "io/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/number_bits.h"
#include "base/status.h"
#include "io/data_format.h"
#include "io/number_array.h"

/* A header is no longer than numpy itself takes without being asked to. */
enum { HEADER_LIMIT = 10000, WORD_SIZE = 32, PREFIX_SIZE = 8 };

/* ---- the header's text --------------------------------------------------------------------------------- */

struct header {
    const char *path;
    const char *text; /* what is left of it */
    struct number_array *array;
    bool type_known, order_known, shape_known;
};

static mlp_status bad(const struct header *h, const char *expected)
{
    return fail(MLP_ERROR_FORMAT, "%s: NPY header: expected %s at '%.20s'", h->path, expected, h->text);
}

static void skip_blanks(struct header *h)
{
    h->text += strspn(h->text, " \t\n");
}

/* Takes a character, if it is the next that is no blank. */
static bool take(struct header *h, char wanted)
{
    skip_blanks(h);
    if (*h->text != wanted) {
        return false;
    }
    h->text++;
    return true;
}

/* A text in quotes of either kind. */
static mlp_status take_word(struct header *h, char word[WORD_SIZE])
{
    skip_blanks(h);
    const char quote[2] = { *h->text, '\0' };
    if (quote[0] != '\'' && quote[0] != '"') {
        return bad(h, "a text in quotes");
    }
    const size_t length = strcspn(h->text + 1, quote);
    if (h->text[1 + length] == '\0' || length >= WORD_SIZE) {
        return bad(h, "a short text in quotes");
    }
    memcpy(word, h->text + 1, length);
    word[length] = '\0';
    h->text += length + 2;
    return MLP_OK;
}

/* ---- its members --------------------------------------------------------------------------------------- */

/* "<f4": order of bytes, kind and size. */
static mlp_status set_type(const struct header *h, const char *word)
{
    static const struct {
        const char *name;
        enum value_kind kind;
        size_t size;
    } types[] = { { "f2", VALUE_FLOAT, 2 },    { "f4", VALUE_FLOAT, 4 },    { "f8", VALUE_FLOAT, 8 },
                  { "i1", VALUE_SIGNED, 1 },   { "i2", VALUE_SIGNED, 2 },   { "i4", VALUE_SIGNED, 4 },
                  { "i8", VALUE_SIGNED, 8 },   { "u1", VALUE_UNSIGNED, 1 }, { "u2", VALUE_UNSIGNED, 2 },
                  { "u4", VALUE_UNSIGNED, 4 }, { "u8", VALUE_UNSIGNED, 8 }, { "b1", VALUE_UNSIGNED, 1 } };
    FAIL_IF(strchr(word, 'O') != NULL, MLP_ERROR_FORMAT,
            "%s: the array holds Python objects, which are never read: save numbers, as by x.astype('f4')",
            h->path);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const bool ordered = word[0] == '<' || word[0] == '>' || (word[0] == '|' && types[i].size == 1);
        if (ordered && strcmp(word + 1, types[i].name) == 0) {
            h->array->kind = types[i].kind;
            h->array->size = types[i].size;
            h->array->big_endian = word[0] == '>';
            return MLP_OK;
        }
    }
    return fail(MLP_ERROR_FORMAT,
                "%s: the array is of type '%s', expected f2, f4, f8, i1 to i8, u1 to u8 or b1 in either "
                "order of bytes",
                h->path, word);
}

static mlp_status take_type(struct header *h)
{
    char word[WORD_SIZE];
    FAIL_IF(take(h, '['), MLP_ERROR_FORMAT,
            "%s: the array has named fields, expected numbers of one type: save one field, or x.tolist()",
            h->path);
    TRY(take_word(h, word));
    h->type_known = true;
    return set_type(h, word);
}

static mlp_status take_order(struct header *h)
{
    skip_blanks(h);
    h->array->fortran = strncmp(h->text, "True", 4) == 0;
    if (!h->array->fortran && strncmp(h->text, "False", 5) != 0) {
        return bad(h, "True or False");
    }
    h->text += h->array->fortran ? 4 : 5;
    h->order_known = true;
    return MLP_OK;
}

static mlp_status take_extent(struct header *h)
{
    size_t extent = 0;
    const size_t digits = strspn(h->text, "0123456789");
    if (digits == 0) {
        return bad(h, "a size");
    }
    for (size_t i = 0; i < digits; i++) {
        FAIL_IF(!size_multiply(extent, 10, &extent) || !size_add(extent, (size_t)(h->text[i] - '0'), &extent),
                MLP_ERROR_FORMAT, "%s: NPY header: a size is beyond what memory can hold", h->path);
    }
    h->text += digits;
    return number_array_add_axis(h->path, h->array, extent);
}

static mlp_status take_shape(struct header *h)
{
    if (h->shape_known || !take(h, '(')) {
        return bad(h, "one shape, as (150, 4),");
    }
    h->shape_known = true;
    while (!take(h, ')')) {
        TRY(take_extent(h));
        if (!take(h, ',') && *h->text != ')') {
            return bad(h, "a comma");
        }
        skip_blanks(h);
    }
    FAIL_IF(h->array->rank == 0, MLP_ERROR_FORMAT, "%s: the array is one number, expected samples", h->path);
    return MLP_OK;
}

static mlp_status take_member(struct header *h)
{
    static const struct {
        const char *key;
        mlp_status (*take)(struct header *h);
    } members[] = { { "descr", take_type }, { "fortran_order", take_order }, { "shape", take_shape } };
    char key[WORD_SIZE];
    TRY(take_word(h, key));
    if (!take(h, ':')) {
        return bad(h, "a colon");
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(members[i].key, key) == 0) {
            return members[i].take(h);
        }
    }
    return fail(MLP_ERROR_FORMAT, "%s: NPY header: unknown member '%s'", h->path, key);
}

static mlp_status parse(struct header *h)
{
    if (!take(h, '{')) {
        return bad(h, "a brace");
    }
    while (!take(h, '}')) {
        TRY(take_member(h));
        skip_blanks(h);
        if (!take(h, ',') && *h->text != '}') {
            return bad(h, "a comma");
        }
    }
    skip_blanks(h);
    if (*h->text != '\0') {
        return bad(h, "the end");
    }
    FAIL_IF(!h->type_known || !h->order_known || !h->shape_known, MLP_ERROR_FORMAT,
            "%s: NPY header: descr, fortran_order or shape is missing", h->path);
    return MLP_OK;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static mlp_status read_header(struct byte_reader *reader, struct number_array *a)
{
    const char *path = byte_reader_path(reader);
    unsigned char prefix[PREFIX_SIZE], length[4] = { 0 };
    char text[HEADER_LIMIT + 1];
    *a = (struct number_array){ .byte_scale = 1.0f };
    struct header header = { .path = path, .text = text, .array = a };
    TRY(byte_reader_exact(reader, prefix, sizeof prefix, "the NPY header"));
    FAIL_IF(memcmp(prefix, "\x93NUMPY", 6) != 0, MLP_ERROR_FORMAT, "%s: not an NPY file", path);
    FAIL_IF(prefix[6] < 1 || prefix[6] > 3, MLP_ERROR_FORMAT, "%s: NPY version %d, expected 1 to 3", path,
            prefix[6]);
    const size_t width = prefix[6] == 1 ? 2 : 4;
    TRY(byte_reader_exact(reader, length, width, "the NPY header"));
    const size_t size = little_endian_32(length);
    FAIL_IF(size > HEADER_LIMIT, MLP_ERROR_FORMAT, "%s: an NPY header of %zu bytes, expected at most %d",
            path, size, HEADER_LIMIT);
    TRY(byte_reader_exact(reader, text, size, "the NPY header"));
    text[size] = '\0';
    FAIL_IF(strlen(text) < size, MLP_ERROR_FORMAT, "%s: a NUL byte in the NPY header", path);
    a->start = PREFIX_SIZE + width + size;
    return parse(&header);
}

mlp_status npy_features(struct byte_reader *reader, const mlp_data_options *options, struct storage *storage)
{
    struct number_array a;
    TRY(read_header(reader, &a));
    return number_array_features(reader, &a, options, storage);
}

mlp_status npy_targets(struct byte_reader *reader, const mlp_data_options *options, struct storage *storage)
{
    struct number_array a;
    TRY(read_header(reader, &a));
    FAIL_IF(a.rank > 2, MLP_ERROR_FORMAT, "%s: targets of rank %zu, expected 1 or 2",
            byte_reader_path(reader), a.rank);
    return number_array_targets(reader, &a, options, storage);
}

mlp_status npy_load(const struct data_file *file, struct storage *storage)
{
    TRY(npy_features(file->bytes, file->options, storage));
    TRY(data_file_labels(file, npy_targets, storage));
    return data_file_notice(storage, NULL);
}
