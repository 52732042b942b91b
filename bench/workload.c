/* The networks that the benchmarks time. */
#include "workload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct workload table[] = {
    { "tiny", 32, 4, { 8, 16, 16, 1 } },
    { "mnist", 64, 4, { 784, 128, 64, 10 } },
    { "lecun", 128, 4, { 784, 300, 100, 10 } },
    { "deep", 128, 21, { 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256,
                         256, 256, 256, 256, 256, 256, 256, 256, 256, 256 } },
    { "wide", 512, 4, { 1024, 2048, 2048, 1000 } },
};

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

void workloads_list(void)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        printf("%-8s batch %-4zu ", table[i].name, table[i].batch);
        for (size_t l = 0; l < table[i].count; l++) {
            printf("%s%zu", l > 0 ? "-" : "", table[i].sizes[l]);
        }
        putchar('\n');
    }
}

int workloads_each(const struct settings *settings,
                   bool (*run)(const struct settings *settings, const struct workload *workload))
{
    bool done = true;
    if (settings->custom.count > 0) {
        return run(settings, &settings->custom) ? 0 : 1;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct workload workload = table[i];
        if (is_chosen(settings, workload.name)) {
            workload.batch = settings->batch_given ? settings->custom.batch : workload.batch;
            done = run(settings, &workload) && done;
        }
    }
    return done ? 0 : 1;
}

bool workload_parse(const char *layers, struct workload *workload)
{
    const char *next = layers;
    workload->count = 0;
    for (;;) {
        char *end;
        errno = 0;
        const long size = strtol(next, &end, 10);
        if (end == next || errno != 0 || size < 1 || size > 1000000 ||
            workload->count == WORKLOAD_MAX_SIZES) {
            return false;
        }
        workload->sizes[workload->count++] = (size_t)size;
        if (*end == '\0') {
            return workload->count >= 2;
        }
        if (*end != ',') {
            return false;
        }
        next = end + 1;
    }
}

static bool denormals;

void workload_use_denormals(void)
{
    denormals = true;
}

/* Fills with values on (−1, 1): a fixed linear congruential sequence, the same on every machine. */
static void fill(float *values, size_t count)
{
    const float scale = denormals ? 1e-39f : 1.0f;
    uint32_t state = 12345;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = ((float)(state >> 8) * 0x1p-23f - 1.0f) * scale;
    }
}

size_t workload_layers(const struct workload *workload, mlp_layer layers[WORKLOAD_MAX_SIZES])
{
    const size_t count = workload->count - 1;
    memset(layers, 0, count * sizeof *layers);
    for (size_t l = 0; l < count; l++) {
        layers[l].units = workload->sizes[l + 1];
        layers[l].activation = MLP_ACTIVATION_RELU;
    }
    layers[count - 1].activation =
        layers[count - 1].units > 1 ? MLP_ACTIVATION_SOFTMAX : MLP_ACTIVATION_IDENTITY;
    return count;
}

static bool make_network(const struct workload *workload, int threads, struct problem *problem)
{
    mlp_layer layers[WORKLOAD_MAX_SIZES];
    const size_t count = workload_layers(workload, layers);
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.threads = threads;
    if (mlp_network_create(workload->sizes[0], layers, count, NULL, &problem->network) != MLP_OK ||
        mlp_workspace_create(problem->network, workload->batch, &options, &problem->workspace) != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
        return false;
    }
    return true;
}

bool problem_make(const struct workload *workload, int threads, struct problem *problem)
{
    const size_t outputs = workload->sizes[workload->count - 1], batch = workload->batch;
    memset(problem, 0, sizeof *problem);
    if (!make_network(workload, threads, problem)) {
        return false;
    }
    problem->x = malloc(batch * workload->sizes[0] * sizeof(float));
    problem->classes = outputs > 1 ? malloc(batch * sizeof(int32_t)) : NULL;
    problem->values = outputs > 1 ? NULL : malloc(batch * sizeof(float));
    if (problem->x == NULL || (problem->classes == NULL && problem->values == NULL)) {
        fputs("mlp-bench: out of memory\n", stderr);
        return false;
    }
    fill(problem->x, batch * workload->sizes[0]);
    for (size_t i = 0; problem->classes != NULL && i < batch; i++) {
        problem->classes[i] = (int32_t)(i * 7 % outputs);
    }
    if (problem->values != NULL) {
        fill(problem->values, batch);
    }
    problem->targets = (mlp_targets){ .classes = problem->classes, .values = problem->values };
    return true;
}

void problem_free(struct problem *problem)
{
    mlp_workspace_destroy(&problem->workspace);
    mlp_network_destroy(&problem->network);
    free(problem->x);
    free(problem->classes);
    free(problem->values);
}
