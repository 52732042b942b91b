/* The door to the allocator, and checked sizes. */
#include "support/support.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/platform.h"

static void sizes_do_not_wrap(void **unused)
{
    size_t out = 5;
    (void)unused;
    assert_true(size_multiply(1000, 1000, &out) && out == 1000000);
    assert_false(size_multiply(SIZE_MAX / 2 + 1, 2, &out));
    assert_false(size_add(SIZE_MAX, 1, &out));
    assert_int_equal(out, 1000000);
    assert_true(size_add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    assert_int_equal(size_round_up(0, 16), 0);
    assert_int_equal(size_round_up(17, 16), 32);
    assert_int_equal(size_round_up(SIZE_MAX - 3, 16), SIZE_MAX);
}

static void memory_is_aligned_and_zero(void **unused)
{
    (void)unused;
    for (size_t size = 0; size < 300; size += 7) {
        unsigned char *bytes = memory_allocate(size, 1);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % MEMORY_ALIGNMENT, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(bytes[i], 0);
        }
        memory_free(bytes);
    }
    assert_null(memory_allocate(SIZE_MAX / 2, 3));
    assert_non_null(strstr(mlp_last_error(), "out of memory"));
}

/* Arrays about the size of a large page and of some: whole, zero, and where one fits, on one. */
static void large_arrays_lie_on_large_pages(void **unused)
{
    const size_t page = platform_large_page() < SIZE_MAX ? platform_large_page() : 65536;
    (void)unused;
    for (size_t k = 1; k <= 3; k++) {
        for (size_t size = k * page - 65; size <= k * page + 65; size += 13) {
            unsigned char *bytes = memory_allocate(size, 1);
            assert_non_null(bytes);
            const bool large = size >= platform_large_page();
            assert_int_equal((uintptr_t)bytes % (large ? page : (size_t)MEMORY_ALIGNMENT), 0);
            assert_int_equal(bytes[0] + bytes[size / 2] + bytes[size - 1], 0);
            memset(bytes, 1, size);
            memory_free(bytes);
        }
    }
}

static void arrays_grow_and_keep(void **unused)
{
    void *array = NULL;
    (void)unused;
    assert_ok(memory_resize(&array, 0, 4, sizeof(int)));
    memcpy(array, (int[]){ 1, 2, 3, 4 }, 4 * sizeof(int));
    assert_ok(memory_resize(&array, 4, 6, sizeof(int)));
    assert_memory_equal(array, ((int[]){ 1, 2, 3, 4 }), 4 * sizeof(int));
    void *before = array;
    memory_fail_after(0);
    assert_int_equal(memory_resize(&array, 6, 100, sizeof(int)), MLP_ERROR_MEMORY);
    assert_ptr_equal(array, before);
    assert_ok(memory_resize(&array, 6, 2, sizeof(int)));
    assert_memory_equal(array, ((int[]){ 1, 2 }), 2 * sizeof(int));
    memory_free(array);
}

static void failures_are_planned_and_counted(void **unused)
{
    const size_t made = memory_allocation_count(), live = memory_live_count();
    (void)unused;
    memory_fail_after(1);
    void *first = memory_allocate(1, 1), *second = memory_allocate(1, 1), *third = memory_copy_text("text");
    assert_non_null(first);
    assert_null(second);
    assert_string_equal(third, "text");
    assert_int_equal(memory_allocation_count() - made, 2);
    assert_int_equal(memory_live_count() - live, 2);
    memory_free(first);
    memory_free(third);
    memory_free(NULL);
    assert_int_equal(memory_live_count(), live);
}

/* Whichever of them fails, it and those after it are NULL, and bytes are those that there are. */
static void a_row_stops_at_the_first_failure(void **unused)
{
    enum { COUNT = 5 };
    const size_t live = memory_live_count();
    (void)unused;
    for (size_t fails = 0; fails <= COUNT; fails++) {
        struct memory_row row = { 0 };
        void *taken[COUNT];
        memory_fail_after(fails);
        for (size_t i = 0; i < COUNT; i++) {
            taken[i] = memory_take(&row, i + 1, 8);
        }
        memory_fail_after(SIZE_MAX);
        assert_int_equal(row.failed, fails < COUNT);
        assert_int_equal(row.bytes, 8 * fails * (fails + 1) / 2);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(taken[i] != NULL, i < fails);
            memory_free(taken[i]);
        }
    }
    assert_int_equal(memory_live_count(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sizes_do_not_wrap),
                                        cmocka_unit_test(memory_is_aligned_and_zero),
                                        cmocka_unit_test(large_arrays_lie_on_large_pages),
                                        cmocka_unit_test(arrays_grow_and_keep),
                                        cmocka_unit_test(failures_are_planned_and_counted),
                                        cmocka_unit_test(a_row_stops_at_the_first_failure) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
