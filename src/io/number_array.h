/* Arrays of numbers in files, samples along the first axis, as features and as targets. */
#ifndef IO_NUMBER_ARRAY_H
#define IO_NUMBER_ARRAY_H

#include <stdbool.h>

#include "data/data.h"
#include "io/byte_reader.h"

enum value_kind { VALUE_UNSIGNED, VALUE_SIGNED, VALUE_FLOAT };

struct number_array {
    size_t rank;
    size_t count; /* samples: the first extent */
    size_t width; /* values of a sample: the product of the others */
    size_t start; /* offset of the first value in the unpacked file */
    enum value_kind kind;
    size_t size; /* bytes of a value: 1, 2, 4 or 8; of floats 2, 4 or 8 */
    bool big_endian;
    bool fortran;     /* the first axis varies fastest */
    float byte_scale; /* unsigned bytes stay bytes: value = byte · byte_scale */
    double *offsets;  /* of each value of a sample, subtracted before it becomes float; NULL: none */
    bool learns;      /* the offsets are to be filled in by the first samples */
};

/* Adds an axis; `a` is 0 before the first. FORMAT for an extent of 0, and beyond what BLAS counts. */
mlp_status number_array_add_axis(const char *path, struct number_array *a, size_t extent);

/* Reads the values, which come next and last in the reader's file, as features: into memory, or left in the
 * file or in a temporary one. A file that promises more values than it holds costs what it holds. FORMAT also
 * for values that are not finite. */
mlp_status number_array_features(struct byte_reader *reader, const struct number_array *a,
                                 const mlp_data_options *options, struct storage *storage);

/* The same as floats, sample after sample; *values is the caller's, also on failure. */
mlp_status number_array_load(struct byte_reader *reader, const struct number_array *a, void **values);

/* Reads the values as the targets of storage->count samples. Whole numbers, one for each sample, are classes
 * unless they are to be numbers: by the names of classes that the options give, as class indices where they
 * are small, or else each different number is a class. */
mlp_status number_array_targets(struct byte_reader *reader, const struct number_array *a,
                                const mlp_data_options *options, struct storage *storage);

/* A whole number of the array from its bytes. False beyond 2⁶³ − 1. */
bool number_array_whole(const struct number_array *a, const unsigned char *bytes, int64_t *value);

/* Bytes of all values; FORMAT where memory or a file cannot hold them. */
mlp_status number_array_bytes(const char *path, const struct number_array *a, size_t *bytes);

#endif
