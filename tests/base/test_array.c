/* The growing array. */
#include "support/support.h"

#include <stdint.h>

#include "base/array.h"
#include "base/memory.h"

static void entries_stay_in_order(void **unused)
{
    struct array array = { 0 };
    (void)unused;
    for (uint32_t i = 0; i < 10000; i++) {
        const uint32_t pair[2] = { 2 * i, 2 * i + 1 };
        assert_ok(array_append(&array, pair, 2, sizeof(uint32_t)));
        assert_true(array.capacity >= array.count && array.capacity <= 2 * array.count + 16);
    }
    assert_int_equal(array.count, 20000);
    const uint32_t *items = array.items;
    for (uint32_t i = 0; i < 20000; i++) {
        assert_int_equal(items[i], i);
    }
    void *taken = array_take(&array);
    assert_ptr_equal(taken, items);
    assert_true(array.items == NULL && array.count == 0 && array.capacity == 0);
    memory_free(taken);
    array_free(&array);
}

/* n appends take O(log n) allocations. */
static void growth_is_geometric(void **unused)
{
    const size_t before = memory_allocation_count();
    struct array array = { 0 };
    (void)unused;
    for (size_t i = 0; i < 1u << 20; i++) {
        char *place = array_room(&array, 1, 1);
        *place = (char)i;
        array.count++;
    }
    assert_true(memory_allocation_count() - before <= 20);
    array_free(&array);
}

static void a_failure_changes_nothing(void **unused)
{
    struct array array = { 0 };
    const int value = 7;
    (void)unused;
    while (array.count == 0 || array.count < array.capacity) {
        assert_ok(array_append(&array, &value, 1, sizeof value));
    }
    const struct array before = array;
    memory_fail_after(0);
    assert_int_equal(array_append(&array, &value, 1, sizeof value), MLP_ERROR_MEMORY);
    assert_null(array_room(&array, SIZE_MAX, sizeof value));
    assert_null(array_room(&array, SIZE_MAX / 2, sizeof value));
    assert_memory_equal(&array, &before, sizeof array);
    array_free(&array);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(entries_stay_in_order),
                                        cmocka_unit_test(growth_is_geometric),
                                        cmocka_unit_test(a_failure_changes_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
