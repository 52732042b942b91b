/* Which part of a step takes longer than it should. */
#include "blame.h"

#include <stdio.h>

#include "bench.h"
#include "layer_product.h"
#include "phases.h"
#include "statistics.h"

/* Seconds and repeats of a product's two ways. */
static const double product_seconds = 0.05;
enum { PRODUCT_REPEATS = 3, PHASE_CALLS = 10 };

struct suspect {
    double excess; /* seconds */
    char text[BLAME_TEXT / 2];
};

static void accuse(struct suspect *worst, double excess, const char *text)
{
    if (excess > worst->excess) {
        worst->excess = excess;
        snprintf(worst->text, sizeof worst->text, "%s", text);
    }
}

/* How often layers of this shape occur; 0 where an earlier layer has it. */
static size_t occurrences(const struct workload *workload, size_t layer)
{
    const size_t *sizes = workload->sizes;
    size_t count = 0;
    for (size_t l = 0; l + 1 < workload->count; l++) {
        const bool same = sizes[l] == sizes[layer] && sizes[l + 1] == sizes[layer + 1];
        if (same && l < layer) {
            return 0;
        }
        count += same ? 1 : 0;
    }
    return count;
}

/* On one thread: the tiles are the same for any number. `share`: layers of this shape, by threads. */
static void examine_product(const struct product_shape *shape, double share, struct suspect *worst)
{
    static const char *const names[PRODUCT_KINDS] = { "Z", "dA", "dW" };
    static struct layer_product product;
    static struct contestant pair[2];
    char text[BLAME_TEXT / 2];
    if (layer_product_make(shape, 1, &product)) {
        pair[0] = layer_product_library(&product);
        pair[1] = layer_product_bare(&product);
        interleave_at_least(pair, 2, product_seconds, PRODUCT_REPEATS);
        const double ours = pair[0].summary.minimum, bare = pair[1].summary.minimum;
        snprintf(text, sizeof text, "%s %zux%zu: %.2f x bare", names[shape->kind], shape->out, shape->in,
                 ours / bare);
        accuse(worst, share * (ours - bare), text);
    }
    layer_product_free(&product);
}

static void examine_phases(struct problem *problem, mlp_optimizer *optimizer, struct suspect *worst)
{
    static const enum phase others[] = { PHASE_LOSS, PHASE_DECIDE, PHASE_UPDATE,
                                         PHASE_CALL, PHASE_NORM,   PHASE_BARRIERS };
    double phases[PHASES];
    phases_measure(problem, optimizer, PHASE_CALLS, phases);
    for (size_t p = 0; p < sizeof others / sizeof others[0]; p++) {
        accuse(worst, phases[others[p]], phase_name(others[p]));
    }
}

void blame_find(const struct workload *workload, int threads, struct problem *problem,
                mlp_optimizer *optimizer, double excess, char text[BLAME_TEXT])
{
    struct suspect worst = { .text = "nothing by itself" };
    for (size_t l = 0; l + 1 < workload->count; l++) {
        struct product_shape shape = { .out = workload->sizes[l + 1],
                                       .in = workload->sizes[l],
                                       .batch = workload->batch,
                                       .tight_input = l == 0 };
        const size_t times = occurrences(workload, l);
        if (times > 0) {
            for (int kind = 0; kind < PRODUCT_KINDS; kind++) {
                shape.kind = (enum product_kind)kind;
                /* the first layer has no dA */
                const size_t products = times - (kind == PRODUCT_KIND_TN && l == 0 ? 1 : 0);
                examine_product(&shape, (double)products / threads, &worst);
            }
        }
    }
    examine_phases(problem, optimizer, &worst);
    snprintf(text, BLAME_TEXT, "%s, %.0f %% of the excess", worst.text, 100.0 * worst.excess / excess);
}
