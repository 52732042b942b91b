/* The tree by which the gradients of a batch's parts are added up (parts.h), as what is to be done with each
 * sum when it is there.
 *
 * Parts come in groups, and a group's parts are added up as far as they are neighbours: to nodes
 * (tree_nodes()). What waits for other groups lies in arenas; arena 0 has the sum of the first parts, and in
 * the end of all. Groups of one rank come in order. Where ranks have memory in common, they come in rounds:
 * the first of each rank, in the ranks' order, then the second of each, and so on. */
#ifndef MODEL_PART_TREE_H
#define MODEL_PART_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "model/exchange.h"

/* Levels of the tree of PARTS_MOST parts above these. */
enum { PARTS_LEVELS = 12 };

/* What becomes of the sum of a node of a group: arenas are added to it, in order, and it goes to arena `to`,
 * which may be the last of them. */
struct addition {
    uint16_t addend[PARTS_LEVELS];
    uint16_t addends;
    uint16_t to;
    uint16_t level; /* of the node */
};

struct part_tree {
    size_t parts, group;        /* that it was made for; 0: none yet */
    struct addition *additions; /* of the node that begins with a part */
    uint16_t *arena;            /* of the sum of parts from this one on that waits; ARENA_NONE */
    uint8_t *level;             /* its level */
    bool *used;                 /* arenas in which something waits */
};

enum { ARENA_NONE = UINT16_MAX };

/* Room for batches of up to `parts` parts. */
void part_tree_take(struct part_tree *tree, size_t parts, struct memory_row *row);
void part_tree_free(struct part_tree *tree);

/* Parts of rank `rank` in a round of groups; maybe none. */
struct range part_group(const mlp_exchange *exchange, size_t parts, size_t group, int rank, size_t round);

/* For a batch of `parts` parts in groups of `group`: of all ranks, in rounds, or of this rank alone, whose
 * nodes are left. Returns how many arenas it takes. */
size_t part_tree_make(struct part_tree *tree, const mlp_exchange *exchange, size_t parts, size_t group,
                      bool all_ranks);

/* The most arenas for any batch of up to `parts` parts: in groups of groups.first … groups.end, of the latter
 * where it has fewer parts. */
size_t part_tree_arenas(struct part_tree *tree, const mlp_exchange *exchange, size_t parts,
                        const struct range *groups, bool all_ranks);

#endif
