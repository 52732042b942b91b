/* Features that stay in a file: samples of one size, one after the other, read when they are wanted.
 *
 * Reads name their place, so any number of threads may read at once. What the system keeps of the file in
 * memory, it gives up when memory is short. */
#ifndef DATA_FEATURE_FILE_H
#define DATA_FEATURE_FILE_H

#include <stddef.h>

#include <mlp/status.h>

enum feature_kind {
    FEATURE_BYTES,            /* value = byte · scale */
    FEATURE_FLOATS,           /* as the machine has them */
    FEATURE_FLOATS_BIG_ENDIAN /* as IDX has them */
};

struct feature_file {
    int descriptor;
    char *path;   /* owned; for messages */
    size_t start; /* offset of the first sample */
    size_t inputs;
    enum feature_kind kind;
    float scale;
};

/* Takes the descriptor, also when it fails; NULL then, and the error text is set (MLP_ERROR_MEMORY). `layout`
 * gives start, inputs, kind and scale. */
struct feature_file *feature_file_make(int descriptor, const char *path, const struct feature_file *layout);
/* NULL is fine. */
void feature_file_free(struct feature_file *file);

/* Bytes of a feature. */
size_t feature_size(enum feature_kind kind);

/* Reads samples first … first + count − 1. MLP_ERROR_IO; MLP_ERROR_FORMAT where the file has become shorter.
 * No allocation. */
mlp_status feature_file_read(const struct feature_file *file, size_t first, size_t count, float *x);
/* Tells the system that these samples will soon be read. */
void feature_file_announce(const struct feature_file *file, size_t first, size_t count);

#endif
