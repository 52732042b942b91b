/* The order of texts that are names of classes or levels. */
#ifndef BASE_TEXT_ORDER_H
#define BASE_TEXT_ORDER_H

#include "base/text_pool.h"

/* Sorts distinct texts: by number where all are whole numbers, by their bytes otherwise. *numbers receives
 * the new number of each text, for memory_free(). */
mlp_status text_list_sort(struct text_list *texts, uint32_t **numbers);

#endif
