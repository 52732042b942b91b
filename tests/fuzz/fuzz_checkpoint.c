/* Fuzzing checkpoints with libFuzzer: from any bytes a fit goes on or refuses, without a crash or a leak, and
 * a refusal changes nothing.
 * tests/fuzz/run builds it and runs it. */
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

enum { COUNT = 10, INPUTS = 2 };

static char folder[] = "/tmp/mlp-fuzz-XXXXXX", path[64];

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

/* A fit of two epochs with every kind of state: moments, clipping's memory, best parameters, an average, the
 * monitor. */
static mlp_status fit(int resume, size_t epochs)
{
    static const float x[COUNT * INPUTS] = { 0, 1, 1, 0, 1, 1, 0, 0, 2, 1, 1, 2, 2, 2, 0, 2, 2, 0, 3, 1 };
    static const int32_t y[COUNT] = { 0, 1, 0, 1, 1, 0, 1, 0, 1, 0 };
    const mlp_layer layers[] = { { .units = 3 }, { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    mlp_data *data = NULL, *train = NULL, *validation = NULL;
    mlp_network *network = NULL, *before = NULL;
    mlp_optimizer *optimizer = NULL;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = y;
    rule.rule = MLP_OPTIMIZER_ADAM;
    rule.clip = MLP_CLIP_AUTO;
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
    if (mlp_data_create(&arrays, &data) || mlp_data_split(data, 0.3, 1, &train, &validation) ||
        mlp_network_create(INPUTS, layers, 2, NULL, &network) || mlp_network_copy(network, &before) ||
        mlp_optimizer_create(network, &rule, &optimizer)) {
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

/* -write_seed=FILE: a sound checkpoint to begin with. */
static void write_seed(const char *to)
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

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    if (mkdtemp(folder) == NULL) {
        abort();
    }
    atexit(remove_folder);
    snprintf(path, sizeof path, "%s/checkpoint-000000000003.safetensors", folder);
    for (int i = 1; i < *count; i++) {
        if (strncmp((*arguments)[i], "-write_seed=", 12) == 0) {
            write_seed((*arguments)[i] + 12);
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
    fit(1, 3);
    clear_folder();
    write_sealed(bytes, size);
    fit(1, 3);
    clear_folder();
    if (memory_live_count() != 0) {
        abort();
    }
    return 0;
}
