/* JSON of untrusted files: what is JSON and what is not, exact numbers, memory that stays in proportion to
 * the text, and memory that fails anywhere. */
#include "support/support.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/json_reader.h"

/* Reads a copy of the text, which stays behind the document's texts. */
static mlp_status read_text(const char *text, size_t length, struct json_document *document, char **copy)
{
    *copy = malloc(length + 1);
    assert_non_null(*copy);
    memcpy(*copy, text, length);
    return json_read("file", "the header", *copy, length, document);
}

static mlp_status read_and_free(const char *text, size_t length)
{
    struct json_document document;
    const size_t live = memory_live_count();
    char *copy;
    const mlp_status status = read_text(text, length, &document, &copy);
    json_document_free(&document);
    free(copy);
    assert_int_equal(memory_live_count(), live);
    return status;
}

/* ---- what is read -------------------------------------------------------------------------------------- */

static void values_are_read(void **unused)
{
    static const char text[] = " {\"a\" : [1, -2.5e-3, true, false, null, \"\\u00e9\\n\\\"\"], \"\\u0062\": "
                               "{\"c\":{}, \"d\":[]}, \"e\": -9223372036854775808} ";
    struct json_document document;
    char *copy;
    double real;
    size_t whole;
    (void)unused;
    assert_ok(read_text(text, strlen(text), &document, &copy));
    const struct json_node *root = document.nodes, *a = node_member(root, "a"), *entry = node_first(a);
    assert_int_equal(root->type, NODE_OBJECT);
    assert_int_equal(root->count, 3);
    assert_int_equal(root->span, document.count);
    assert_int_equal(a->count, 6);
    assert_true(node_whole(entry, &whole) && whole == 1);
    entry = node_next(entry);
    assert_true(node_real(entry, &real) && real == -2.5e-3 && !node_whole(entry, &whole));
    entry = node_next(entry);
    assert_int_equal(entry->type, NODE_TRUE);
    entry = node_next(node_next(node_next(entry)));
    assert_string_equal(node_text(entry), "\xc3\xa9\n\"");
    assert_true(node_next(entry) == a + a->span);
    assert_int_equal(node_member(node_member(root, "b"), "d")->count, 0);
    assert_true(node_member(root, "e")->integer == INT64_MIN && !node_whole(node_member(root, "e"), &whole));
    assert_null(node_member(root, "c"));
    json_document_free(&document);
    free(copy);
}

/* 17 digits give every double back, whatever the locale. */
static void numbers_are_exact(void **unused)
{
    static const double cases[] = { 0.1,  1.0 / 3.0, 5e-324,       1.7976931348623157e308,
                                    -0.0, 1e22 + 1,  0x1.fffffp-5, 123456789012345678.0 };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_document document;
        char text[64], *copy;
        snprintf(text, sizeof text, "%.17e", cases[i]);
        assert_ok(read_text(text, strlen(text), &document, &copy));
        assert_int_equal(document.nodes[0].type, NODE_REAL);
        assert_memory_equal(&document.nodes[0].real, &cases[i], sizeof cases[i]);
        json_document_free(&document);
        free(copy);
    }
}

static void what_is_no_json_is_refused(void **unused)
{
    static const char *const cases[] = {
        "",
        "{",
        "}",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[1e]",
        "[0x1p3]",
        "tru",
        "\"abc",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "[1]2",
        "nan",
        "[1e999]",
        "[-1e999]",
        "'a'",
        "\"\\u0000\"",
        "[99999999999999999999]",
        "{\"a\":1,\"a\":2}",
        "[{\"k\":{\"\\u0061\":1,\"a\":1}}]",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "[\"\xc3\"]",
        "/* */ 1",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refused(read_and_free(cases[i], strlen(cases[i])), MLP_ERROR_FORMAT, "file: the header", NULL);
    }
    assert_refused(read_and_free("\0", 1), MLP_ERROR_FORMAT, "file", NULL);
}

static void depth_is_limited(void **unused)
{
    char text[2 * 40 + 1];
    (void)unused;
    for (size_t depth = 1; depth <= 40; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        const mlp_status status = read_and_free(text, 2 * depth);
        assert_int_equal(status, depth <= 32 ? MLP_OK : MLP_ERROR_FORMAT);
    }
}

/* ---- memory -------------------------------------------------------------------------------------------- */

/* Texts of all shapes and sizes: long literals with and without escapes, cut off or whole, many of them,
 * many values, many keys, numbers that are cut off. */
static char *make_text(size_t kind, size_t size, size_t *length)
{
    static const struct {
        const char *begin, *repeated, *end;
    } kinds[] = {
        { "\"", "a", "\"" },
        { "\"", "\\n", "\"" },
        { "\"", "\\u00e9", "\"" },
        { "\"", "a", "" },
        { "\"", "\\\\", "" },
        { "[0", ",[]", "]" },
        { "[0", ",{}", "]" },
        { "[0", ",\"\\t\"", "]" },
        { "[0", ",1.5", "" },
        { "1", "2", "" },
        { "[\"\\n", "bcd", "\",\"\\r" },
        { "", " ", "" },
        { "{\"a\":\"\\n", "x", "\"}" },
        { "[\"", "\\ud83d\\ude00", "\"]" },
        { "[", "[", "" },
        { "[0", ",\"\\\"{:,[\"", "]" },
        { "", ",:[{", "" },
        { "[\"\\n\",1e", "9", "" },
    };
    const size_t count = sizeof kinds / sizeof kinds[0],
                 times = size / strlen(kinds[kind % count].repeated) + 1;
    char *text = malloc(size + 64 + 16);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "%s", kinds[kind % count].begin);
    for (size_t i = 0; i < times; i++) {
        used += (size_t)sprintf(text + used, "%s", kinds[kind % count].repeated);
    }
    used += (size_t)sprintf(text + used, "%s", kinds[kind % count].end);
    *length = used;
    return kind < count ? text : (free(text), NULL);
}

/* For every kind and size: whatever comes of it, nothing is written beyond what was reserved (which the
 * sanitizers and -Dassertions see), and every failed allocation is out of memory, once or from there on. */
static void every_allocation_may_fail_for_any_text(void **unused)
{
    static const size_t sizes[] = {
        0, 1, 100, 2030, 2046, 2047, 2048, 2049, 4095, 4096, 10000, 70000, 1 << 20
    };
    (void)unused;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t length;
        char *text;
        for (size_t kind = 0; (text = make_text(kind, sizes[s], &length)) != NULL; kind++) {
            const mlp_status expected = read_and_free(text, length);
            assert_true(expected == MLP_OK || expected == MLP_ERROR_FORMAT);
            mlp_status status = MLP_ERROR_MEMORY;
            for (size_t k = 0; status == MLP_ERROR_MEMORY; k++) {
                memory_fail_after(k);
                status = read_and_free(text, length);
                memory_fail_after(SIZE_MAX);
            }
            assert_int_equal(status, expected);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(every_allocation_may_fail_for_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
