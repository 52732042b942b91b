/* Samples that a caller's function makes when they are wanted. */
#ifndef DATA_DATA_SOURCE_H
#define DATA_DATA_SOURCE_H

#include <pthread.h>

#include <mlp/data.h>

struct data_source {
    mlp_data_source options; /* checked */
    pthread_mutex_t mutex;   /* one call at a time */
    size_t epoch, next;      /* where a sequential one stands: its next sample; SIZE_MAX: nowhere */
};

/* Checks the options. ARGUMENT, RANGE, SHAPE. */
mlp_status data_source_accept(const mlp_data_source *given, mlp_data_source *accepted);
/* NULL when memory is short, the error text is set. */
struct data_source *data_source_make(const mlp_data_source *accepted);
/* NULL is fine. */
void data_source_free(struct data_source *source);

/* Reads the samples of a block, whose destinations may be NULL, and checks what came. A sequential source
 * that does not stand there is led there from the start of the epoch. Errors: the callback's; NONFINITE,
 * RANGE (the message names the sample). */
mlp_status data_source_read(struct data_source *source, const mlp_data_block *block);

#endif
