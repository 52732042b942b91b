/* The batches of a training. */
#include "session/prefetch.h"

#include <stdio.h>

#include "base/platform.h"
#include "base/processors.h"
#include "base/status.h"

/* ---- the gathering thread ------------------------------------------------------------------------------ */

static mlp_status gather(struct prefetch *prefetch, struct batch *batch, size_t epoch, size_t first,
                         int threads)
{
    const size_t left = prefetch->data->count - first;
    const size_t *order = sample_order_batch(&prefetch->order, epoch, first);
    batch->epoch = epoch;
    return batch_gather(batch, order, first, left < batch->size ? left : batch->size, threads);
}

static void *serve(void *context)
{
    struct prefetch *prefetch = context;
    pthread_mutex_lock(&prefetch->mutex);
    while (!prefetch->stopping) {
        if (!prefetch->busy) {
            pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
            continue;
        }
        struct batch *batch = &prefetch->batches[1 - prefetch->handed_out];
        const size_t epoch = prefetch->epoch, first = prefetch->first;
        pthread_mutex_unlock(&prefetch->mutex);
        const mlp_status status = gather(prefetch, batch, epoch, first, 1);
        pthread_mutex_lock(&prefetch->mutex);
        prefetch->status = status;
        snprintf(prefetch->text, sizeof prefetch->text, "%s", status != MLP_OK ? mlp_last_error() : "");
        prefetch->busy = false;
        pthread_cond_broadcast(&prefetch->changed);
    }
    pthread_mutex_unlock(&prefetch->mutex);
    return NULL;
}

static bool start_thread(struct prefetch *prefetch)
{
    pthread_mutex_init(&prefetch->mutex, NULL);
    pthread_cond_init(&prefetch->changed, NULL);
    const bool started = platform_start_thread(&prefetch->thread, serve, prefetch);
    if (!started) {
        pthread_mutex_destroy(&prefetch->mutex);
        pthread_cond_destroy(&prefetch->changed);
    }
    return started;
}

static void stop_thread(struct prefetch *prefetch)
{
    pthread_mutex_lock(&prefetch->mutex);
    prefetch->stopping = true;
    pthread_cond_broadcast(&prefetch->changed);
    pthread_mutex_unlock(&prefetch->mutex);
    pthread_join(prefetch->thread, NULL);
    pthread_mutex_destroy(&prefetch->mutex);
    pthread_cond_destroy(&prefetch->changed);
}

/* With the mutex held. */
static void request(struct prefetch *prefetch, size_t epoch, size_t first)
{
    prefetch->epoch = epoch;
    prefetch->first = first;
    prefetch->busy = true;
    pthread_cond_broadcast(&prefetch->changed);
}

static void request_next(struct prefetch *prefetch, size_t epoch, size_t first)
{
    const size_t next = first + prefetch->options.batch;
    if (next < prefetch->data->count) {
        request(prefetch, epoch, next);
    } else if (epoch + 1 < prefetch->options.epochs) {
        request(prefetch, epoch + 1, 0);
    } else {
        prefetch->epoch = SIZE_MAX;
    }
}

static void await(struct prefetch *prefetch)
{
    while (prefetch->busy) {
        pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
    }
}

/* ---- batches ------------------------------------------------------------------------------------------- */

/* Reading a file waits; copying from memory pays only on a processor that the steps do not use. */
static bool gathers_ahead(const struct prefetch *prefetch)
{
    const bool pays = prefetch->data->storage->file != NULL || prefetch->data->storage->source != NULL ||
                      prefetch->options.threads < processors_allowed();
    return prefetch->options.ahead == PREFETCH_WHERE_IT_PAYS ? pays
                                                             : prefetch->options.ahead == PREFETCH_ALWAYS;
}

mlp_status prefetch_make(struct prefetch *prefetch, const mlp_data *data,
                         const struct prefetch_options *options)
{
    *prefetch = (struct prefetch){ .options = *options, .data = data, .epoch = SIZE_MAX };
    TRY(sample_order_make(&prefetch->order, data, options->batch, options->window, options->seed,
                          !options->keep_order && !storage_is_sequential(data->storage)));
    const int batches = gathers_ahead(prefetch) ? 2 : 1;
    for (int b = 0; b < batches; b++) {
        TRY(batch_make(&prefetch->batches[b], data, options->batch));
        if (options->network != NULL) {
            batch_scale_targets(&prefetch->batches[b], options->network);
        }
    }
    if (batches > 1) {
        prefetch->ahead = start_thread(prefetch);
    }
    return MLP_OK;
}

void prefetch_free(struct prefetch *prefetch)
{
    if (prefetch->ahead) {
        stop_thread(prefetch);
    }
    sample_order_free(&prefetch->order);
    batch_free(&prefetch->batches[0]);
    batch_free(&prefetch->batches[1]);
    prefetch->ahead = false;
}

static mlp_status take_gathered(struct prefetch *prefetch, size_t epoch, size_t first)
{
    pthread_mutex_lock(&prefetch->mutex);
    await(prefetch);
    if (prefetch->epoch != epoch || prefetch->first != first) {
        request(prefetch, epoch, first);
        await(prefetch);
    }
    const mlp_status status = prefetch->status;
    if (status == MLP_OK) {
        prefetch->handed_out = 1 - prefetch->handed_out;
        request_next(prefetch, epoch, first);
    }
    pthread_mutex_unlock(&prefetch->mutex);
    return status != MLP_OK ? fail(status, "%s", prefetch->text) : MLP_OK;
}

mlp_status prefetch_take(struct prefetch *prefetch, size_t epoch, size_t first, struct batch **batch)
{
    TRY(prefetch->ahead ? take_gathered(prefetch, epoch, first)
                        : gather(prefetch, &prefetch->batches[0], epoch, first, prefetch->options.threads));
    *batch = &prefetch->batches[prefetch->handed_out];
    return MLP_OK;
}
