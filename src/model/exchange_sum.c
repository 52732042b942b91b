/* The sum of the nodes of all ranks, by the tree of a batch's parts. */
#include <string.h>

#include "linalg/vector.h"
#include "model/parts.h"

enum { BLOCK = 512 };

/* Sums that wait for their right neighbour, as in the pass of a single rank. */
struct stack {
    float *values[PARTS_LEVELS + 2]; /* of BLOCK each; the first where the sum goes */
    size_t levels[PARTS_LEVELS + 2];
    size_t height;
};

static void push(struct stack *stack, const struct tree_node *node, const float *values, size_t count)
{
    size_t level = node->level, top = stack->height;
    if (top == 0 || stack->levels[top - 1] != level || (node->first >> level & 1) == 0) {
        memcpy(stack->values[top], values, count * sizeof *values);
        stack->levels[stack->height++] = level;
        return;
    }
    vector_kernels()->add(stack->values[--top], values, count);
    level++;
    while (top > 0 && stack->levels[top - 1] == level && (node->first >> level & 1) != 0) {
        vector_kernels()->add(stack->values[top - 1], stack->values[top], count);
        top--;
        level++;
    }
    stack->levels[top] = level;
    stack->height = top + 1;
}

/* Floats first … first + count − 1 of this rank's slice of `length`, over all nodes of all ranks in order. */
static void add_nodes(const struct pass *pass, const float *const *nodes, size_t length, size_t first,
                      size_t count, float *sum)
{
    const mlp_exchange *exchange = &pass->workspace->parts->exchange;
    float waiting[PARTS_LEVELS + 1][BLOCK];
    struct stack stack = { .values = { sum } };
    for (size_t i = 0; i < PARTS_LEVELS + 1; i++) {
        stack.values[i + 1] = waiting[i];
    }
    for (int r = 0; r < exchange->size; r++) {
        const struct range theirs = exchange_parts(exchange, pass->batch.parts, r);
        struct tree_node of_rank[EXCHANGE_NODES];
        const size_t node_count = tree_nodes(theirs.first, theirs.end, false, of_rank);
        for (size_t k = 0; k < node_count; k++) {
            push(&stack, &of_rank[k], nodes[r] + k * length + first, count);
        }
    }
    for (; stack.height > 1; stack.height--) {
        vector_kernels()->add(stack.values[stack.height - 2], stack.values[stack.height - 1], count);
    }
}

void exchange_add_slice(const struct team *team, const struct pass *pass, const float *const *nodes)
{
    const struct parts *parts = pass->workspace->parts;
    const mlp_exchange *exchange = &parts->exchange;
    const struct range slice = exchange_slice(pass->workspace->arena_size, exchange->size, exchange->rank);
    const size_t floats = slice.end - slice.first;
    const struct range share = team_share(team, (floats + BLOCK - 1) / BLOCK);
    for (size_t b = share.first; b < share.end; b++) {
        const size_t left = floats - b * BLOCK;
        add_nodes(pass, nodes, floats, b * BLOCK, left < BLOCK ? left : (size_t)BLOCK,
                  parts->buffers.slice + b * BLOCK);
    }
}
