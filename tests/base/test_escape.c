/* Text from files in messages. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#undef fail /* cmocka's macro; the library's function is meant here */

#include "base/escape.h"
#include "base/status.h"

static void assert_escaped(const char *text, const char *expected)
{
    char out[64], again[64];
    text_escape(text, out, sizeof out);
    assert_string_equal(out, expected);
    text_escape(out, again, sizeof again);
    assert_string_equal(again, expected);
}

static void what_steers_a_terminal_is_a_code(void **unused)
{
    (void)unused;
    assert_escaped("", "");
    assert_escaped("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xD7\x90",
                   "plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xD7\x90");
    assert_escaped("\x1B[2J\a\r\n\t\x7F", "\\u001B[2J\\u0007\\u000D\\u000A\\u0009\\u007F");
    assert_escaped("\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0", "\\u0080\\u009B\\u009F\xC2\xA0");
    assert_escaped("\xE2\x80\xAA\xE2\x80\xAE\xE2\x81\xA6\xE2\x81\xA9", "\\u202A\\u202E\\u2066\\u2069");
    assert_escaped("\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA",
                   "\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA");
    assert_escaped("\x9B"
                   "2J",
                   "\\x9B2J");
    assert_escaped("\xC0\xAF\xE0\x80\xAF", "\\xC0\\xAF\\xE0\\x80\\xAF"); /* overlong */
    assert_escaped("\xED\xA0\x80 \xF4\x90\x80\x80",
                   "\\xED\\xA0\\x80 \\xF4\\x90\\x80\\x80"); /* no characters */
    assert_escaped("\xE2\x82", "\\xE2\\x82");               /* cut off */
}

/* Every byte sequence of one, two and three bytes gives valid UTF-8 without control characters. */
static void nothing_slips_through(void **unused)
{
    char text[4] = { 0 }, out[64];
    (void)unused;
    for (unsigned code = 1; code < 1u << 24; code += code < 1u << 16 ? 1 : 251) {
        memcpy(text, (char[]){ (char)code, (char)(code >> 8), (char)(code >> 16) }, 3);
        text_escape(text, out, sizeof out);
        for (const char *next = out; *next != '\0'; next += utf8_length(next)) {
            assert_true(utf8_length(next) > 0 && !utf8_is_control(next));
        }
    }
}

static void a_long_text_is_cut_between_characters(void **unused)
{
    char out[8];
    (void)unused;
    for (size_t size = 1; size <= sizeof out; size++) {
        text_escape("a\xE2\x82\xAC\x1B"
                    "b",
                    out, size);
        assert_string_equal(out, size >= 5 ? "a\xE2\x82\xAC" : size >= 2 ? "a" : "");
    }
}

/* Whatever a file puts into a message goes through fail(). */
static void errors_are_escaped(void **unused)
{
    (void)unused;
    assert_int_equal(fail(MLP_ERROR_FORMAT, "label '%s'", "\x1B]0;title\a\xFF"), MLP_ERROR_FORMAT);
    assert_string_equal(mlp_last_error(), "label '\\u001B]0;title\\u0007\\xFF'");
    assert_int_equal(fail_in(MLP_ERROR_FORMAT, "\xC2\x9B"), MLP_ERROR_FORMAT);
    assert_string_equal(mlp_last_error(), "\\u009B: label '\\u001B]0;title\\u0007\\xFF'");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_steers_a_terminal_is_a_code),
                                        cmocka_unit_test(nothing_slips_through),
                                        cmocka_unit_test(a_long_text_is_cut_between_characters),
                                        cmocka_unit_test(errors_are_escaped) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
