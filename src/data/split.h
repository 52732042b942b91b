/* Parts of a data set that share its storage. */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "data/data.h"

/* Both subsets, each with its positions in ascending order: those of `second_count` samples for which
 * `in_second` holds, and the others. */
mlp_status data_subsets(const mlp_data *data, const bool *in_second, size_t second_count, mlp_data **first,
                        mlp_data **second);

#endif
