/* Ten epochs are five, a checkpoint, and five more, bit for bit: for every update rule and every clipping
 * rule with a memory, with dropout, on one thread and on two, which may change hands. The network is worth a
 * team. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/team.h"
#include "model/network.h"
#include "model/pass.h"

enum { COUNT = 80, BATCH = 40, INPUTS = 40, UNITS = 208, OUTPUTS = 5, EPOCHS = 10, HALF = 5 };

static float x[COUNT * INPUTS];
static int32_t y[COUNT];

static void make_samples(void)
{
    uint64_t state = 4;
    test_fill(&state, -1.0, 1.0, x, COUNT * INPUTS);
    for (size_t i = 0; i < COUNT; i++) {
        y[i] = (int32_t)((size_t)(2.5f * (x[i * INPUTS] + 1.0f)) % OUTPUTS);
    }
}

static mlp_network *make_network(uint64_t seed)
{
    const mlp_layer layers[] = { { .units = UNITS, .activation = MLP_ACTIVATION_RELU },
                                 { .units = UNITS, .activation = MLP_ACTIVATION_SELU },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.seed = seed;
    assert_ok(mlp_network_create(INPUTS, layers, 3, &options, &network));
    return network;
}

static int stop_at_half(const mlp_progress *progress, void *context)
{
    (void)context;
    return progress->epoch == HALF && progress->epoch_ended;
}

/* A fit of ten epochs; with a folder it goes on from there, or stops after five to be gone on with. */
struct part {
    mlp_optimizer_rule rule;
    mlp_clip clip;
    int threads;
    const char *folder; /* NULL: in one go */
    bool first;
    uint64_t seed; /* of the network, which the second part does not look at */
};

static void train(const struct part *part, float *parameters, size_t room)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_data *data;
    mlp_optimizer *optimizer;
    mlp_network *network = make_network(part->seed);
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = y;
    rule.rule = part->rule;
    rule.clip = part->clip;
    noise.hidden_dropout = 0.3;
    noise.input_dropout = 0.1;
    checkpoint.folder = part->folder;
    checkpoint.resume = !part->first;
    fit.epochs = EPOCHS;
    fit.batch = BATCH;
    fit.threads = part->threads;
    fit.regularization = &noise;
    fit.checkpoint = part->folder != NULL ? &checkpoint : NULL;
    fit.progress = part->first ? stop_at_half : NULL;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
    assert_ok(mlp_fit(network, optimizer, data, &fit, NULL));
    assert_int_equal(mlp_optimizer_updates(optimizer), (part->first ? HALF : EPOCHS) * COUNT / BATCH);
    assert_true(network->arena_size <= room);
    memcpy(parameters, network->parameters, network->arena_size * sizeof(float));
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

/* The first half on some threads, the second on others. */
static void compare(mlp_optimizer_rule rule, mlp_clip clip, int before, int after, const float *expected,
                    size_t room)
{
    static int number;
    char folder[256];
    float *parameters = calloc(room, sizeof *parameters);
    snprintf(folder, sizeof folder, "%s-%d", test_path("team"), number++);
    const struct part first = { rule, clip, before, folder, true, 1 },
                      second = { rule, clip, after, folder, false, 99 };
    train(&first, parameters, room);
    assert_memory_not_equal(parameters, expected, room * sizeof *parameters);
    train(&second, parameters, room);
    assert_memory_equal(parameters, expected, room * sizeof *parameters);
    free(parameters);
}

static void ten_epochs_are_five_and_five(void **unused)
{
    static const mlp_clip clips[] = { MLP_CLIP_NONE, MLP_CLIP_AUTO, MLP_CLIP_Z };
    mlp_network *network = make_network(1);
    const size_t room = network->arena_size;
    float *expected = calloc(room, sizeof *expected);
    (void)unused;
    mlp_network_destroy(&network);
    make_samples();
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        for (size_t c = 0; c < (r == MLP_OPTIMIZER_LBFGS ? 1 : sizeof clips / sizeof clips[0]); c++) {
            const struct part whole = { (mlp_optimizer_rule)r, clips[c], 1, NULL, false, 1 };
            train(&whole, expected, room);
            for (int before = 1; before <= 2; before++) {
                for (int after = before; after <= 2; after++) {
                    compare((mlp_optimizer_rule)r, clips[c], before, after, expected, room);
                }
            }
        }
    }
    free(expected);
}

static void the_network_is_worth_a_team(void **unused)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_network *network = make_network(1);
    mlp_workspace *workspace;
    (void)unused;
    options.threads = 2;
    assert_ok(mlp_workspace_create(network, BATCH, &options, &workspace));
    struct pass pass = { .network = network, .workspace = workspace };
    pass_begin(&pass, x, BATCH);
    assert_int_equal(pass_threads(&pass), team_has_openmp() ? 2 : workspace->threads);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_network_is_worth_a_team),
        cmocka_unit_test(ten_epochs_are_five_and_five),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
