/* One const network, several threads, each with its own workspace; and trainings side by side. */
#include "support/support.h"

#include <pthread.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"

enum { THREADS = 4, SAMPLES = 200, INPUTS = 40, OUTPUTS = 7, ROUNDS = 20, ARENA = 60000 };

struct worker {
    const mlp_network *network;
    const float *x;
    float outputs[SAMPLES * OUTPUTS];
    mlp_status status;
    uint64_t seed;
    int team; /* threads of its workspace */
    float parameters[ARENA];
};

static mlp_status create(uint64_t seed, mlp_network **network)
{
    /* worth a team of two at 64 samples */
    const mlp_layer layers[] = { { .units = 256, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 150, .activation = MLP_ACTIVATION_RELU },
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
    options.threads = w->team;
    w->status = mlp_workspace_create(w->network, 64, &options, &workspace);
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
    int32_t y[64];
    mlp_network *network = NULL;
    mlp_workspace *workspace = NULL;
    mlp_optimizer *optimizer = NULL;
    for (int i = 0; i < 64; i++) {
        y[i] = i % OUTPUTS;
    }
    const mlp_targets targets = { y, NULL, NULL };
    options.threads = w->team;
    w->status = create(w->seed, &network);
    w->status = w->status == MLP_OK ? mlp_workspace_create(network, 64, &options, &workspace) : w->status;
    w->status = w->status == MLP_OK ? mlp_optimizer_create(network, NULL, &optimizer) : w->status;
    for (int round = 0; round < ROUNDS && w->status == MLP_OK; round++) {
        w->status = mlp_train_step(network, optimizer, workspace, w->x, &targets, 64, NULL);
    }
    if (w->status == MLP_OK && network->arena_size <= ARENA) {
        memcpy(w->parameters, network->parameters, network->arena_size * sizeof(float));
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return NULL;
}

/* All workers at once, each with its own team, compared with a run of each alone on one thread. */
static void run_together(void *(*work)(void *context), const mlp_network *network, int team)
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
        together[t].team = team;
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
        alone.team = 1;
        work(&alone);
        assert_ok(alone.status);
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
    run_together(predict, network, 1);
    run_together(predict, network, 2);
    mlp_network_destroy(&network);
}

static void trainings_side_by_side(void **unused)
{
    (void)unused;
    run_together(train, NULL, 1);
    run_together(train, NULL, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(predictions_from_one_network),
                                        cmocka_unit_test(trainings_side_by_side) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
