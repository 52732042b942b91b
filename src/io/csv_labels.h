/* The label column of a CSV file: texts that become class indices. A text is kept once, however many samples
 * bear it. */
#ifndef IO_CSV_LABELS_H
#define IO_CSV_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/text_pool.h"

struct csv_labels {
    const char *path;      /* for messages; borrowed */
    const char *place;     /* what is counted where a label stands: "line" unless it is set otherwise */
    size_t name_count;     /* the labels that there may be; 0: any */
    struct text_pool pool; /* distinct labels: the names in class order, or as they come */
    struct array classes;  /* int32_t: each sample's label, by its number in the pool */
};

/* Begins an empty column, csv_labels_free() in any case. `names`: the labels that there may be, in class
 * order; NULL with `count` 0: any. MLP_ERROR_ARGUMENT for a name that is NULL or there twice. */
mlp_status csv_labels_begin(struct csv_labels *labels, const char *path, const char *const *names,
                            size_t count);
/* The next sample's label. MLP_ERROR_FORMAT, with the line, when it is none of the names. */
mlp_status csv_labels_add(struct csv_labels *labels, const char *label, size_t line);
/* Class index of every sample, and the classes' names: those given, or the labels found, in order of number
 * where all are whole numbers, of the alphabet otherwise. Both are the caller's. */
mlp_status csv_labels_resolve(struct csv_labels *labels, int32_t **classes, struct text_list *class_names);
void csv_labels_free(struct csv_labels *labels);

#endif
