/* File formats of data sets: each is a file and a row of the table in data_load.c. */
#ifndef IO_DATA_FORMAT_H
#define IO_DATA_FORMAT_H

#include "base/names.h"
#include "data/data.h"
#include "io/byte_reader.h"

/* A file from which a data set is being made. */
struct data_file {
    const char *path;
    struct byte_reader *bytes;       /* at the beginning of the unpacked file */
    const mlp_data_options *options; /* complete */
};

struct data_format {
    struct name name;
    const char *magic; /* what every such file begins with; NULL: nothing in particular */
    size_t magic_size;
    bool (*looks_like)(const unsigned char *head, size_t size); /* what begins so is one; or NULL */
    const char *suffixes[5];                                    /* of paths, less a ".gz"; NULL ends them */
    bool labels_apart;                                          /* in a file of their own */
    bool numbers; /* arrays, from which mlp_data_options::schema subtracts offsets */
    /* Fills count, inputs, features or file, and targets; what it has put there is freed with the storage,
     * also when it fails. */
    mlp_status (*load)(const struct data_file *file, struct storage *storage);
};

/* Opens the labels' file, where the options name one, and reads it. */
mlp_status data_file_labels(const struct data_file *file,
                            mlp_status (*read)(struct byte_reader *reader, const mlp_data_options *options,
                                               struct storage *storage),
                            struct storage *storage);

/* Says in a line what was read, with a detail of the format, or NULL. */
mlp_status data_file_notice(struct storage *storage, const char *detail);

mlp_status csv_load(const struct data_file *file, struct storage *storage);
mlp_status idx_load(const struct data_file *file, struct storage *storage);
mlp_status libsvm_load(const struct data_file *file, struct storage *storage);
mlp_status npy_load(const struct data_file *file, struct storage *storage);
mlp_status npz_load(const struct data_file *file, struct storage *storage);

bool libsvm_looks_like(const unsigned char *head, size_t size);

#endif
