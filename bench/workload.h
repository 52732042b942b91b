/* The networks that the benchmarks time. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/mlp.h>

enum { WORKLOAD_MAX_SIZES = 64 };

struct workload {
    const char *name;
    size_t batch;
    size_t count;                     /* of sizes */
    size_t sizes[WORKLOAD_MAX_SIZES]; /* inputs, then units of each layer */
};

/* The five workloads of the published comparison: tiny, mnist, lecun, deep, wide. */
const struct workload *workload_find(const char *name);

/* Prints the five, a line each: what --list shows. */
void workloads_list(void);

/* Calls run() for the network of --layers or --workload, or else for each of the five that --filter selects.
 * Returns the exit code: 1 when a call returns false. */
struct settings;
int workloads_each(const struct settings *settings,
                   bool (*run)(const struct settings *settings, const struct workload *workload));

/* Reads "784,128,64,10". False when it is not at least two whole numbers from 1 to 1000000. */
bool workload_parse(const char *layers, struct workload *workload);

/* Its layers: ReLU, then softmax, or identity on a single unit. Returns how many they are. */
size_t workload_layers(const struct workload *workload, mlp_layer layers[WORKLOAD_MAX_SIZES]);

/* From here on problems are made of inputs below 1.2e-38. */
void workload_use_denormals(void);

/* A network with its batch: ReLU, then softmax cross-entropy, or squared error on a single unit. */
struct problem {
    mlp_network *network;
    mlp_workspace *workspace;
    float *x;         /* batch × inputs */
    int32_t *classes; /* batch, or NULL for a single output */
    float *values;    /* batch, or NULL */
    mlp_targets targets;
};

/* Makes the problem, or prints the reason and returns false; problem_free() either way. */
bool problem_make(const struct workload *workload, int threads, struct problem *problem);
void problem_free(struct problem *problem);

#endif
