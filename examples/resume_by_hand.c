/* A loop by hand that can be killed at any moment: the same command goes on from its last checkpoint, to the
 * same bits.
 *
 * usage: resume_by_hand CHECKPOINT [STEP]    leaves off after that step without another word, as a crash
 * would
 *
 * Learns y = sin(3x) from batches that a generator of its own draws, whose state is saved with the rest. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <mlp/mlp.h>

enum { BATCH = 16, STEPS = 1000, EVERY = 50 };

/* What the loop knows beside the network and the optimizer. */
struct loop {
    size_t step;
    unsigned long long random;
};

static int failed(mlp_status status)
{
    if (status != MLP_OK) {
        fprintf(stderr, "resume_by_hand: %s\n", mlp_last_error());
    }
    return status != MLP_OK;
}

/* Uniform in [−1, 1): a linear congruential generator (Knuth's MMIX). */
static float draw(unsigned long long *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (float)(*random >> 40) / 8388608.0f - 1.0f;
}

static int step(mlp_network *network, mlp_optimizer *optimizer, mlp_workspace *workspace, struct loop *loop,
                double *loss)
{
    float x[BATCH], y[BATCH];
    const mlp_targets targets = { NULL, y, NULL };
    mlp_step_report report;
    for (int i = 0; i < BATCH; i++) {
        x[i] = draw(&loop->random);
        y[i] = sinf(3.0f * x[i]);
    }
    const int code = failed(mlp_train_step(network, optimizer, workspace, x, &targets, BATCH, &report));
    *loss = report.loss;
    loop->step++;
    return code;
}

static int run(mlp_network *network, mlp_optimizer *optimizer, mlp_workspace *workspace, const char *path,
               size_t last)
{
    struct loop loop = { 0, 1 };
    double loss = 0.0;
    FILE *file = fopen(path, "rb");
    int code = 0;
    if (file != NULL) {
        fclose(file);
        code = failed(mlp_checkpoint_load(path, network, optimizer, &loop, sizeof loop));
        fprintf(stderr, "goes on from step %zu\n", loop.step);
    }
    while (loop.step < STEPS && !code) {
        code = step(network, optimizer, workspace, &loop, &loss);
        if (loop.step == last) {
            _Exit(3);
        }
        if (loop.step % EVERY == 0 && !code) {
            code = failed(mlp_checkpoint_save(path, network, optimizer, &loop, sizeof loop));
        }
    }
    printf("loss %.17g after %zu steps\n", loss, loop.step);
    return code;
}

int main(int argc, char **argv)
{
    const mlp_layer layers[] = { { .units = 32, .activation = MLP_ACTIVATION_TANH }, { .units = 1 } };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network = NULL;
    mlp_workspace *workspace = NULL;
    mlp_optimizer *optimizer = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: resume_by_hand CHECKPOINT [STEP]\n");
        return 2;
    }
    options.rule = MLP_OPTIMIZER_ADAM;
    int code = failed(mlp_network_create(1, layers, 2, NULL, &network)) ||
               failed(mlp_workspace_create(network, BATCH, NULL, &workspace)) ||
               failed(mlp_optimizer_create(network, &options, &optimizer)) ||
               run(network, optimizer, workspace, argv[1], argc > 2 ? strtoul(argv[2], NULL, 10) : 0);
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return code;
}
