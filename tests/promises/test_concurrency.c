/* One const network, several threads, each with its own workspace; and trainings side by side. */
#include "support/support.h"

#include <pthread.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"

enum { THREADS = 4, SAMPLES = 200, INPUTS = 40, OUTPUTS = 7, ROUNDS = 20 };

struct worker {
    const mlp_network *network;
    const float *x;
    float outputs[SAMPLES * OUTPUTS];
    mlp_status status;
    uint64_t seed;
    float parameters[8000];
};

static mlp_status create(uint64_t seed, mlp_network **network)
{
    const mlp_layer layers[] = { { .units = 64, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 50, .activation = MLP_ACTIVATION_RELU },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    options.seed = seed;
    return mlp_network_create(INPUTS, layers, 3, &options, network);
}

static void *predict(void *context)
{
    struct worker *w = context;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = 1;
    w->status = mlp_workspace_create(w->network, 16, &options, &workspace);
    for (int round = 0; round < ROUNDS && w->status == MLP_OK; round++) {
        w->status = mlp_predict(w->network, workspace, w->x, SAMPLES, w->outputs);
    }
    mlp_workspace_destroy(&workspace);
    return NULL;
}

static void *train(void *context)
{
    struct worker *w = context;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    int32_t y[32];
    mlp_network *network = NULL;
    mlp_workspace *workspace = NULL;
    mlp_optimizer *optimizer = NULL;
    for (int i = 0; i < 32; i++) {
        y[i] = i % OUTPUTS;
    }
    const mlp_targets targets = { y, NULL, NULL };
    options.threads = 1;
    w->status = create(w->seed, &network);
    w->status = w->status == MLP_OK ? mlp_workspace_create(network, 32, &options, &workspace) : w->status;
    w->status = w->status == MLP_OK ? mlp_optimizer_create(network, NULL, &optimizer) : w->status;
    for (int round = 0; round < ROUNDS && w->status == MLP_OK; round++) {
        w->status = mlp_train_step(network, optimizer, workspace, w->x, &targets, 32, NULL);
    }
    if (w->status == MLP_OK && network->arena_size <= 8000) {
        memcpy(w->parameters, network->parameters, network->arena_size * sizeof(float));
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return NULL;
}

/* All workers at once, compared with a run of each alone. */
static void run_together(void *(*work)(void *context), const mlp_network *network)
{
    static struct worker together[THREADS], alone;
    static float x[SAMPLES * INPUTS];
    pthread_t threads[THREADS];
    uint64_t state = 5;
    test_fill(&state, -1.0, 1.0, x, SAMPLES * INPUTS);
    memset(together, 0, sizeof together);
    for (int t = 0; t < THREADS; t++) {
        together[t].network = network;
        together[t].x = x;
        together[t].seed = (uint64_t)t;
        assert_int_equal(pthread_create(&threads[t], NULL, work, &together[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        memset(&alone, 0, sizeof alone);
        alone.network = network;
        alone.x = x;
        alone.seed = (uint64_t)t;
        work(&alone);
        assert_ok(together[t].status);
        assert_memory_equal(together[t].outputs, alone.outputs, sizeof alone.outputs);
        assert_memory_equal(together[t].parameters, alone.parameters, sizeof alone.parameters);
    }
}

static void predictions_from_one_network(void **unused)
{
    mlp_network *network;
    (void)unused;
    assert_ok(create(3, &network));
    run_together(predict, network);
    mlp_network_destroy(&network);
}

static void trainings_side_by_side(void **unused)
{
    (void)unused;
    run_together(train, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(predictions_from_one_network),
                                        cmocka_unit_test(trainings_side_by_side) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
