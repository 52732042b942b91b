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
    const char *suffixes[4]; /* of paths, less a ".gz"; NULL ends them */
    bool labels_apart;       /* in a file of their own */
    /* Fills count, inputs, features or file, and targets; what it has put there is freed with the storage,
     * also when it fails. */
    mlp_status (*load)(const struct data_file *file, struct storage *storage);
};

mlp_status csv_load(const struct data_file *file, struct storage *storage);
mlp_status idx_load(const struct data_file *file, struct storage *storage);

#endif
