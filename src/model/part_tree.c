/* The tree of a batch's parts: part_tree.h. */
#include "model/part_tree.h"

#include <string.h>

void part_tree_take(struct part_tree *tree, size_t parts, struct memory_row *row)
{
    tree->additions = memory_take(row, parts, sizeof *tree->additions);
    tree->arena = memory_take(row, parts, sizeof *tree->arena);
    tree->level = memory_take(row, parts, sizeof *tree->level);
    tree->used = memory_take(row, parts, sizeof *tree->used);
}

void part_tree_free(struct part_tree *tree)
{
    memory_free(tree->additions);
    memory_free(tree->arena);
    memory_free(tree->level);
    memory_free(tree->used);
}

/* A node on its way up: parts first … first + 2^level − 1. */
struct climb {
    struct part_tree *tree;
    const struct range *range; /* of parts whose sums meet */
    bool is_whole;             /* they are all parts of the batch: a node without a right neighbour goes up */
    size_t first, level;
};

/* The sum that waits for this node, or takes it in, is added to it. False: there is none yet. */
static bool meet_sibling(const struct climb *climb, struct addition *addition)
{
    struct part_tree *tree = climb->tree;
    const size_t sibling = climb->first ^ (size_t)1 << climb->level;
    if (sibling < climb->range->first || sibling >= climb->range->end || tree->arena[sibling] == ARENA_NONE ||
        tree->level[sibling] != climb->level) {
        return false;
    }
    addition->addend[addition->addends++] = tree->arena[sibling];
    tree->used[tree->arena[sibling]] = false;
    tree->arena[sibling] = ARENA_NONE;
    return true;
}

static bool has_no_sibling(const struct climb *climb)
{
    return climb->is_whole && (climb->first ^ (size_t)1 << climb->level) >= climb->range->end;
}

static bool is_root(const struct climb *climb)
{
    return climb->is_whole && climb->first == 0 && (size_t)1 << climb->level >= climb->range->end;
}

static uint16_t free_arena(const struct part_tree *tree)
{
    uint16_t arena = 1;
    while (tree->used[arena]) {
        arena++;
    }
    return arena;
}

/* The last of the addends gives its arena, where nothing is copied. */
static void choose_arena(const struct climb *climb, struct addition *addition)
{
    const size_t count = addition->addends;
    if (climb->first == climb->range->first) {
        addition->to = 0;
    } else {
        addition->to = count > 0 ? addition->addend[count - 1] : free_arena(climb->tree);
    }
}

static void place_node(struct part_tree *tree, const struct range *range, bool is_whole,
                       const struct tree_node *node)
{
    struct climb climb = { tree, range, is_whole, node->first, node->level };
    struct addition *addition = &tree->additions[node->first];
    addition->addends = 0;
    addition->level = (uint16_t)node->level;
    while (!is_root(&climb) && (has_no_sibling(&climb) || meet_sibling(&climb, addition))) {
        climb.first &= ~((size_t)1 << climb.level);
        climb.level++;
    }
    choose_arena(&climb, addition);
    tree->arena[climb.first] = addition->to;
    tree->level[climb.first] = (uint8_t)climb.level;
    tree->used[addition->to] = true;
}

struct range part_group(const mlp_exchange *exchange, size_t parts, size_t group, int rank, size_t round)
{
    const struct range theirs = exchange_parts(exchange, parts, rank);
    const size_t first = theirs.first + round * group;
    return (struct range){ first < theirs.end ? first : theirs.end,
                           first + group < theirs.end ? first + group : theirs.end };
}

/* Returns the arenas that have been in use. */
static size_t place_group(struct part_tree *tree, const struct range *range, bool is_whole,
                          const struct range *group, size_t arenas)
{
    struct tree_node nodes[EXCHANGE_NODES];
    const size_t count = tree_nodes(group->first, group->end, is_whole && group->end == range->end, nodes);
    for (size_t i = 0; i < count; i++) {
        place_node(tree, range, is_whole, &nodes[i]);
        const size_t to = tree->additions[nodes[i].first].to;
        arenas = to >= arenas ? to + 1 : arenas;
    }
    return arenas;
}

size_t part_tree_make(struct part_tree *tree, const mlp_exchange *exchange, size_t parts, size_t group,
                      bool all_ranks)
{
    const struct range own = exchange_parts(exchange, parts, exchange->rank);
    const struct range all = { 0, parts }, *range = all_ranks ? &all : &own;
    const struct range most = all_ranks ? exchange_parts(exchange, parts, 0) : own;
    const int first = all_ranks ? 0 : exchange->rank, end = all_ranks ? exchange->size : first + 1;
    const bool is_whole = all_ranks || exchange->size == 1;
    size_t arenas = 1;
    memset(tree->used, 0, parts * sizeof *tree->used);
    for (size_t p = 0; p < parts; p++) {
        tree->arena[p] = ARENA_NONE;
    }
    for (size_t round = 0; round * group < most.end - most.first; round++) {
        for (int r = first; r < end; r++) {
            const struct range here = part_group(exchange, parts, group, r, round);
            arenas = place_group(tree, range, is_whole, &here, arenas);
        }
    }
    tree->parts = parts;
    tree->group = group;
    return arenas;
}

size_t part_tree_arenas(struct part_tree *tree, const mlp_exchange *exchange, size_t parts,
                        const struct range *groups, bool all_ranks)
{
    size_t most = 1;
    if (exchange->size == 1 && groups->first == 1) {
        most = part_tree_make(tree, exchange, parts, 1, all_ranks); /* one rank's grow with the parts */
    } else {
        for (size_t real = 1; real < parts; real++) {
            const size_t arenas = part_tree_make(tree, exchange, real, groups->end, all_ranks);
            most = arenas > most ? arenas : most;
        }
        for (size_t group = groups->first; group <= groups->end; group++) {
            const size_t arenas = part_tree_make(tree, exchange, parts, group, all_ranks);
            most = arenas > most ? arenas : most;
        }
    }
    tree->parts = 0;
    return most;
}
