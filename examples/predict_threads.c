/* Loads a network and predicts from four threads at once: the network is shared, each thread has its own
 * workspace.
 *
 * usage: predict_threads MODEL.safetensors DIGITS.csv */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <mlp/mlp.h>

enum { THREADS = 4 };

struct worker {
    pthread_t thread;
    const mlp_network *network;
    const mlp_data *data;
    size_t first, count; /* the samples of this thread */
    size_t right;
    mlp_status status;
    char error[256]; /* the error text belongs to the thread: copy it */
};

/* Everything is allocated before the work: a prediction allocates nothing. */
static mlp_status predict(struct worker *w)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace = NULL;
    float *x = malloc(w->count * mlp_network_inputs(w->network) * sizeof *x);
    int32_t *actual = malloc(w->count * sizeof *actual), *predicted = malloc(w->count * sizeof *predicted);
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = 1; /* the program has its own threads */
    mlp_status status = x && actual && predicted ? MLP_OK : MLP_ERROR_MEMORY;
    if (status == MLP_OK) {
        status = mlp_workspace_create(w->network, 32, &options, &workspace);
    }
    if (status == MLP_OK) {
        status = mlp_data_read(w->data, w->first, w->count, x, actual, NULL);
    }
    if (status == MLP_OK) {
        status = mlp_predict_classes(w->network, workspace, x, w->count, predicted);
    }
    if (status == MLP_OK) {
        for (size_t i = 0; i < w->count; i++) {
            w->right += predicted[i] == actual[i];
        }
    }
    mlp_workspace_destroy(&workspace);
    free(x);
    free(actual);
    free(predicted);
    return status;
}

static void *work(void *context)
{
    struct worker *w = context;
    w->status = predict(w);
    if (w->status != MLP_OK) {
        snprintf(w->error, sizeof w->error, "%s", mlp_last_error());
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct worker workers[THREADS] = { 0 };
    mlp_network *network = NULL;
    mlp_data *data = NULL;
    size_t right = 0;
    int code = 0;
    if (argc != 3) {
        fputs("usage: predict_threads MODEL.safetensors DIGITS.csv\n", stderr);
        return 2;
    }
    if (mlp_model_load(argv[1], &network) != MLP_OK || mlp_data_load_csv(argv[2], NULL, &data) != MLP_OK) {
        fprintf(stderr, "predict_threads: %s\n", mlp_last_error());
        mlp_network_destroy(&network);
        return 1;
    }
    const size_t count = mlp_data_count(data);
    for (size_t t = 0; t < THREADS; t++) {
        workers[t].network = network;
        workers[t].data = data;
        workers[t].first = count * t / THREADS;
        workers[t].count = count * (t + 1) / THREADS - workers[t].first;
        pthread_create(&workers[t].thread, NULL, work, &workers[t]);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(workers[t].thread, NULL);
        right += workers[t].right;
        if (workers[t].status != MLP_OK) {
            fprintf(stderr, "predict_threads: thread %zu: %s\n", t, workers[t].error);
            code = 1;
        }
    }
    printf("%d threads: %zu of %zu digits right\n", THREADS, right, count);
    mlp_data_destroy(&data);
    mlp_network_destroy(&network);
    return code || right < count * 9 / 10;
}
