/* A network for a real-time thread (audio, control) while its training goes on: two copies and one atomic
 * pointer.
 *
 * Of two copies of the network one is the reader's, the other lies in a slot. The trainer takes it out of the
 * slot, copies the parameters into it, and puts it back marked as fresh; the reader, when it sees a fresh
 * one, exchanges it for its own in one step. Neither ever waits: while the trainer has the copy the slot is
 * empty, and the reader goes on with its own; the trainer always finds one in the slot. The reader takes no
 * lock, allocates nothing and makes no system call.
 *
 * Learns y = sin(3x) and follows it from a thread that predicts without a pause. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <mlp/mlp.h>

enum { BATCH = 64, BLOCK = 16, STEPS = 3000, EVERY = 100, FRESH = 1 };

static int failed(mlp_status status)
{
    if (status != MLP_OK) {
        fprintf(stderr, "real_time: %s\n", mlp_last_error());
    }
    return status != MLP_OK;
}

/* The slot: a pointer to a copy, with FRESH added to it where it is one that the reader has not had; 0: the
 * trainer is at it. */
struct channel {
    mlp_network *copies[2]; /* for the end of it all */
    atomic_uintptr_t slot;
    mlp_network *reading; /* the reader's */
    atomic_int done;
};

/* By the trainer. */
static mlp_status publish(struct channel *channel, const mlp_network *network)
{
    const uintptr_t taken = atomic_exchange_explicit(&channel->slot, 0, memory_order_acquire);
    mlp_network *copy = (mlp_network *)(taken & ~(uintptr_t)FRESH);
    const mlp_status status = mlp_network_copy_parameters(copy, network);
    atomic_store_explicit(&channel->slot, (uintptr_t)copy | FRESH, memory_order_release);
    return status;
}

/* By the reader: whether there was a newer network, which `reading` then is. */
static int renew(struct channel *channel)
{
    uintptr_t fresh = atomic_load_explicit(&channel->slot, memory_order_relaxed);
    if ((fresh & FRESH) == 0 ||
        !atomic_compare_exchange_strong_explicit(&channel->slot, &fresh, (uintptr_t)channel->reading,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return 0;
    }
    channel->reading = (mlp_network *)(fresh & ~(uintptr_t)FRESH);
    return 1;
}

struct reader {
    struct channel *channel;
    mlp_workspace *workspace;
    size_t networks, blocks;
    float error; /* of the last block, the largest */
    int code;
};

static void *read_on(void *context)
{
    struct reader *reader = context;
    float x[BLOCK][2], y[BLOCK]; /* two channels, of which the network sees the first */
    for (int last = 0; !last && !reader->code; reader->blocks++) {
        last = atomic_load_explicit(&reader->channel->done, memory_order_acquire);
        reader->networks += (size_t)renew(reader->channel);
        for (int i = 0; i < BLOCK; i++) {
            x[i][0] = -1.0f + 2.0f * (float)((reader->blocks * BLOCK + (size_t)i) % 1000) / 1000.0f;
            x[i][1] = 0.0f;
        }
        reader->code =
            failed(mlp_predict_strided(reader->channel->reading, reader->workspace, &x[0][0], 2, BLOCK, y));
        reader->error = 0.0f;
        for (int i = 0; i < BLOCK; i++) {
            reader->error = fmaxf(reader->error, fabsf(y[i] - sinf(3.0f * x[i][0])));
        }
    }
    return NULL;
}

static int train(mlp_network *network, mlp_optimizer *optimizer, mlp_workspace *workspace,
                 struct channel *channel)
{
    float x[BATCH], y[BATCH];
    const mlp_targets targets = { NULL, y, NULL };
    int code = 0;
    for (int i = 0; i < BATCH; i++) {
        x[i] = -1.0f + 2.0f * (float)i / (BATCH - 1);
        y[i] = sinf(3.0f * x[i]);
    }
    for (int step = 1; step <= STEPS && !code; step++) {
        code = failed(mlp_train_step(network, optimizer, workspace, x, &targets, BATCH, NULL)) ||
               (step % EVERY == 0 && failed(publish(channel, network)));
    }
    return code;
}

int main(void)
{
    const mlp_layer layers[] = { { .units = 32, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 32, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 1 } };
    mlp_workspace_options inference = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    struct channel channel = { .copies = { NULL, NULL } };
    struct reader reader = { .channel = &channel };
    mlp_network *network = NULL;
    mlp_workspace *workspace = NULL;
    mlp_optimizer *optimizer = NULL;
    pthread_t thread;
    options.rule = MLP_OPTIMIZER_ADAM;
    inference.purpose = MLP_WORKSPACE_INFERENCE;
    inference.threads = 1; /* no team: the thread computes by itself */
    int code = failed(mlp_network_create(1, layers, 3, NULL, &network)) ||
               failed(mlp_network_copy(network, &channel.copies[0])) ||
               failed(mlp_network_copy(network, &channel.copies[1])) ||
               failed(mlp_workspace_create(network, BATCH, NULL, &workspace)) ||
               failed(mlp_workspace_create(network, BLOCK, &inference, &reader.workspace)) ||
               failed(mlp_optimizer_create(network, &options, &optimizer));
    channel.reading = channel.copies[0];
    atomic_init(&channel.slot, (uintptr_t)channel.copies[1]);
    if (!code && pthread_create(&thread, NULL, read_on, &reader) == 0) {
        code = train(network, optimizer, workspace, &channel);
        atomic_store_explicit(&channel.done, 1, memory_order_release);
        pthread_join(thread, NULL);
        printf("%zu networks in %zu blocks of %d samples; the last block is off by %.4f at most\n",
               reader.networks, reader.blocks, BLOCK, (double)reader.error);
        code = code || reader.code || reader.networks == 0 || reader.error > 0.05f;
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&reader.workspace);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&channel.copies[0]);
    mlp_network_destroy(&channel.copies[1]);
    mlp_network_destroy(&network);
    return code;
}
