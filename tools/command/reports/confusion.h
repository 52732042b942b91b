/* A confusion matrix as a table. */
#ifndef TOOLS_CONFUSION_H
#define TOOLS_CONFUSION_H

#include <stdint.h>
#include <stdio.h>

#include <mlp/network.h>

/* Classes of a matrix that is printed, at most. */
enum { CONFUSION_CLASSES = 40 };

/* Rows are true classes, columns predicted ones: counts[actual·classes + predicted]. Each row ends with the
 * class's recall (the share of its samples that were found) and precision (the share of its predictions that
 * are right). */
void print_confusion(FILE *stream, const mlp_network *network, const uint64_t *counts, size_t classes);

#endif
