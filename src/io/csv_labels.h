/* The label column of a CSV file: texts that become class indices. */
#ifndef IO_CSV_LABELS_H
#define IO_CSV_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/status.h>

struct csv_labels {
    char *text;       /* all labels, NUL-terminated, one after the other */
    size_t used;
    size_t size;
    size_t *offsets;  /* of each sample's label in `text` */
    size_t *lines;    /* of each sample, for messages */
    size_t count;
    size_t capacity;
};

mlp_status csv_labels_add(struct csv_labels *labels, const char *label, size_t line);
void csv_labels_free(struct csv_labels *labels);

/* Class index of every sample: by `names` where there are any (a label that is not among them is an error), else in
 * order of number where all labels are whole numbers, of the alphabet otherwise. *classes and *class_names (each text
 * and the array) are the caller's; NULL on failure. */
mlp_status csv_labels_resolve(const struct csv_labels *labels, const char *path, const char *const *names,
                              size_t name_count, int32_t **classes, char ***class_names, size_t *class_count);

#endif
