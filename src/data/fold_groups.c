/* Folds, and a stratified split, that keep groups of samples together.
 *
 * The groups, the largest first and those of one size shuffled by the seed, go one after another to the part
 * p whose Σ_c n_pc²/(s_p·N_c) grows the least: n_pc samples of class c are there already, N_c in all, and s_p
 * is the part's share. The sum over the parts is least where every part has its share of every class. Without
 * classes all samples count as of one. (As scikit-learn's GroupKFold and StratifiedGroupKFold: largest first,
 * to where it disturbs the least.) */
#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "data/split.h"

struct deal {
    const mlp_data *data;
    const double *shares; /* of each part, above 0 */
    size_t parts;
    bool stratified;
    uint64_t seed;
    size_t groups;  /* numbers below this; not all need be there */
    size_t classes; /* 1 where classes do not count */
    /* owned */
    size_t *start;       /* group g has members[start[g]] … members[start[g + 1] − 1]; groups + 1 */
    size_t *members;     /* positions, group after group; count */
    size_t *order;       /* groups that are there, as they are dealt */
    size_t *part_of;     /* of each group */
    double *dealt;       /* n_pc: parts × classes */
    double *totals;      /* N_c: classes */
    double *open;        /* of the group under way, 0 for classes that it has not */
    size_t *part_groups; /* groups that each part has */
};

static size_t class_at(const struct deal *deal, size_t position)
{
    return deal->stratified ? (size_t)deal->data->storage->classes[data_sample(deal->data, position)] : 0;
}

static size_t group_at(const mlp_data *data, size_t position)
{
    return (size_t)data->storage->groups[data_sample(data, position)];
}

static void sort_members(struct deal *deal)
{
    size_t *next = deal->part_of; /* not needed yet */
    for (size_t i = 0; i < deal->data->count; i++) {
        deal->start[group_at(deal->data, i) + 1]++;
    }
    for (size_t g = 0; g < deal->groups; g++) {
        deal->start[g + 1] += deal->start[g];
        next[g] = deal->start[g];
    }
    for (size_t i = 0; i < deal->data->count; i++) {
        deal->members[next[group_at(deal->data, i)]++] = i;
        deal->totals[class_at(deal, i)] += 1.0;
    }
}

static size_t size_of(const struct deal *deal, size_t group)
{
    return deal->start[group + 1] - deal->start[group];
}

/* Puts the groups in order, by counting: `sorted` and `places` have room for `present` and count + 1. */
static void sort_by_size(const struct deal *deal, size_t present, size_t *sorted, size_t *places)
{
    for (size_t i = 0; i < present; i++) {
        places[deal->data->count - size_of(deal, deal->order[i])]++;
    }
    size_t before = 0;
    for (size_t k = 0; k <= deal->data->count; k++) {
        const size_t here = places[k];
        places[k] = before;
        before += here;
    }
    for (size_t i = 0; i < present; i++) {
        sorted[places[deal->data->count - size_of(deal, deal->order[i])]++] = deal->order[i];
    }
}

static mlp_status make_order(struct deal *deal, size_t *present)
{
    const struct random_stream stream = random_stream(deal->seed, RANDOM_SPLIT, 0, 0);
    *present = 0;
    for (size_t g = 0; g < deal->groups; g++) {
        if (size_of(deal, g) > 0) {
            deal->order[(*present)++] = g;
        }
    }
    random_shuffle(&stream, deal->order, *present);
    size_t *sorted = memory_allocate(deal->groups, sizeof *sorted);
    size_t *places = memory_allocate(deal->data->count + 1, sizeof *places);
    const bool complete = sorted != NULL && places != NULL;
    if (complete) {
        sort_by_size(deal, *present, sorted, places);
        memory_free(deal->order);
        deal->order = sorted;
    } else {
        memory_free(sorted);
    }
    memory_free(places);
    return complete ? MLP_OK : MLP_ERROR_MEMORY;
}

/* By what the sum of a part grows with the open group; its members name its classes. */
static double cost(const struct deal *deal, size_t part, size_t group)
{
    double sum = 0.0;
    for (size_t i = deal->start[group]; i < deal->start[group + 1]; i++) {
        const size_t c = class_at(deal, deal->members[i]);
        const double here = deal->dealt[part * deal->classes + c];
        sum += (2.0 * here + deal->open[c]) / (deal->shares[part] * deal->totals[c]); /* once a member */
    }
    return sum;
}

/* The part for a group; with `empty_only` one that has none yet. */
static size_t choose(const struct deal *deal, size_t group, bool empty_only)
{
    size_t best = deal->parts;
    double least = INFINITY;
    for (size_t p = 0; p < deal->parts; p++) {
        if (empty_only && deal->part_groups[p] > 0) {
            continue;
        }
        const double sum = cost(deal, p, group);
        if (sum < least) {
            best = p;
            least = sum;
        }
    }
    return best;
}

static void deal_group(struct deal *deal, size_t group, bool empty_only)
{
    for (size_t i = deal->start[group]; i < deal->start[group + 1]; i++) {
        deal->open[class_at(deal, deal->members[i])] += 1.0;
    }
    const size_t part = choose(deal, group, empty_only);
    deal->part_of[group] = part;
    deal->part_groups[part]++;
    for (size_t i = deal->start[group]; i < deal->start[group + 1]; i++) {
        const size_t c = class_at(deal, deal->members[i]);
        deal->dealt[part * deal->classes + c] += deal->open[c];
        deal->open[c] = 0.0; /* a class counts once */
    }
}

static mlp_status deal_groups(struct deal *deal, const char *function)
{
    size_t present, empty = deal->parts;
    sort_members(deal);
    TRY(make_order(deal, &present));
    FAIL_IF(present < deal->parts, MLP_ERROR_RANGE, "%s: there %s %zu group%s, expected at least %zu",
            function, present == 1 ? "is" : "are", present, present == 1 ? "" : "s", deal->parts);
    for (size_t i = 0; i < present; i++) {
        deal_group(deal, deal->order[i], present - i <= empty);
        empty -= deal->part_groups[deal->part_of[deal->order[i]]] == 1;
    }
    return MLP_OK;
}

static mlp_status make_subsets(const struct deal *deal, size_t part, mlp_data **first, mlp_data **second)
{
    bool *in_second = memory_allocate(deal->data->count, sizeof *in_second);
    size_t count = 0;
    REQUIRE_MEMORY(in_second);
    for (size_t i = 0; i < deal->data->count; i++) {
        in_second[i] = deal->part_of[group_at(deal->data, i)] == part;
        count += in_second[i];
    }
    const mlp_status status = data_subsets(deal->data, in_second, count, first, second);
    memory_free(in_second);
    return status;
}

static mlp_status allocate(struct deal *deal)
{
    const mlp_data *data = deal->data;
    struct memory_row row = { 0 };
    for (size_t i = 0; i < data->count; i++) {
        deal->groups = group_at(data, i) >= deal->groups ? group_at(data, i) + 1 : deal->groups;
    }
    deal->classes = deal->stratified ? data->storage->class_count : 1;
    deal->start = memory_take(&row, deal->groups + 1, sizeof *deal->start);
    deal->members = memory_take(&row, data->count, sizeof *deal->members);
    deal->order = memory_take(&row, deal->groups, sizeof *deal->order);
    deal->part_of = memory_take(&row, deal->groups, sizeof *deal->part_of);
    deal->dealt = memory_take(&row, deal->parts, deal->classes * sizeof *deal->dealt);
    deal->totals = memory_take(&row, deal->classes, sizeof *deal->totals);
    deal->open = memory_take(&row, deal->classes, sizeof *deal->open);
    deal->part_groups = memory_take(&row, deal->parts, sizeof *deal->part_groups);
    return row.failed ? MLP_ERROR_MEMORY : MLP_OK;
}

/* Deals the groups out and gives the samples of `part` to the second set. */
static mlp_status run(struct deal *deal, const char *function, size_t part, mlp_data **first,
                      mlp_data **second)
{
    mlp_status status = allocate(deal);
    status = status == MLP_OK ? deal_groups(deal, function) : status;
    status = status == MLP_OK ? make_subsets(deal, part, first, second) : status;
    memory_free(deal->start);
    memory_free(deal->members);
    memory_free(deal->order);
    memory_free(deal->part_of);
    memory_free(deal->dealt);
    memory_free(deal->totals);
    memory_free(deal->open);
    memory_free(deal->part_groups);
    return status;
}

static mlp_status check(const struct deal *deal, const char *function)
{
    FAIL_IF(deal->data->storage->groups == NULL, MLP_ERROR_ARGUMENT, "%s: the data set has no groups",
            function);
    FAIL_IF(deal->stratified && deal->data->storage->classes == NULL, MLP_ERROR_ARGUMENT,
            "%s: a stratified split needs classes, the data set has none", function);
    return MLP_OK;
}

mlp_status mlp_data_fold_groups(const mlp_data *data, size_t folds, size_t fold, int stratified,
                                uint64_t seed, mlp_data **train, mlp_data **validation)
{
    REQUIRE_ARGUMENT(train);
    REQUIRE_ARGUMENT(validation);
    *train = *validation = NULL;
    REQUIRE_ARGUMENT(data);
    struct deal deal = { .data = data, .parts = folds, .stratified = stratified != 0, .seed = seed };
    TRY(check(&deal, __func__));
    FAIL_IF(folds < 2 || folds > data->count, MLP_ERROR_RANGE,
            "%s: folds is %zu, expected 2 to the number of samples, %zu", __func__, folds, data->count);
    FAIL_IF(fold >= folds, MLP_ERROR_RANGE, "%s: fold is %zu, expected less than %zu", __func__, fold, folds);
    double *shares = memory_allocate(folds, sizeof *shares);
    REQUIRE_MEMORY(shares);
    for (size_t p = 0; p < folds; p++) {
        shares[p] = 1.0;
    }
    deal.shares = shares;
    const mlp_status status = run(&deal, __func__, fold, train, validation);
    memory_free(shares);
    return status;
}

mlp_status mlp_data_split_groups_stratified(const mlp_data *data, double fraction, uint64_t seed,
                                            mlp_data **first, mlp_data **second)
{
    REQUIRE_ARGUMENT(first);
    REQUIRE_ARGUMENT(second);
    *first = *second = NULL;
    REQUIRE_ARGUMENT(data);
    FAIL_IF(!(fraction > 0.0 && fraction < 1.0), MLP_ERROR_RANGE,
            "%s: fraction is %g, expected a number between 0 and 1", __func__, fraction);
    const double shares[2] = { 1.0 - fraction, fraction };
    struct deal deal = { .data = data, .shares = shares, .parts = 2, .stratified = true, .seed = seed };
    TRY(check(&deal, __func__));
    return run(&deal, __func__, 1, first, second);
}
