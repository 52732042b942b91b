/* Samples from a callback. */
#include "data/data_source.h"

#include <stdint.h>

#include "base/memory.h"
#include "base/nonfinite.h"
#include "base/options.h"
#include "base/status.h"

mlp_status data_source_accept(const mlp_data_source *given, mlp_data_source *accepted)
{
    mlp_data_source *a = accepted;
    size_t size;
    TRY(ACCEPT_OPTIONS(mlp_data_source, MLP_DATA_SOURCE_INIT, given, accepted));
    FAIL_IF(a->read == NULL, MLP_ERROR_ARGUMENT, "data source: read is NULL, expected a function");
    FAIL_IF(a->count == 0 || a->inputs == 0, MLP_ERROR_RANGE,
            "data source: count is %zu and inputs is %zu, expected at least 1", a->count, a->inputs);
    FAIL_IF(a->class_count > 0 && a->outputs > 0, MLP_ERROR_ARGUMENT,
            "data source: class_count is %zu and outputs is %zu, expected one of them or neither",
            a->class_count, a->outputs);
    FAIL_IF(a->class_count > (size_t)INT32_MAX, MLP_ERROR_RANGE,
            "data source: class_count is %zu, expected at most %d", a->class_count, INT32_MAX);
    FAIL_IF(!size_multiply(a->inputs, sizeof(float), &size) ||
                !size_multiply(a->outputs, sizeof(float), &size),
            MLP_ERROR_SHAPE, "data source: a sample of %zu inputs and %zu outputs does not fit the memory",
            a->inputs, a->outputs);
    return MLP_OK;
}

struct data_source *data_source_make(const mlp_data_source *accepted)
{
    struct data_source *source = memory_allocate(1, sizeof *source);
    if (source != NULL) {
        source->options = *accepted;
        source->epoch = source->next = SIZE_MAX;
        pthread_mutex_init(&source->mutex, NULL);
    }
    return source;
}

void data_source_free(struct data_source *source)
{
    if (source != NULL) {
        pthread_mutex_destroy(&source->mutex);
        memory_free(source);
    }
}

/* ---- what came ----------------------------------------------------------------------------------------- */

/* `what` names an entry of a sample; NULL is fine. */
static mlp_status check_finite(const mlp_data_block *block, const float *values, size_t width,
                               const char *what)
{
    const size_t size = values != NULL ? block->count * width : 0;
    const size_t i = nonfinite_find(values, size);
    FAIL_IF(i < size, MLP_ERROR_NONFINITE, "data source: sample %zu, %s %zu is %g, expected a finite number",
            block->first + i / width, what, i % width, (double)values[i]);
    return MLP_OK;
}

static mlp_status check(const mlp_data_source *o, const mlp_data_block *block)
{
    const size_t classed = block->classes != NULL ? block->count : 0,
                 weighted = block->weights != NULL ? block->count : 0;
    TRY(check_finite(block, block->x, o->inputs, "feature"));
    TRY(check_finite(block, block->values, o->outputs, "target value"));
    TRY(check_finite(block, block->weights, 1, "weight"));
    for (size_t i = 0; i < classed; i++) {
        FAIL_IF(block->classes[i] < 0 || (size_t)block->classes[i] >= o->class_count, MLP_ERROR_RANGE,
                "data source: sample %zu: class is %d, expected 0 to %zu", block->first + i,
                (int)block->classes[i], o->class_count - 1);
    }
    for (size_t i = 0; i < weighted; i++) {
        FAIL_IF(block->weights[i] < 0.0f, MLP_ERROR_RANGE,
                "data source: sample %zu: weight is %g, expected at least 0", block->first + i,
                (double)block->weights[i]);
    }
    return MLP_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static mlp_status call(struct data_source *source, const mlp_data_block *block)
{
    fail(MLP_OK, "%s", "");
    const mlp_status status = source->options.read(block, source->options.context);
    source->epoch = status == MLP_OK ? block->epoch : SIZE_MAX;
    source->next = block->first + block->count;
    if (status == MLP_OK) {
        return MLP_OK;
    }
    const char *text = mlp_last_error(); /* the callback's own, or one of a function that it called */
    return fail_in(text[0] != '\0' ? status : fail(status, "%s", mlp_status_text(status)),
                   "data source: samples %zu to %zu of epoch %zu", block->first,
                   block->first + block->count - 1, block->epoch);
}

/* Leads a sequential source to a sample: none of those before it is wanted. */
static mlp_status lead(struct data_source *source, size_t epoch, size_t first)
{
    const bool onward = source->epoch == epoch && source->next <= first;
    const size_t from = onward ? source->next : 0;
    const mlp_data_block block = { .epoch = epoch, .first = from, .count = first - from };
    return block.count > 0 ? call(source, &block) : MLP_OK;
}

mlp_status data_source_read(struct data_source *source, const mlp_data_block *block)
{
    pthread_mutex_lock(&source->mutex);
    mlp_status status = source->options.sequential ? lead(source, block->epoch, block->first) : MLP_OK;
    status = status == MLP_OK ? call(source, block) : status;
    pthread_mutex_unlock(&source->mutex);
    TRY(status);
    return check(&source->options, block);
}
