/* The order of samples. */
#include "session/sample_order.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

enum { FILE_WINDOW = 1 << 27 }; /* bytes */

/* Samples that are shuffled together where the caller does not say. */
static size_t default_window(const mlp_data *data)
{
    const struct feature_file *file = data->storage->file;
    if (file == NULL) {
        return data->count;
    }
    const size_t fit = FILE_WINDOW / (file->inputs * feature_size(file->kind));
    return fit > 0 ? fit : 1;
}

mlp_status sample_order_make(struct sample_order *order, const mlp_data *data, size_t batch, size_t window,
                             uint64_t seed, bool shuffles)
{
    window = size_round_up(window > 0 ? window : default_window(data), batch);
    window = window < data->count ? window : data->count;
    *order = (struct sample_order){ .data = data,
                                    .seed = seed,
                                    .shuffles = shuffles,
                                    .window = window,
                                    .run = (window + WINDOW_RUNS - 1) / WINDOW_RUNS,
                                    .epoch = SIZE_MAX };
    order->run_count = (data->count + order->run - 1) / order->run;
    if (!shuffles) {
        return MLP_OK;
    }
    order->positions = memory_allocate(window, sizeof *order->positions);
    order->runs = window < data->count ? memory_allocate(order->run_count, sizeof *order->runs) : NULL;
    return order->positions != NULL && (order->runs != NULL || window == data->count) ? MLP_OK
                                                                                      : MLP_ERROR_MEMORY;
}

void sample_order_free(struct sample_order *order)
{
    memory_free(order->runs);
    memory_free(order->positions);
    *order = (struct sample_order){ 0 };
}

static void shuffle_runs(struct sample_order *order)
{
    const struct random_stream stream = random_stream(order->seed, RANDOM_RUNS, 0, order->epoch);
    if (order->runs == NULL) {
        return;
    }
    for (size_t r = 0; r < order->run_count; r++) {
        order->runs[r] = r;
    }
    random_shuffle(&stream, order->runs, order->run_count);
    for (size_t r = 0; r < order->run_count; r++) {
        order->short_at = order->runs[r] + 1 == order->run_count ? r : order->short_at;
    }
}

/* A stretch of neighbours. */
struct stretch {
    size_t first, count;
};

/* Run number r of the epoch. */
static struct stretch run_at(const struct sample_order *order, size_t r)
{
    const size_t first = (order->runs != NULL ? order->runs[r] : r) * order->run;
    const size_t left = order->data->count - first;
    return (struct stretch){ first, left < order->run ? left : order->run };
}

/* The stretch of a window that run number r holds, `before` samples having come in the runs before it; none:
 * count 0. */
static struct stretch run_in_window(const struct sample_order *order, size_t window, size_t r, size_t before)
{
    const struct stretch run = run_at(order, r);
    const size_t begin = window * order->window, end = begin + order->window;
    const size_t from = before < begin ? begin - before : 0,
                 to = before + run.count < end ? run.count : end - before;
    return before >= end || from >= to ? (struct stretch){ 0, 0 }
                                       : (struct stretch){ run.first + from, to - from };
}

/* Samples of the runs before number r of the epoch. */
static size_t samples_before(const struct sample_order *order, size_t r)
{
    const size_t missing = order->run_count * order->run - order->data->count; /* of the short run */
    return r * order->run - (order->runs != NULL && order->short_at < r ? missing : 0);
}

/* Calls for every stretch of a window, in the order of the runs. The first run that may reach into it is the
 * one at its place if all runs were full. */
static void visit(const struct sample_order *order, size_t window,
                  void (*each)(const struct sample_order *, struct stretch, size_t *), size_t *done)
{
    const size_t first = window * order->window / order->run;
    size_t before = samples_before(order, first);
    for (size_t r = first; r < order->run_count && before < (window + 1) * order->window; r++) {
        const struct stretch stretch = run_in_window(order, window, r, before);
        if (stretch.count > 0) {
            each(order, stretch, done);
        }
        before += run_at(order, r).count;
    }
}

static void list(const struct sample_order *order, struct stretch stretch, size_t *done)
{
    for (size_t i = 0; i < stretch.count; i++) {
        order->positions[(*done)++] = stretch.first + i;
    }
}

static void announce(const struct sample_order *order, struct stretch stretch, size_t *done)
{
    (void)done;
    data_announce(order->data, stretch.first, stretch.count);
}

static void open_window(struct sample_order *order, size_t window)
{
    const struct random_stream stream = random_stream(order->seed, RANDOM_SHUFFLE, window, order->epoch);
    size_t count = 0;
    visit(order, window, list, &count);
    random_shuffle(&stream, order->positions, count);
    if (order->data->storage->file != NULL) {
        visit(order, window, announce, NULL);
        visit(order, window + 1, announce, NULL); /* read while this one is trained on */
    }
}

const size_t *sample_order_batch(struct sample_order *order, size_t epoch, size_t first)
{
    const size_t window = first / order->window;
    if (!order->shuffles) {
        return NULL;
    }
    if (epoch != order->epoch) {
        order->epoch = epoch;
        order->opened = SIZE_MAX;
        shuffle_runs(order);
    }
    if (window != order->opened) {
        order->opened = window;
        open_window(order, window);
    }
    return order->positions + (first - window * order->window);
}
