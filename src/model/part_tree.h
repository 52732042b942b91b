/* The tree by which the gradients of a batch's parts are added up (parts.h), as what is to be done with each
 * of them when it is there.
 *
 * Sums that wait for others lie in arenas; arena 0 has the sum of the first parts, and in the end of all.
 * Parts of one rank come in order. Where ranks have memory in common, they come in rounds: the first of each
 * rank, in the ranks' order, then the second of each, and so on. */
#ifndef MODEL_PART_TREE_H
#define MODEL_PART_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "model/exchange.h"

/* Levels of the tree of PARTS_MOST parts above these. */
enum { PARTS_LEVELS = 12 };

/* What becomes of the gradient of a part: arenas are added to it, in order, and it goes to arena `to`, which
 * may be the last of them. */
struct addition {
    uint16_t addend[PARTS_LEVELS];
    uint16_t addends;
    uint16_t to;
};

struct part_tree {
    size_t parts; /* that it was made for; 0: none yet */
    struct addition *additions;
    uint16_t *arena; /* of the sum of parts from this one on that waits; ARENA_NONE */
    uint8_t *level;  /* its level */
    bool *used;      /* arenas in which something waits */
};

enum { ARENA_NONE = UINT16_MAX };

/* Room for batches of up to `parts` parts. */
void part_tree_take(struct part_tree *tree, size_t parts, struct memory_row *row);
void part_tree_free(struct part_tree *tree);

/* For a batch of `parts` parts: of all ranks, in rounds, or of this rank alone, whose nodes (tree_nodes())
 * are left. Returns how many arenas it takes. */
size_t part_tree_make(struct part_tree *tree, const mlp_exchange *exchange, size_t parts, bool all_ranks);

/* The most arenas for any batch of up to `parts` parts. */
size_t part_tree_arenas(struct part_tree *tree, const mlp_exchange *exchange, size_t parts, bool all_ranks);

#endif
