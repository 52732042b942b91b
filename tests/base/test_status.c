/* Status texts, and each thread's own last error. */
#include "support/support.h"

#undef fail /* cmocka's macro; the library's function is meant here */

#include <pthread.h>
#include <string.h>

#include "base/names.h"
#include "base/status.h"

static void every_status_has_a_text(void **unused)
{
    (void)unused;
    for (int status = MLP_ERROR_EXCHANGE; status <= MLP_OK; status++) {
        assert_string_not_equal(mlp_status_text((mlp_status)status), "unknown status");
        for (int other = MLP_ERROR_EXCHANGE; other < status; other++) {
            assert_string_not_equal(mlp_status_text((mlp_status)status), mlp_status_text((mlp_status)other));
        }
    }
    assert_string_equal(mlp_status_text((mlp_status)17), "unknown status");
}

static void *other_thread(void *context)
{
    *(int *)context = mlp_last_error()[0] == '\0' && fail(MLP_ERROR_IO, "other") == MLP_ERROR_IO;
    return NULL;
}

static void the_text_belongs_to_the_thread(void **unused)
{
    pthread_t thread;
    int empty = 0;
    (void)unused;
    assert_int_equal(fail(MLP_ERROR_RANGE, "layer %d: %s", 3, "units is 0"), MLP_ERROR_RANGE);
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &empty), 0);
    pthread_join(thread, NULL);
    assert_true(empty);
    assert_string_equal(mlp_last_error(), "layer 3: units is 0");
    assert_int_equal(fail_in(MLP_ERROR_FORMAT, "file %s", "x"), MLP_ERROR_FORMAT);
    assert_string_equal(mlp_last_error(), "file x: layer 3: units is 0");
}

static void long_texts_are_cut(void **unused)
{
    char text[3000];
    (void)unused;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fail(MLP_ERROR_IO, "%s", text);
    assert_int_equal(strlen(mlp_last_error()), 1023);
    fail_in(MLP_ERROR_IO, "%s", text);
    assert_int_equal(strlen(mlp_last_error()), 1023);
}

static void names_are_found_and_checked(void **unused)
{
    static const struct {
        struct name name;
        int payload;
    } rows[] = { { { "red", "like blood" }, 1 }, { { "green", "like grass" }, 2 } };
    const struct name_table table = NAME_ROWS("colour", rows);
    int value = -1;
    (void)unused;
    assert_ok(name_find(&table, "green", &value));
    assert_int_equal(value, 1);
    assert_refused(name_find(&table, "blue", &value), MLP_ERROR_ARGUMENT, "colour", "'blue'", "red, green",
                   NULL);
    assert_refused(name_find(&table, NULL, &value), MLP_ERROR_ARGUMENT, "NULL", NULL);
    assert_string_equal(name_of(&table, 0), "red");
    assert_string_equal(description_of(&table, 1), "like grass");
    assert_null(name_of(&table, 2));
    assert_null(name_of(&table, -1));
    assert_ok(name_check(&table, 1));
    assert_refused(name_check(&table, 2), MLP_ERROR_ARGUMENT, "2", "0 to 1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_status_has_a_text),
                                        cmocka_unit_test(the_text_belongs_to_the_thread),
                                        cmocka_unit_test(long_texts_are_cut),
                                        cmocka_unit_test(names_are_found_and_checked) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
