/* The label column of a CSV file: texts that become class indices. A text is kept once, however many samples
 * bear it. */
#ifndef IO_CSV_LABELS_H
#define IO_CSV_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/status.h>

struct csv_labels {
    const char *path;         /* for messages; borrowed */
    const char *const *names; /* the labels that there may be, in class order; NULL: any. Borrowed */
    size_t name_count;
    char **texts; /* distinct labels: the names, or as they come */
    size_t text_count;
    size_t text_capacity;
    size_t *slots;     /* a hash table of 1 + index into `texts`; 0: free */
    size_t slot_count; /* a power of two */
    int32_t *labels;   /* of each sample, as an index into `texts` */
    size_t count;
    size_t capacity;
};

/* `path`, `names` and `name_count` are set, all else is 0. csv_labels_free() in any case. */
mlp_status csv_labels_begin(struct csv_labels *labels);
/* The next sample's label. MLP_ERROR_FORMAT, with the line, when it is none of the names. */
mlp_status csv_labels_add(struct csv_labels *labels, const char *label, size_t line);
/* Class index of every sample, and the classes' names: those given, or the labels found, in order of number
 * where all are whole numbers, of the alphabet otherwise. Both are the caller's (each text and the array);
 * NULL on failure. */
mlp_status csv_labels_resolve(struct csv_labels *labels, int32_t **classes, char ***class_names,
                              size_t *class_count);
void csv_labels_free(struct csv_labels *labels);

#endif
