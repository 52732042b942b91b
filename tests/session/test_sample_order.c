/* The order of samples: permutations, windows of runs, and the same from any place on. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include <mlp/data.h>

#include "base/random.h"
#include "session/sample_order.h"

enum { COUNT = 1000, BATCH = 10 };

static float features[COUNT];

static mlp_data *make_data(size_t count)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data *data;
    arrays.count = count;
    arrays.inputs = 1;
    arrays.features = features;
    assert_ok(mlp_data_create(&arrays, &data));
    return data;
}

/* An epoch's positions, batch after batch. */
static void list_epoch(struct sample_order *order, size_t epoch, size_t count, size_t batch,
                       size_t *positions)
{
    for (size_t first = 0; first < count; first += batch) {
        const size_t size = count - first < batch ? count - first : batch;
        const size_t *some = sample_order_batch(order, epoch, first);
        for (size_t i = 0; i < size; i++) {
            positions[first + i] = some != NULL ? some[i] : first + i;
        }
    }
}

static void assert_permutation(const size_t *positions, size_t count)
{
    bool seen[COUNT] = { false };
    for (size_t i = 0; i < count; i++) {
        assert_true(positions[i] < count && !seen[positions[i]]);
        seen[positions[i]] = true;
    }
}

static void every_epoch_has_every_sample_once(void **unused)
{
    (void)unused;
    for (size_t count = 1; count <= COUNT; count += count < 20 ? 1 : 61) {
        mlp_data *data = make_data(count);
        for (size_t window = 0; window <= count + 1; window += 1 + window / 3) {
            struct sample_order order;
            size_t positions[COUNT];
            assert_ok(sample_order_make(&order, data, BATCH, window, 3, true));
            for (size_t epoch = 0; epoch < 3; epoch++) {
                list_epoch(&order, epoch, count, BATCH, positions);
                assert_permutation(positions, count);
            }
            sample_order_free(&order);
        }
        mlp_data_destroy(&data);
    }
}

/* Fisher–Yates from its definition, with the library's draws. */
static void all_in_memory_is_one_shuffle(void **unused)
{
    mlp_data *data = make_data(COUNT);
    struct sample_order order;
    size_t positions[COUNT], expected[COUNT];
    (void)unused;
    assert_ok(sample_order_make(&order, data, BATCH, 0, 7, true));
    list_epoch(&order, 4, COUNT, BATCH, positions);
    const struct random_stream stream = random_stream(7, RANDOM_SHUFFLE, 0, 4);
    for (size_t i = 0; i < COUNT; i++) {
        expected[i] = i;
    }
    random_shuffle(&stream, expected, COUNT);
    assert_memory_equal(positions, expected, sizeof expected);
    sample_order_free(&order);
    mlp_data_destroy(&data);
}

/* At how many places two windows, shuffled, hold the same of theirs (counted by rank). A shuffle leaves 1 on
 * the average. */
static size_t places_shared(const size_t *a, const size_t *b, size_t count)
{
    size_t shared = 0;
    for (size_t i = 0; i < count; i++) {
        size_t rank_a = 0, rank_b = 0;
        for (size_t j = 0; j < count; j++) {
            rank_a += a[j] < a[i];
            rank_b += b[j] < b[i];
        }
        shared += rank_a == rank_b;
    }
    return shared;
}

/* A window of 128 samples is 64 runs of 2 neighbours; the runs come from all over, and windows differ from
 * epoch to epoch. */
static void a_window_holds_runs_from_all_over(void **unused)
{
    enum { WINDOW = 128, RUN = WINDOW / WINDOW_RUNS };
    mlp_data *data = make_data(COUNT);
    struct sample_order order;
    size_t positions[COUNT], again[COUNT], spread = 0;
    (void)unused;
    assert_ok(sample_order_make(&order, data, 4, WINDOW, 1, true));
    list_epoch(&order, 0, COUNT, 4, positions);
    list_epoch(&order, 1, COUNT, 4, again);
    assert_memory_not_equal(positions, again, sizeof positions);
    for (size_t window = 0; window + WINDOW <= COUNT; window += WINDOW) {
        size_t of_run[COUNT / RUN] = { 0 }, halves = 0, in_order = 0;
        for (size_t i = window; i < window + WINDOW; i++) {
            of_run[positions[i] / RUN]++;
            halves += positions[i] >= COUNT / 2;
            in_order += i > window && positions[i] == positions[i - 1] + 1;
        }
        for (size_t r = 0; r < COUNT / RUN; r++) {
            assert_true(of_run[r] == 0 || of_run[r] == RUN);
        }
        spread += halves > WINDOW / 5 && halves < WINDOW * 4 / 5;
        assert_true(in_order < 8); /* 1 is what a shuffle leaves on the average */
    }
    assert_int_equal(spread, COUNT / WINDOW);
    assert_true(places_shared(positions, positions + WINDOW, WINDOW) < WINDOW / 4);
    sample_order_free(&order);
    mlp_data_destroy(&data);
}

/* A fit that goes on from a checkpoint begins anywhere. */
static void any_place_can_be_begun_at(void **unused)
{
    mlp_data *data = make_data(COUNT - 7);
    struct sample_order whole, part;
    (void)unused;
    assert_ok(sample_order_make(&whole, data, BATCH, 200, 5, true));
    for (size_t first = 0; first < COUNT - 7; first += BATCH) {
        const size_t size = COUNT - 7 - first < BATCH ? COUNT - 7 - first : (size_t)BATCH;
        const size_t *expected = sample_order_batch(&whole, 2, first);
        assert_ok(sample_order_make(&part, data, BATCH, 200, 5, true));
        assert_memory_equal(sample_order_batch(&part, 2, first), expected, size * sizeof *expected);
        sample_order_free(&part);
    }
    sample_order_free(&whole);
    mlp_data_destroy(&data);
}

static void without_shuffling_there_is_no_order(void **unused)
{
    mlp_data *data = make_data(COUNT);
    struct sample_order order;
    (void)unused;
    assert_ok(sample_order_make(&order, data, BATCH, 50, 5, false));
    assert_null(sample_order_batch(&order, 0, 20));
    sample_order_free(&order);
    mlp_data_destroy(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_has_every_sample_once),   cmocka_unit_test(all_in_memory_is_one_shuffle),
        cmocka_unit_test(a_window_holds_runs_from_all_over),   cmocka_unit_test(any_place_can_be_begun_at),
        cmocka_unit_test(without_shuffling_there_is_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
