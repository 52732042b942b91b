/* Interned texts. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text_order.h"
#include "base/text_pool.h"

/* The vectors of the paper's reference implementation: key 00 01 … 0f, input 00 01 … of each length. */
static void siphash_is_that_of_its_paper(void **unused)
{
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = { { 0, 0x726FDB47DD0E0E31u }, { 1, 0x74F839C593DC67FDu }, { 15, 0xA129CA6149BE45E5u } };
    const uint64_t key[2] = { 0x0706050403020100u, 0x0F0E0D0C0B0A0908u };
    unsigned char input[16];
    (void)unused;
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_true(siphash(key, input, vectors[i].size) == vectors[i].hash);
    }
}

static void a_text_has_one_number(void **unused)
{
    enum { TEXTS = 5000 };
    struct text_pool pool = { 0 };
    char text[32];
    size_t number;
    (void)unused;
    assert_true(text_pool_find(&pool, "") == SIZE_MAX);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < TEXTS; i++) {
            snprintf(text, sizeof text, "%.*s%zu", (int)(i % 20), "a-common-beginning--", i);
            assert_true(text_pool_find(&pool, text) == (round > 0 ? i : SIZE_MAX));
            assert_ok(text_pool_add(&pool, text, &number));
            assert_int_equal(number, i);
            assert_string_equal(text_list_get(&pool.texts, number), text);
        }
    }
    assert_int_equal(text_list_count(&pool.texts), TEXTS);
    assert_ok(text_pool_add(&pool, "", &number));
    assert_int_equal(number, TEXTS);
    text_pool_free(&pool);
}

/* Whichever allocation fails, the pool holds what it held, and goes on. */
static void every_allocation_may_fail(void **unused)
{
    const size_t live = memory_live_count();
    struct text_pool pool = { 0 };
    char text[200];
    size_t number;
    (void)unused;
    for (size_t i = 0; i < 400; i++) {
        snprintf(text, sizeof text, "%0*zu", (int)(1 + i % 150), i);
        for (size_t k = 0;; k++) {
            memory_fail_after(k);
            const mlp_status status = text_pool_add(&pool, text, &number);
            memory_fail_after(SIZE_MAX);
            if (status == MLP_OK) {
                break;
            }
            assert_int_equal(status, MLP_ERROR_MEMORY);
            assert_true(text_pool_find(&pool, text) == SIZE_MAX);
            assert_int_equal(text_list_count(&pool.texts), i);
        }
        assert_int_equal(number, i);
    }
    text_pool_free(&pool);
    assert_int_equal(memory_live_count(), live);
}

/* The order of `count` texts, against what is expected; none at all is a list, too. */
static void texts_are_sorted(void **state)
{
    (void)state;
    const char *given[] = { "10", "9", "-3", "b" };
    const char *expected[][5] = {
        { NULL }, { "10" }, { "9", "10" }, { "-3", "9", "10" }, { "-3", "10", "9", "b" }
    };
    for (size_t count = 0; count <= 4; count++) {
        struct text_list texts = { 0 };
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(text_list_append(&texts, given[i]), MLP_OK);
        }
        uint32_t *numbers;
        assert_int_equal(text_list_sort(&texts, &numbers), MLP_OK);
        assert_int_equal(text_list_count(&texts), count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(text_list_get(&texts, i), expected[count][i]);
            assert_string_equal(text_list_get(&texts, numbers[i]), given[i]);
        }
        memory_free(numbers);
        text_list_free(&texts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(siphash_is_that_of_its_paper),
                                        cmocka_unit_test(a_text_has_one_number),
                                        cmocka_unit_test(texts_are_sorted),
                                        cmocka_unit_test(every_allocation_may_fail) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
