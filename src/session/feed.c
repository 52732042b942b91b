/* The batches of a training. */
#include "session/feed.h"

#include <signal.h>
#include <stdio.h>

#include "base/status.h"

/* ---- the gathering thread ------------------------------------------------------------------------------ */

static mlp_status gather(struct feed *feed, struct batch *batch, size_t epoch, size_t first, int threads)
{
    const size_t left = feed->data->count - first;
    const size_t *order = sample_order_batch(&feed->order, epoch, first);
    return batch_gather(batch, order, first, left < batch->size ? left : batch->size, threads);
}

static void *serve(void *context)
{
    struct feed *feed = context;
    pthread_mutex_lock(&feed->mutex);
    while (!feed->leaving) {
        if (!feed->busy) {
            pthread_cond_wait(&feed->changed, &feed->mutex);
            continue;
        }
        struct batch *batch = &feed->batches[1 - feed->handed_out];
        const size_t epoch = feed->epoch, first = feed->first;
        pthread_mutex_unlock(&feed->mutex);
        const mlp_status status = gather(feed, batch, epoch, first, 1);
        pthread_mutex_lock(&feed->mutex);
        feed->status = status;
        snprintf(feed->text, sizeof feed->text, "%s", status != MLP_OK ? mlp_last_error() : "");
        feed->busy = false;
        pthread_cond_broadcast(&feed->changed);
    }
    pthread_mutex_unlock(&feed->mutex);
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start_thread(struct feed *feed)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_mutex_init(&feed->mutex, NULL);
    pthread_cond_init(&feed->changed, NULL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&feed->thread, NULL, serve, feed) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        pthread_mutex_destroy(&feed->mutex);
        pthread_cond_destroy(&feed->changed);
    }
    return started;
}

static void stop_thread(struct feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    feed->leaving = true;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->mutex);
    pthread_join(feed->thread, NULL);
    pthread_mutex_destroy(&feed->mutex);
    pthread_cond_destroy(&feed->changed);
}

/* With the mutex held. */
static void request(struct feed *feed, size_t epoch, size_t first)
{
    feed->epoch = epoch;
    feed->first = first;
    feed->busy = true;
    pthread_cond_broadcast(&feed->changed);
}

static void request_next(struct feed *feed, size_t epoch, size_t first)
{
    const size_t next = first + feed->options.batch;
    if (next < feed->data->count) {
        request(feed, epoch, next);
    } else if (epoch + 1 < feed->options.epochs) {
        request(feed, epoch + 1, 0);
    } else {
        feed->epoch = SIZE_MAX;
    }
}

static void await(struct feed *feed)
{
    while (feed->busy) {
        pthread_cond_wait(&feed->changed, &feed->mutex);
    }
}

/* ---- the feed ------------------------------------------------------------------------------------------ */

/* Reading a file waits; copying from memory is worth a processor that the steps leave idle. */
static bool gathers_ahead(const struct feed *feed)
{
    const bool pays = feed->data->storage->file != NULL || feed->options.threads < team_processors();
    return feed->options.ahead == FEED_AHEAD_WHERE_IT_PAYS ? pays : feed->options.ahead == FEED_AHEAD_ALWAYS;
}

mlp_status feed_make(struct feed *feed, const mlp_data *data, const struct feed_options *options)
{
    *feed = (struct feed){ .options = *options, .data = data, .epoch = SIZE_MAX };
    TRY(sample_order_make(&feed->order, data, options->batch, options->window, options->seed,
                          !options->keep_order));
    TRY(batch_make(&feed->batches[0], data, options->batch));
    if (gathers_ahead(feed)) {
        TRY(batch_make(&feed->batches[1], data, options->batch));
        feed->ahead = start_thread(feed);
    }
    return MLP_OK;
}

void feed_free(struct feed *feed)
{
    if (feed->ahead) {
        stop_thread(feed);
    }
    sample_order_free(&feed->order);
    batch_free(&feed->batches[0]);
    batch_free(&feed->batches[1]);
    feed->ahead = false;
}

static mlp_status take_gathered(struct feed *feed, size_t epoch, size_t first)
{
    pthread_mutex_lock(&feed->mutex);
    await(feed);
    if (feed->epoch != epoch || feed->first != first) {
        request(feed, epoch, first);
        await(feed);
    }
    const mlp_status status = feed->status;
    if (status == MLP_OK) {
        feed->handed_out = 1 - feed->handed_out;
        request_next(feed, epoch, first);
    }
    pthread_mutex_unlock(&feed->mutex);
    return status != MLP_OK ? fail(status, "%s", feed->text) : MLP_OK;
}

mlp_status feed_take(struct feed *feed, size_t epoch, size_t first, struct batch **batch)
{
    TRY(feed->ahead ? take_gathered(feed, epoch, first)
                    : gather(feed, &feed->batches[0], epoch, first, feed->options.threads));
    *batch = &feed->batches[feed->handed_out];
    return MLP_OK;
}
