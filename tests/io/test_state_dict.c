/* State dicts of PyTorch (tests/io/pytorch/record.py): sizes and order of the layers are the file's,
 * normalizations are folded, and the outputs are PyTorch's. */
#include "support/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "archive_file.h"
#include "base/memory.h"

enum { LAYERS = 16, NUMBERS = 256 };

struct recorded {
    mlp_layer layers[LAYERS];
    size_t layer_count, samples, inputs, outputs;
    float x[NUMBERS], y[NUMBERS];
};

static const char *recorded_path(const char *name, const char *ending)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", getenv("MLP_TEST_PYTORCH"), name, ending);
    return path;
}

static void read_recorded(const char *name, struct recorded *r)
{
    char names[512];
    FILE *stream = fopen(recorded_path(name, ".txt"), "r");
    assert_non_null(stream);
    memset(r, 0, sizeof *r);
    assert_non_null(fgets(names, sizeof names, stream));
    for (char *word = strtok(names, ",\n"); word != NULL; word = strtok(NULL, ",\n")) {
        assert_true(r->layer_count < LAYERS);
        assert_ok(mlp_activation_from_name(word, &r->layers[r->layer_count++].activation));
    }
    assert_int_equal(fscanf(stream, "%zu %zu %zu", &r->samples, &r->inputs, &r->outputs), 3);
    assert_true(r->samples * r->inputs <= NUMBERS && r->samples * r->outputs <= NUMBERS);
    for (size_t s = 0; s < r->samples; s++) {
        for (size_t i = 0; i < r->inputs + r->outputs; i++) {
            float *place = i < r->inputs ? &r->x[s * r->inputs + i] : &r->y[s * r->outputs + i - r->inputs];
            assert_int_equal(fscanf(stream, "%f", place), 1);
        }
    }
    fclose(stream);
}

static void check(const char *name, const struct recorded *r)
{
    float got[NUMBERS];
    mlp_workspace *workspace;
    mlp_network *network;
    print_message("%s\n", name);
    assert_ok(mlp_model_load_tensors(recorded_path(name, ".safetensors"), 0, r->layers, r->layer_count, NULL,
                                     &network));
    assert_int_equal(mlp_network_inputs(network), r->inputs);
    assert_int_equal(mlp_network_outputs(network), r->outputs);
    assert_ok(mlp_workspace_create(network, r->samples, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, r->x, r->samples, got));
    for (size_t i = 0; i < r->samples * r->outputs; i++) {
        assert_close(got[i], r->y[i], 1e-5);
    }
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

static void outputs_are_those_of_pytorch(void **unused)
{
    size_t count = 0;
    (void)unused;
    DIR *folder = opendir(recorded_path("", "."));
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct recorded recorded;
        char *ending = strstr(entry->d_name, ".txt");
        if (ending == NULL || strcmp(entry->d_name, "norm-unclear.txt") == 0) {
            continue;
        }
        *ending = '\0';
        read_recorded(entry->d_name, &recorded);
        check(entry->d_name, &recorded);
        count++;
    }
    closedir(folder);
    assert_true(count >= 12);
    assert_int_equal(memory_live_count(), 0);
}

/* Whether Dropout or the activation lies in front of the BatchNorm1d makes another function. */
static void normalizations_of_unclear_place(void **unused)
{
    struct recorded recorded;
    mlp_network *network;
    (void)unused;
    read_recorded("norm-unclear", &recorded);
    assert_refused(mlp_model_load_tensors(recorded_path("norm-unclear", ".safetensors"), 0, recorded.layers,
                                          recorded.layer_count, NULL, &network),
                   MLP_ERROR_UNSUPPORTED, "'2'", "BatchNorm1d", "ONNX", NULL);
}

/* A name is shown up to 64 bytes. */
static void long_names_are_cut(void **unused)
{
    static const char *const kinds[] = { "weight", "bias", "running_mean", "running_var" };
    const mlp_layer layer = { .units = 1 };
    (void)unused;
    for (int length = 60; length <= 70; length++) {
        char header[2048] = "{", name[80], shown[80];
        const float zeros[5] = { 0.0f };
        mlp_network *network;
        snprintf(name, sizeof name, "%.*sz", length - 1,
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst");
        snprintf(shown, sizeof shown, "'%.64s'", name);
        for (size_t k = 0; k < 4; k++) {
            snprintf(header + strlen(header), sizeof header - strlen(header),
                     "\"%s.%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%zu,%zu]},", name,
                     kinds[k], 4 * k, 4 * k + 4);
        }
        strcat(header, "\"layer.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[16,20]}}");
        assert_refused(mlp_model_load_tensors(write_archive("long", header, strlen(header), zeros,
                                                            sizeof zeros),
                                              1, &layer, 1, NULL, &network),
                       MLP_ERROR_UNSUPPORTED, shown, "BatchNorm1d", NULL);
    }
}

static void memory_that_fails(void **unused)
{
    struct recorded recorded;
    mlp_network *network;
    mlp_status status = MLP_ERROR_MEMORY;
    (void)unused;
    read_recorded("norm-in-front", &recorded);
    for (size_t n = 0; status != MLP_OK; n++) {
        memory_fail_after(n);
        status = mlp_model_load_tensors(recorded_path("norm-in-front", ".safetensors"), 0, recorded.layers,
                                        recorded.layer_count, NULL, &network);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || (status == MLP_ERROR_MEMORY && memory_live_count() == 0));
    }
    mlp_network_destroy(&network);
}

/* Sizes that the caller gives must be the file's. */
static void sizes_of_the_caller(void **unused)
{
    struct recorded recorded;
    mlp_network *network;
    (void)unused;
    read_recorded("plain", &recorded);
    const char *path = recorded_path("plain", ".safetensors");
    recorded.layers[1].units = 3;
    assert_ok(mlp_model_load_tensors(path, 4, recorded.layers, 2, NULL, &network));
    mlp_network_destroy(&network);
    assert_refused(mlp_model_load_tensors(path, 5, recorded.layers, 2, NULL, &network), MLP_ERROR_SHAPE,
                   "[6, 4]", "[6, 5]", NULL);
    recorded.layers[1].units = 2;
    assert_refused(mlp_model_load_tensors(path, 4, recorded.layers, 2, NULL, &network), MLP_ERROR_SHAPE,
                   "[3, 6]", "[2, 6]", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_pytorch), cmocka_unit_test(normalizations_of_unclear_place),
        cmocka_unit_test(long_names_are_cut),           cmocka_unit_test(memory_that_fails),
        cmocka_unit_test(sizes_of_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
