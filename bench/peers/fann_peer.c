/* FANN's worker: training and inference by the Fast Artificial Neural Network library, for those workloads
 * that it gets through in reasonable time. It speaks as peer.py says. FANN runs on one thread, one sample
 * after the other.
 *
 * What differs from the other peers' step: a piecewise linear activation clamped to [0, 1], as FANN has no
 * ReLU; squared error on sigmoid outputs, as it has no softmax; no clipping of the gradient. A step is one
 * epoch over the workload's batch: a single update without momentum, or, with the argument "incremental", an
 * update with momentum after each sample. */
#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <floatfann.h>

#ifndef FANN_VERSION
#define FANN_VERSION "unknown" /* its headers do not tell */
#endif

enum { MAX_SIZES = 8, MIN_REPEATS = 15, MAX_REPEATS = 1000, REPEATS_IN_TIME = 40 };

struct workload {
    const char *name;
    unsigned batch;
    unsigned count;            /* of sizes */
    unsigned sizes[MAX_SIZES]; /* inputs, then units of each layer */
};

static const struct workload workloads[] = {
    { "tiny", 32, 4, { 8, 16, 16, 1 } },
    { "mnist", 64, 4, { 784, 128, 64, 10 } },
    { "lecun", 128, 4, { 784, 300, 100, 10 } },
};

/* A network with its batch. */
struct problem {
    const struct workload *workload;
    struct fann *network;
    struct fann_train_data *data;
};

struct figure {
    const char *name;
    void (*call)(struct problem *problem);
};

static void train(struct problem *problem)
{
    fann_train_epoch(problem->network, problem->data);
}

static void predict_one(struct problem *problem)
{
    fann_run(problem->network, problem->data->input[0]);
}

static void predict_batch(struct problem *problem)
{
    for (unsigned i = 0; i < problem->workload->batch; i++) {
        fann_run(problem->network, problem->data->input[i]);
    }
}

static const struct figure figures[] = { { "sgd", train },
                                         { "one", predict_one },
                                         { "batch", predict_batch } };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void free_problem(struct problem *problem)
{
    if (problem->data != NULL) {
        fann_destroy_train(problem->data);
    }
    if (problem->network != NULL) {
        fann_destroy(problem->network);
    }
    *problem = (struct problem){ .workload = NULL };
}

static void fill(struct fann_train_data *data, const struct workload *workload)
{
    const unsigned inputs = workload->sizes[0], outputs = workload->sizes[workload->count - 1];
    for (unsigned s = 0; s < workload->batch; s++) {
        for (unsigned i = 0; i < inputs; i++) {
            data->input[s][i] = (float)rand() / (float)RAND_MAX;
        }
        for (unsigned o = 0; o < outputs; o++) {
            data->output[s][o] = o == s % outputs ? 1.0F : 0.0F;
        }
    }
}

static bool make_problem(const struct workload *workload, bool incremental, struct problem *problem)
{
    const unsigned outputs = workload->sizes[workload->count - 1];
    problem->workload = workload;
    problem->network = fann_create_standard_array(workload->count, workload->sizes);
    problem->data = fann_create_train(workload->batch, workload->sizes[0], outputs);
    if (problem->network == NULL || problem->data == NULL) {
        return false;
    }
    fill(problem->data, workload);
    fann_set_activation_function_hidden(problem->network, FANN_LINEAR_PIECE);
    fann_set_activation_function_output(problem->network, outputs > 1 ? FANN_SIGMOID : FANN_LINEAR);
    fann_set_train_error_function(problem->network, FANN_ERRORFUNC_LINEAR);
    fann_set_training_algorithm(problem->network, incremental ? FANN_TRAIN_INCREMENTAL : FANN_TRAIN_BATCH);
    fann_set_learning_rate(problem->network, 1e-5F);
    fann_set_learning_momentum(problem->network, 0.9F);
    return true;
}

static double seconds_of_a_call(const struct figure *figure, struct problem *problem, size_t calls)
{
    const double start = now();
    for (size_t i = 0; i < calls; i++) {
        figure->call(problem);
    }
    return (now() - start) / (double)calls;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct figure *figure, struct problem *problem, double seconds)
{
    double repeats[MAX_REPEATS];
    size_t calls = 1, count = 0;
    while ((double)calls * seconds_of_a_call(figure, problem, calls) < seconds / REPEATS_IN_TIME) {
        calls *= 2;
    }
    const double end = now() + seconds;
    while (count < MAX_REPEATS && (count < MIN_REPEATS || now() < end)) {
        repeats[count++] = seconds_of_a_call(figure, problem, calls);
    }
    qsort(repeats, count, sizeof repeats[0], compare_doubles);
    const double median = repeats[count / 2];
    printf("{\"minimum_us\": %.9g, \"median_us\": %.9g, \"spread\": %.6g}\n", 1e6 * repeats[0], 1e6 * median,
           (repeats[3 * count / 4] - repeats[count / 4]) / median);
}

/* Answers one request, making the problem where it is not the one of the request before. */
static void answer(const char *workload, const char *name, double seconds, bool incremental,
                   struct problem *problem)
{
    const struct figure *figure = NULL;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        figure = strcmp(figures[i].name, name) == 0 ? &figures[i] : figure;
    }
    if (problem->workload == NULL || strcmp(problem->workload->name, workload) != 0) {
        free_problem(problem);
        for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
            if (strcmp(workloads[i].name, workload) == 0 &&
                !make_problem(&workloads[i], incremental, problem)) {
                free_problem(problem);
            }
        }
    }
    if (figure == NULL || problem->workload == NULL) {
        puts("{\"error\": \"no such figure, or out of memory\"}");
    } else {
        measure(figure, problem, seconds);
    }
}

int main(int argc, char **argv)
{
    const bool incremental = argc > 2 && strcmp(argv[2], "incremental") == 0;
    struct problem problem = { .workload = NULL };
    char line[128], workload[32], figure[32];
    double seconds;
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("{\"version\": \"" FANN_VERSION "\"}");
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%31s %31s %lf", workload, figure, &seconds) == 3) {
            answer(workload, figure, seconds, incremental, &problem);
        } else {
            puts("{\"error\": \"expected: WORKLOAD FIGURE SECONDS\"}");
        }
    }
    free_problem(&problem);
    return 0;
}
