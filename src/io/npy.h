/* NPY, numpy's file format of one array. */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "data/data.h"
#include "io/byte_reader.h"

/* Reads an array as features, or as targets of storage->count samples. */
mlp_status npy_features(struct byte_reader *reader, const mlp_data_options *options, struct storage *storage);
mlp_status npy_targets(struct byte_reader *reader, const mlp_data_options *options, struct storage *storage);

#endif
