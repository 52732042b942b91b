/* The tree of a batch's parts, with texts in place of sums: every sum by the definition, for all numbers of
 * parts and ranks, whichever come first. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/part_tree.h"

enum { PARTS = 40, RANKS = 9, TEXT = 400 };

/* The sum of parts first … first + 2^level − 1, of those that there are. */
static void expected_sum(size_t first, size_t level, size_t parts, char *text)
{
    const size_t half = level > 0 ? (size_t)1 << (level - 1) : 0;
    char left[TEXT], right[TEXT];
    if (level == 0) {
        snprintf(text, TEXT, "%zu", first);
        return;
    }
    expected_sum(first, level - 1, parts, left);
    if (first + half >= parts) {
        memcpy(text, left, TEXT);
        return;
    }
    expected_sum(first + half, level - 1, parts, right);
    assert_true(snprintf(text, TEXT, "(%.190s+%.190s)", left, right) < TEXT);
}

/* a + b, the one with the lower parts first: b + a has the same bits. */
static void join(char *a, const char *b)
{
    char sum[TEXT];
    size_t first_a = 0, first_b = 0;
    assert_int_equal(sscanf(a + strspn(a, "("), "%zu", &first_a), 1);
    assert_int_equal(sscanf(b + strspn(b, "("), "%zu", &first_b), 1);
    const bool in_order = first_a < first_b;
    assert_true(snprintf(sum, TEXT, "(%.190s+%.190s)", in_order ? a : b, in_order ? b : a) < TEXT);
    memcpy(a, sum, TEXT);
}

/* The texts of a group's nodes go where the tree says. */
static void add(const struct part_tree *tree, const struct range *group, size_t parts,
                char arenas[PARTS][TEXT])
{
    for (size_t part = group->first; part < group->end;) {
        const struct addition *addition = &tree->additions[part];
        char text[TEXT];
        expected_sum(part, addition->level, parts, text);
        for (size_t i = 0; i < addition->addends; i++) {
            join(text, arenas[addition->addend[i]]);
        }
        memcpy(arenas[addition->to], text, TEXT);
        part += (size_t)1 << addition->level;
        assert_true(part <= group->end || group->end == parts);
    }
}

static size_t depth_of(size_t parts)
{
    size_t depth = 0;
    while ((size_t)1 << depth < parts) {
        depth++;
    }
    return depth;
}

static void ranks_in_rounds(struct part_tree *tree, mlp_exchange *exchange, size_t parts, size_t group)
{
    static char arenas[PARTS][TEXT];
    char expected[TEXT];
    assert_true(part_tree_make(tree, exchange, parts, group, true) <= parts);
    for (size_t round = 0; round < parts; round++) {
        for (int r = 0; r < exchange->size; r++) {
            const struct range here = part_group(exchange, parts, group, r, round);
            add(tree, &here, parts, arenas);
        }
    }
    expected_sum(0, depth_of(parts), parts, expected);
    assert_string_equal(arenas[0], expected);
}

static void each_rank_alone(struct part_tree *tree, mlp_exchange *exchange, size_t parts, size_t group)
{
    const bool alone = exchange->size == 1;
    for (exchange->rank = 0; exchange->rank < exchange->size; exchange->rank++) {
        static char arenas[PARTS][TEXT];
        char expected[TEXT];
        struct tree_node nodes[EXCHANGE_NODES];
        const struct range own = exchange_parts(exchange, parts, exchange->rank);
        const size_t count = alone ? 0 : tree_nodes(own.first, own.end, false, nodes);
        part_tree_make(tree, exchange, parts, group, false);
        for (size_t round = 0; round < parts; round++) {
            const struct range here = part_group(exchange, parts, group, exchange->rank, round);
            add(tree, &here, parts, arenas);
        }
        for (size_t k = 0; k < count; k++) {
            expected_sum(nodes[k].first, nodes[k].level, parts, expected);
            assert_string_equal(arenas[tree->arena[nodes[k].first]], expected);
        }
        expected_sum(0, depth_of(parts), parts, expected);
        assert_true(!alone || strcmp(arenas[0], expected) == 0);
    }
    exchange->rank = 0;
}

static void sums_are_those_of_the_tree(void **unused)
{
    struct memory_row row = { 0 };
    struct part_tree tree = { 0 };
    (void)unused;
    part_tree_take(&tree, PARTS, &row);
    assert_false(row.failed);
    for (int ranks = 1; ranks <= RANKS; ranks++) {
        mlp_exchange exchange = MLP_EXCHANGE_INIT;
        exchange.size = ranks;
        for (size_t parts = 1; parts <= PARTS; parts++) {
            for (size_t group = 1; group <= parts; group += 1 + group / 4) {
                ranks_in_rounds(&tree, &exchange, parts, group);
                each_rank_alone(&tree, &exchange, parts, group);
            }
        }
    }
    part_tree_free(&tree);
}

/* ⌊log₂ P⌋ on one rank, and where each rank has one part. */
static void few_arenas_wait(void **unused)
{
    struct memory_row row = { 0 };
    struct part_tree tree = { 0 };
    (void)unused;
    part_tree_take(&tree, PARTS, &row);
    assert_false(row.failed);
    for (size_t parts = 2; parts <= PARTS; parts++) {
        mlp_exchange exchange = MLP_EXCHANGE_INIT;
        const size_t floor = depth_of(parts + 1) - 1;
        const struct range one = { 1, 1 }, all = { parts, parts }, any = { 1, parts };
        assert_int_equal(part_tree_arenas(&tree, &exchange, parts, &one, false), floor);
        assert_int_equal(part_tree_arenas(&tree, &exchange, parts, &any, false), floor);
        assert_int_equal(part_tree_arenas(&tree, &exchange, parts, &all, false), 1);
        exchange.size = (int)parts;
        assert_int_equal(part_tree_arenas(&tree, &exchange, parts, &one, true), floor);
        assert_int_equal(part_tree_arenas(&tree, &exchange, parts, &one, false), 1);
    }
    part_tree_free(&tree);
}

/* There is memory for what waits with any number of parts, in groups of any size. */
static void no_tree_takes_more_arenas(void **unused)
{
    struct memory_row row = { 0 };
    struct part_tree tree = { 0 };
    (void)unused;
    part_tree_take(&tree, PARTS, &row);
    assert_false(row.failed);
    for (size_t i = 0; i < (size_t)2 * RANKS * PARTS; i++) {
        mlp_exchange exchange = MLP_EXCHANGE_INIT;
        const bool all_ranks = i % 2 != 0;
        const size_t parts = 1 + i / 2 % PARTS, largest = 1 + i % parts, least = 1 + i % 3;
        exchange.size = 1 + (int)(i / 2 / PARTS);
        exchange.rank = (int)(i % (size_t)exchange.size);
        const struct range groups = { least < largest ? least : largest, largest };
        const size_t most = part_tree_arenas(&tree, &exchange, parts, &groups, all_ranks);
        for (size_t real = 1; real < parts; real++) { /* of one sample each: as many as there is room for */
            assert_true(part_tree_make(&tree, &exchange, real, largest, all_ranks) <= most);
        }
        for (size_t group = groups.first; group <= groups.end; group++) {
            assert_true(part_tree_make(&tree, &exchange, parts, group, all_ranks) <= most);
        }
    }
    part_tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_tree),
        cmocka_unit_test(few_arenas_wait),
        cmocka_unit_test(no_tree_takes_more_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
