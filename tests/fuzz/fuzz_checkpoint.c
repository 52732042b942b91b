/* Fuzzing checkpoints with libFuzzer: from any bytes a fit and a loop by hand go on or refuse, without a
 * crash or a leak, and a refusal changes nothing.
 * tests/fuzz/run builds it and runs it, with -write_seeds=FOLDER: sound checkpoints to begin with. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "io/safetensors_checksum.h"
#include "model/network.h"
#include "optim/optimizer.h"

enum { COUNT = 10, INPUTS = 2, OWN_SIZE = 16 };

static const float features[COUNT * INPUTS] = { 0, 1, 1, 0, 1, 1, 0, 0, 2, 1, 1, 2, 2, 2, 0, 2, 2, 0, 3, 1 };
static const int32_t classes[COUNT] = { 0, 1, 0, 1, 1, 0, 1, 0, 1, 0 };

static char folder[256], path[320];

static void clear_folder(void)
{
    DIR *stream = opendir(folder);
    if (stream != NULL) {
        for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    closedir(stream);
}

static void remove_folder(void)
{
    clear_folder();
    rmdir(folder);
}

static void write_file(const char *to, const uint8_t *bytes, size_t size)
{
    FILE *stream = fopen(to, "wb");
    if (stream == NULL || fwrite(bytes, 1, size, stream) != size || fclose(stream) != 0) {
        abort();
    }
}

static void make(mlp_network **network, mlp_optimizer **optimizer)
{
    const mlp_layer layers[] = { { .units = 3 }, { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    rule.rule = MLP_OPTIMIZER_ADAM;
    rule.clip = MLP_CLIP_AUTO;
    if (mlp_network_create(INPUTS, layers, 2, NULL, network) ||
        mlp_optimizer_create(*network, &rule, optimizer)) {
        abort();
    }
}

/* ---- a fit --------------------------------------------------------------------------------------------- */

/* A fit of two epochs with every kind of state: moments, clipping's memory, best parameters, an average, the
 * monitor. */
static mlp_status fit(int resume, size_t epochs)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    mlp_data *data = NULL, *train = NULL, *validation = NULL;
    mlp_network *network = NULL, *before = NULL;
    mlp_optimizer *optimizer = NULL;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = features;
    arrays.classes = classes;
    average.rule = MLP_AVERAGE_EMA;
    checkpoint.folder = folder;
    checkpoint.resume = resume;
    options.checkpoint = &checkpoint;
    options.average = &average;
    options.epochs = epochs;
    options.batch = 3;
    options.threads = 1;
    options.patience = 5;
    options.monitor_interval = 1;
    make(&network, &optimizer);
    if (mlp_data_create(&arrays, &data) || mlp_data_split(data, 0.3, 1, &train, &validation) ||
        mlp_network_copy(network, &before)) {
        abort();
    }
    options.validation = validation;
    const mlp_status status = mlp_fit(network, optimizer, train, &options, NULL);
    if (status != MLP_OK && status != MLP_ERROR_NONFINITE &&
        memcmp(network->parameters, before->parameters, network->arena_size * sizeof(float)) != 0) {
        abort();
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_network_destroy(&before);
    mlp_data_destroy(&validation);
    mlp_data_destroy(&train);
    mlp_data_destroy(&data);
    return status;
}

/* The newest checkpoint of such a fit. */
static void write_fit_seed(const char *to)
{
    static uint8_t bytes[1 << 20];
    if (fit(0, 2) != MLP_OK) {
        abort();
    }
    DIR *stream = opendir(folder);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        const int file = strncmp(entry->d_name, "checkpoint-", 11) == 0
                             ? openat(dirfd(stream), entry->d_name, O_RDONLY)
                             : -1;
        if (file >= 0) {
            const ssize_t size = read(file, bytes, sizeof bytes);
            write_file(to, bytes, (size_t)size);
            close(file);
        }
    }
    closedir(stream);
    clear_folder();
}

/* ---- a loop by hand ------------------------------------------------------------------------------------ */

/* All that a step depends on. */
static size_t copy_state(const mlp_network *network, const mlp_optimizer *optimizer, const char *own,
                         uint8_t *to)
{
    const size_t arena = network->arena_size * sizeof(float);
    size_t size = 0;
    memcpy(to, network->parameters, arena);
    size += arena;
    for (size_t s = 0; s < optimizer->rule->states; s++, size += arena) {
        memcpy(to + size, optimizer->state[s], arena);
    }
    memcpy(to + size, &optimizer->memory, sizeof optimizer->memory);
    size += sizeof optimizer->memory;
    memcpy(to + size, own, OWN_SIZE);
    return size + OWN_SIZE;
}

static mlp_status train(mlp_network *network, mlp_optimizer *optimizer, int steps)
{
    const mlp_targets targets = { classes, NULL, NULL };
    mlp_workspace *workspace = NULL;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_status status = MLP_OK;
    options.threads = 1;
    if (mlp_workspace_create(network, COUNT, &options, &workspace)) {
        abort();
    }
    for (int i = 0; i < steps && status == MLP_OK; i++) {
        status = mlp_train_step(network, optimizer, workspace, features, &targets, COUNT, NULL);
    }
    mlp_workspace_destroy(&workspace);
    return status;
}

static void write_loop_seed(const char *to)
{
    mlp_network *network;
    mlp_optimizer *optimizer;
    make(&network, &optimizer);
    if (train(network, optimizer, 3) ||
        mlp_checkpoint_save(to, network, optimizer, "0123456789abcde", OWN_SIZE)) {
        abort();
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
}

/* What was loaded is saved and loaded again, and goes on; what was refused has changed nothing. */
static void loop(void)
{
    static uint8_t before[1 << 16], after[1 << 16];
    char own[OWN_SIZE] = "", saved[sizeof path];
    mlp_network *network;
    mlp_optimizer *optimizer;
    make(&network, &optimizer);
    size_t size = copy_state(network, optimizer, own, before);
    if (mlp_checkpoint_load(path, network, optimizer, own, OWN_SIZE) == MLP_OK) {
        snprintf(saved, sizeof saved, "%s/saved", folder);
        size = copy_state(network, optimizer, own, before);
        const mlp_status status_of_save = mlp_checkpoint_save(saved, network, optimizer, own, OWN_SIZE);
        const mlp_status status_of_step = train(network, optimizer, 1);
        if (status_of_save != MLP_OK || (status_of_step != MLP_OK && status_of_step != MLP_ERROR_NONFINITE) ||
            mlp_checkpoint_load(saved, network, optimizer, own, OWN_SIZE) != MLP_OK) {
            abort();
        }
    }
    if (copy_state(network, optimizer, own, after) != size || memcmp(before, after, size) != 0) {
        abort();
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
}

/* ---- libFuzzer's --------------------------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/mlp-fuzz-XXXXXX", temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(folder) == NULL) {
        abort();
    }
    atexit(remove_folder);
    snprintf(path, sizeof path, "%s/checkpoint-000000000003.safetensors", folder);
    for (int i = 1; i < *count; i++) {
        if (strncmp((*arguments)[i], "-write_seeds=", 13) == 0) {
            char to[4096];
            snprintf(to, sizeof to, "%s/fit", (*arguments)[i] + 13);
            write_fit_seed(to);
            snprintf(to, sizeof to, "%s/loop", (*arguments)[i] + 13);
            write_loop_seed(to);
        }
    }
    return 0;
}

/* With the checksum put right, so that what lies behind it is reached. */
static void write_sealed(const uint8_t *bytes, size_t size)
{
    uint8_t *sealed = malloc(size + 1);
    size_t length = 0;
    if (sealed == NULL) {
        abort();
    }
    memcpy(sealed, bytes, size);
    for (size_t i = size < 8 ? 0 : 8; i-- > 0;) {
        length = length << 8 | bytes[i];
    }
    char *header = (char *)sealed + 8;
    if (size >= 8 && length <= size - 8 && checksum_is_there(header, length)) {
        char digits[CHECKSUM_DIGITS + 1];
        struct checksum checksum;
        checksum_begin(&checksum, header, length);
        checksum_add(&checksum, header + length, size - 8 - length);
        checksum_end(&checksum, digits);
        memcpy(checksum_digits(header), digits, CHECKSUM_DIGITS);
    }
    write_file(path, sealed, size);
    free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    write_file(path, bytes, size);
    loop();
    fit(1, 3);
    clear_folder();
    write_sealed(bytes, size);
    loop();
    fit(1, 3);
    clear_folder();
    if (memory_live_count() != 0) {
        abort();
    }
    return 0;
}
