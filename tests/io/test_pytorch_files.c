/* Files as PyTorch writes them: torch.nn.Sequential's names, row-major weights, F32, F16 and BF16. Every file
 * here is put together byte by byte from the format's description, in the layout of
 * safetensors.torch.save_file(). */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

#include "archive_file.h"
#include "base/memory.h"

/* Sequential(Linear(3, 2), Tanh(), Linear(2, 1)), activations counted as modules, hence 0 and 2. */
static const mlp_layer layers[] = { { .units = 2, .activation = MLP_ACTIVATION_TANH }, { .units = 1 } };

/* save_file() sorts by name and pads the header to 8 bytes. */
static const char float_header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
    "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
    "\"2.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[32,36]},"
    "\"2.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[36,44]}}  ";

static const unsigned char float_data[] = {
    0, 0, 0x80, 0x3E, 0, 0, 0,    0xBF,                   /* 0.bias: 0.25, −0.5 */
    0, 0, 0x80, 0x3F, 0, 0, 0,    0x40, 0, 0, 0x40, 0x40, /* 0.weight, row 0: 1, 2, 3 */
    0, 0, 0x80, 0x40, 0, 0, 0xA0, 0x40, 0, 0, 0xC0, 0xC0, /* row 1: 4, 5, −6 */
    0, 0, 0xC0, 0x3F,                                     /* 2.bias: 1.5 */
    0, 0, 0,    0x3F, 0, 0, 0x80, 0xBF,                   /* 2.weight: 0.5, −1 */
};

static void assert_values(const mlp_network *network, size_t layer, const float *rows, const float *biases)
{
    mlp_const_matrix w, b;
    assert_ok(mlp_network_weights(network, layer, &w));
    assert_ok(mlp_network_bias(network, layer, &b));
    for (size_t i = 0; i < w.rows; i++) {
        for (size_t j = 0; j < w.columns; j++) {
            assert_true(w.data[i + j * w.leading_dimension] == rows[i * w.columns + j]);
        }
        assert_true(b.data[i] == biases[i]);
    }
}

static void assert_example(const mlp_network *network)
{
    static const float w0[] = { 1, 2, 3, 4, 5, -6 }, b0[] = { 0.25f, -0.5f }, w2[] = { 0.5f, -1 },
                       b2[] = { 1.5f };
    assert_values(network, 0, w0, b0);
    assert_values(network, 1, w2, b2);
}

static const char *write_text(const char *name, const char *header, const void *data, size_t size)
{
    return write_archive(name, header, strlen(header), data, size);
}

static mlp_status load(const char *path, mlp_network **network)
{
    return mlp_model_load_tensors(path, 3, layers, 2, NULL, network);
}

static void sequential_in_float(void **unused)
{
    static const float x[] = { 0.1f, -0.2f, 0.3f };
    mlp_network *network;
    mlp_workspace *workspace;
    float output;
    (void)unused;
    assert_ok(load(write_text("float", float_header, float_data, sizeof float_data), &network));
    assert_example(network);
    assert_ok(mlp_workspace_create(network, 1, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, x, 1, &output));
    /* by hand: z = (1·0.1 − 2·0.2 + 3·0.3 + 0.25, 4·0.1 − 5·0.2 − 6·0.3 − 0.5) = (0.85, −2.9); float's
     * rounding of a few operations allows 1e-6 */
    assert_close(output, 0.5 * tanh(0.85) - tanh(-2.9) + 1.5, 1e-6);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

/* The numbers of the example are exact in both short types. */
static void sequential_in_short_floats(void **unused)
{
    static const struct {
        const char *type;
        unsigned short values[11]; /* 0.25 −0.5 | 1 2 3 4 5 −6 | 1.5 | 0.5 −1 */
    } types[] = {
        { "F16", { 0x3400, 0xB800, 0x3C00, 0x4000, 0x4200, 0x4400, 0x4500, 0xC600, 0x3E00, 0x3800, 0xBC00 } },
        { "BF16",
          { 0x3E80, 0xBF00, 0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0, 0xC0C0, 0x3FC0, 0x3F00, 0xBF80 } },
    };
    (void)unused;
    for (size_t t = 0; t < 2; t++) {
        const char *type = types[t].type;
        unsigned char data[22];
        char header[512];
        mlp_network *network;
        for (size_t i = 0; i < 11; i++) {
            data[2 * i] = (unsigned char)types[t].values[i];
            data[2 * i + 1] = (unsigned char)(types[t].values[i] >> 8);
        }
        snprintf(header, sizeof header,
                 "{\"__metadata__\":{\"format\":\"pt\"},"
                 "\"0.bias\":{\"dtype\":\"%s\",\"shape\":[2],\"data_offsets\":[0,4]},"
                 "\"0.weight\":{\"dtype\":\"%s\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
                 "\"2.bias\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[16,18]},"
                 "\"2.weight\":{\"dtype\":\"%s\",\"shape\":[1,2],\"data_offsets\":[18,22]}}",
                 type, type, type, type);
        assert_ok(load(write_text(type, header, data, sizeof data), &network));
        assert_example(network);
        mlp_network_destroy(&network);
    }
}

/* Linear(…, bias=False) has no bias; 10 comes after 2, though not in the alphabet. */
static void missing_biases_are_zero(void **unused)
{
    static const char header[] = "{\"10.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                                 "\"2.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]}}";
    static const float w0[] = { 1, 2, 3, 4, 5, -6 }, w2[] = { 0.5f, -1 }, none[] = { 0, 0 };
    mlp_layer biased[2] = { layers[0], layers[1] };
    unsigned char data[32];
    mlp_network *network;
    (void)unused;
    biased[0].bias_init = MLP_INIT_CONSTANT; /* which the file's silence overrules */
    biased[0].bias_parameters.a = 7.0;
    memcpy(data, float_data + 36, 8);
    memcpy(data + 8, float_data + 8, 24);
    assert_ok(
        mlp_model_load_tensors(write_text("bias", header, data, sizeof data), 3, biased, 2, NULL, &network));
    assert_values(network, 0, w0, none);
    assert_values(network, 1, w2, none);
    mlp_network_destroy(&network);
}

/* The library's own names without its metadata. */
static void plain_layer_names(void **unused)
{
    static const char header[] =
        "{\"layers.0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"layers.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
        "\"layers.1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[32,36]},"
        "\"layers.1.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[36,44]}}";
    mlp_network *network;
    (void)unused;
    assert_ok(load(write_text("plain", header, float_data, sizeof float_data), &network));
    assert_example(network);
    mlp_network_destroy(&network);
}

/* Parts of headers; all data are zeros. */
#define W0 "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"
#define W2 "\"2.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[24,32]}"
#define NEXT(name, dtype, shape, end)                                                                        \
    ",\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[32," #end "]}"

static void unfit_files_are_refused(void **unused)
{
    static const unsigned char zeros[64];
    static const struct {
        const char *header;
        size_t size;
        mlp_status status;
        const char *words[2];
    } cases[] = {
        { "{" W0 "," W2 NEXT("1.running_mean", "F32", "[2]", 40) "}",
          40,
          MLP_ERROR_FORMAT,
          { "'1'", "no running mean and variance" } },
        { "{" W0 "," W2 NEXT("1.weight", "F32", "[2]", 40) "}",
          40,
          MLP_ERROR_UNSUPPORTED,
          { "'1.weight'", "LayerNorm" } },
        { "{" W0 "," W2 NEXT("1.weight", "F32", "[2,1,1]", 40) "}",
          40,
          MLP_ERROR_UNSUPPORTED,
          { "'1.weight'", "3 dimensions" } },
        { "{" W0 "," W2 NEXT("head", "F32", "[2]", 40) "}",
          40,
          MLP_ERROR_FORMAT,
          { "'head'", "expected names such as" } },
        { "{" W0 "," W2 NEXT("-1.bias", "F32", "[2]", 40) "}", 40, MLP_ERROR_FORMAT, { "'-1.bias'", "" } },
        { "{" W0 "," W2 NEXT("99999999999999999999.bias", "F32", "[2]", 40) "}",
          40,
          MLP_ERROR_FORMAT,
          { "'99999999999999999999.bias'", "" } },
        { "{" W0 "," W2 NEXT("3.weight", "F32", "[1,1]", 36) "}",
          36,
          MLP_ERROR_SHAPE,
          { "'3.weight'", "one layer more than the 2" } },
        { "{" W0 "," W2 NEXT("layers.0.weight", "F32", "[2,0]", 32) "}",
          32,
          MLP_ERROR_SHAPE,
          { "3 layers", "'layers.0.weight'" } },
        { "{" W0 "," W2 NEXT("2.bias", "F32", "[2]", 40) "}",
          40,
          MLP_ERROR_SHAPE,
          { "'2.bias'", "of shape [2], expected [1]" } },
        { "{" W0 "," W2 NEXT("2.bias", "F32", "[1,1]", 36) "}",
          36,
          MLP_ERROR_SHAPE,
          { "'2.bias'", "of shape [1, 1], expected [1]" } },
        { "{" W0 "," W2 NEXT("2.bias", "I64", "[1]", 40) "}",
          40,
          MLP_ERROR_UNSUPPORTED,
          { "'2.bias'", "I64" } },
        { "{" W0 "}", 24, MLP_ERROR_SHAPE, { "1 layers, expected 2", "" } },
        { "{\"2.bias\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}," W2
          ",\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}}",
          40,
          MLP_ERROR_FORMAT,
          { "'0.bias'", "no weights" } },
        { "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}," W2 "}",
          32,
          MLP_ERROR_SHAPE,
          { "'0.weight'", "of shape [3, 2], expected [2, 3]" } },
        { "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
          ",\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[16,32]}}",
          32,
          MLP_ERROR_FORMAT,
          { "'a.weight'", "order" } },
        { "{}", 0, MLP_ERROR_SHAPE, { "0 layers, expected 2", "" } },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t live = memory_live_count();
        const char *path = write_text("unfit", cases[i].header, zeros, cases[i].size);
        mlp_network *network = NULL;
        assert_refused(load(path, &network), cases[i].status, path, cases[i].words[0], cases[i].words[1],
                       NULL);
        assert_null(network);
        assert_int_equal(memory_live_count(), live);
    }
}

static void values_must_be_finite(void **unused)
{
    unsigned char data[sizeof float_data];
    mlp_network *network;
    (void)unused;
    memcpy(data, float_data, sizeof data);
    memcpy(data + 8 + 16, "\0\0\x80\x7F", 4); /* row 1, column 1 of 0.weight: ∞ */
    assert_refused(load(write_text("infinite", float_header, data, sizeof data), &network),
                   MLP_ERROR_NONFINITE, "'0.weight'", "inf", "row 1, column 1", NULL);
    assert_null(network);
}

static void arguments_and_descriptions(void **unused)
{
    const char *path = write_text("float", float_header, float_data, sizeof float_data);
    mlp_network *network;
    (void)unused;
    assert_refused(mlp_model_load(path, &network), MLP_ERROR_FORMAT, path, "mlp_model_load_tensors", NULL);
    assert_null(network);
    assert_refused(mlp_model_load_tensors(NULL, 3, layers, 2, NULL, &network), MLP_ERROR_ARGUMENT, "path",
                   NULL);
    assert_refused(mlp_model_load_tensors(path, 3, layers, 2, NULL, NULL), MLP_ERROR_ARGUMENT, "network",
                   NULL);
    assert_ok(mlp_model_load_tensors(path, 0, layers, 2, NULL, &network));
    assert_example(network);
    mlp_network_destroy(&network);
    assert_null(network);
}

static void every_allocation_may_fail(void **unused)
{
    const char *path = write_text("float", float_header, float_data, sizeof float_data);
    const size_t live = memory_live_count();
    mlp_network *network = NULL;
    size_t k = 0;
    (void)unused;
    for (mlp_status status = MLP_ERROR_MEMORY; status != MLP_OK; k++) {
        memory_fail_after(k);
        status = load(path, &network);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK ? network != NULL : status == MLP_ERROR_MEMORY && network == NULL);
        assert_true(status == MLP_OK || memory_live_count() == live);
    }
    assert_true(k > 5); /* the loop met allocations */
    assert_example(network);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequential_in_float),        cmocka_unit_test(sequential_in_short_floats),
        cmocka_unit_test(missing_biases_are_zero),    cmocka_unit_test(plain_layer_names),
        cmocka_unit_test(unfit_files_are_refused),    cmocka_unit_test(values_must_be_finite),
        cmocka_unit_test(arguments_and_descriptions), cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
