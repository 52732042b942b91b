/* docs/format.md: a model file that was put together by it alone loads and predicts, and whatever the library
 * writes into a file stands in it. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <mlp/mlp.h>

enum { INPUTS = 2, HIDDEN = 3, OUTPUTS = 2, ROOM = 4096 };

/* ---- a file by the document ---------------------------------------------------------------------------- */

/* Header and tensors on their way into a file. */
struct writer {
    char header[ROOM];
    unsigned char data[ROOM];
    size_t used;
};

/* A float with few bits set, in the type's layout: 1 sign, the exponent's, the fraction's. */
static uint64_t bits_of(float value, const char *type)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (strcmp(type, "F32") == 0) {
        return bits;
    }
    if (strcmp(type, "BF16") == 0) {
        return bits >> 16;
    }
    return value == 0.0f ? 0
                         : (bits >> 16 & 0x8000u) | ((bits >> 23 & 255u) - 112u) << 10 | (bits >> 13 & 1023u);
}

/* `shape` as JSON. */
static void add_tensor(struct writer *w, const char *name, const char *type, const char *shape,
                       const float *values, size_t count)
{
    const size_t size = strcmp(type, "F32") == 0 ? 4 : 2, begin = w->used, length = strlen(w->header);
    for (size_t i = 0; i < count; i++) {
        test_put_bits(bits_of(values[i], type), size, w->data + w->used);
        w->used += size;
    }
    snprintf(w->header + length, ROOM - length,
             ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", name, type, shape, begin,
             w->used);
}

static size_t finish(struct writer *w, unsigned char *file)
{
    const size_t length = strlen(w->header) + 1;
    w->header[length - 1] = '}';
    test_put_bits(length, 8, file);
    memcpy(file + 8, w->header, length);
    memcpy(file + 8 + length, w->data, w->used);
    return 8 + length + w->used;
}

#define DRAW                                                                                                 \
    "{\\\"name\\\":\\\"automatic\\\",\\\"a\\\":0.0,\\\"b\\\":0.0,\\\"gain\\\":0.0,\\\"fan\\\":"              \
    "\\\"automatic\\\","                                                                                     \
    "\\\"distribution\\\":\\\"normal\\\"}"
#define LAYER(units, activation)                                                                             \
    "{\\\"units\\\":" units ",\\\"activation\\\":\\\"" activation "\\\",\\\"activation_parameter\\\":0.0,"   \
    "\\\"init\\\":" DRAW ",\\\"bias_init\\\":" DRAW "}"
static const char metadata[] =
    "{\"__metadata__\":{\"format\":\"mlp\",\"format_version\":\"1\",\"inputs\":\"2\",\"seed\":\"0\","
    "\"layers\":\"[" LAYER("3", "tanh") "," LAYER("2", "softmax") "]\","
                                                                  "\"loss\":\"{\\\"name\\\":\\\"cross-"
                                                                  "entropy\\\",\\\"reduction\\\":"
                                                                  "\\\"mean\\\",\\\"label_smoothing\\\":0.0,"
                                                                  "\\\"huber_delta\\\":0.0}\"";

static const float weights[2][HIDDEN * INPUTS] = { { 0.5f, -1, 2, 0.25f, -0.125f, 1 },
                                                   { 1, -2, 0.5f, 0.75f, 1.5f, -1 } };
static const float bias[2][HIDDEN] = { { 0.125f, -0.5f, 1 }, { 0.25f, -0.25f } };
static const float mean[INPUTS] = { 1, -2 }, scale[INPUTS] = { 2, 0.5f }, class_weights[OUTPUTS] = { 1, 3 };

/* Softmax of W·tanh(W·(x − mean)/scale + b) + b, in double; W row-major, as the document has it. */
static void expect(const float *x, bool standardized, double *outputs)
{
    double hidden[HIDDEN], sum = 0.0;
    for (size_t i = 0; i < HIDDEN; i++) {
        double z = (double)bias[0][i];
        for (size_t j = 0; j < INPUTS; j++) {
            const double input =
                standardized ? ((double)x[j] - (double)mean[j]) / (double)scale[j] : (double)x[j];
            z += (double)weights[0][i * INPUTS + j] * input;
        }
        hidden[i] = tanh(z);
    }
    for (size_t i = 0; i < OUTPUTS; i++) {
        double z = (double)bias[1][i];
        for (size_t j = 0; j < HIDDEN; j++) {
            z += (double)weights[1][i * HIDDEN + j] * hidden[j];
        }
        outputs[i] = exp(z);
        sum += outputs[i];
    }
    for (size_t i = 0; i < OUTPUTS; i++) {
        outputs[i] /= sum;
    }
}

static void check_predictions(const mlp_network *network, bool standardized)
{
    static const float x[3][INPUTS] = { { 0, 0 }, { 1, -1.5f }, { -3, 0.25f } };
    float outputs[3 * OUTPUTS];
    double expected[OUTPUTS];
    mlp_workspace *workspace;
    assert_ok(mlp_workspace_create(network, 3, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, x[0], 3, outputs));
    for (size_t s = 0; s < 3; s++) {
        expect(x[s], standardized, expected);
        for (size_t i = 0; i < OUTPUTS; i++) {
            assert_close(outputs[s * OUTPUTS + i], expected[i], 1e-6); /* a few roundings of float */
        }
    }
    mlp_workspace_destroy(&workspace);
}

static void what_the_document_says_loads(void **unused)
{
    static const char *const types[] = { "F32", "F16", "BF16" };
    unsigned char file[2 * ROOM];
    (void)unused;
    for (int way = 0; way < 6; way++) {
        const char *type = types[way % 3];
        const bool full = way >= 3;
        struct writer w = { .used = 0 };
        mlp_network *network;
        snprintf(w.header, ROOM, "%s%s}", metadata,
                 full ? ",\"class_names\":\"[\\\"no\\\",\\\"yes\\\"]\"" : "");
        add_tensor(&w, "layers.1.bias", type, "[2]", bias[1], OUTPUTS); /* in any order */
        add_tensor(&w, "layers.0.weight", type, "[3,2]", weights[0], HIDDEN * INPUTS);
        add_tensor(&w, "layers.0.bias", "F32", "[3]", bias[0], HIDDEN);
        add_tensor(&w, "layers.1.weight", type, "[2,3]", weights[1], HIDDEN * OUTPUTS);
        if (full) {
            add_tensor(&w, "standardization.mean", type, "[2]", mean, INPUTS);
            add_tensor(&w, "standardization.scale", type, "[2]", scale, INPUTS);
            add_tensor(&w, "loss.class_weights", type, "[2]", class_weights, OUTPUTS);
        }
        const size_t size = finish(&w, file);
        assert_ok(mlp_model_load_memory(file, size, NULL, &network));
        check_predictions(network, full);
        assert_int_equal(mlp_network_class_name_count(network), full ? 2 : 0);
        assert_int_equal(mlp_network_loss(network), MLP_LOSS_CROSS_ENTROPY);
        mlp_network_destroy(&network);
    }
}

/* ---- the document by what is written ------------------------------------------------------------------- */

/* Fails unless the document has the name between backquotes; runs of digits are its indices l and s. */
static void assert_documented(const char *document, const char *name)
{
    char quoted[128];
    size_t used = 0;
    bool first = true;
    quoted[used++] = '`';
    for (const char *c = name; *c != '\0' && used + 2 < sizeof quoted; c++) {
        const bool index = *c >= '0' && *c <= '9';
        const bool of_optimizer = first && strncmp(name, "optimizer.", 10) == 0;
        quoted[used++] = *c;
        if (index) {
            quoted[used - 1] = of_optimizer ? 's' : 'l';
            first = false;
        }
    }
    quoted[used++] = '`';
    quoted[used] = '\0';
    if (strstr(document, quoted) == NULL) {
        fail_msg("docs/format.md has not %s", quoted);
    }
}

static void assert_members_documented(const char *document, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        assert_documented(document, key);
        if (json_is_object(value)) {
            const char *inner;
            json_t *of_inner;
            json_object_foreach(value, inner, of_inner)
            {
                char as_json[64];
                snprintf(as_json, sizeof as_json, "\"%s\"", inner);
                assert_non_null(strstr(document, as_json));
            }
        }
    }
}

/* Every tensor, every key of the metadata, every member of a layer and of the loss. */
static void assert_file_documented(const char *document, const unsigned char *file)
{
    size_t length = 0;
    const char *key;
    json_t *entry;
    for (size_t b = 8; b-- > 0;) {
        length = length << 8 | file[b];
    }
    json_t *header = json_loadb((const char *)file + 8, length, 0, NULL);
    assert_non_null(header);
    const json_t *all = json_object_get(header, "__metadata__");
    json_object_foreach(header, key, entry)
    {
        assert_documented(document, key);
    }
    json_object_foreach((json_t *)(uintptr_t)all, key, entry)
    {
        assert_documented(document, key);
    }
    json_t *layers = json_loads(json_string_value(json_object_get(all, "layers")), 0, NULL),
           *loss = json_loads(json_string_value(json_object_get(all, "loss")), 0, NULL);
    for (size_t l = 0; l < json_array_size(layers); l++) {
        assert_members_documented(document, json_array_get(layers, l));
    }
    assert_members_documented(document, loss);
    json_decref(layers);
    json_decref(loss);
    json_decref(header);
}

static void value_of(const float *z, float *a, size_t count, void *context)
{
    (void)context;
    memmove(a, z, count * sizeof *a);
}

static mlp_status no_loss(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                          size_t leading_dimension, float *gradient, double *loss, void *context)
{
    (void)outputs, (void)targets, (void)units, (void)count, (void)leading_dimension, (void)gradient,
        (void)context;
    *loss = 0.0;
    return MLP_OK;
}

/* With everything that a model file can hold, by two networks: one has a loss with class weights. */
static mlp_network *make(bool custom)
{
    static const char *const names[] = { "no", "yes" }, *const functions[] = { NULL, "mine" };
    const mlp_layer layers[] = { { .units = HIDDEN, .activation = MLP_ACTIVATION_ELU },
                                 { .units = OUTPUTS,
                                   .activation = custom ? MLP_ACTIVATION_CUSTOM : MLP_ACTIVATION_SOFTMAX,
                                   .custom_activation = { value_of, value_of, NULL } } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.class_weights = custom ? NULL : class_weights;
    options.loss = custom ? MLP_LOSS_CUSTOM : MLP_LOSS_AUTOMATIC;
    options.custom_loss = no_loss;
    options.custom_loss_name = "mine";
    options.custom_activation_names = functions;
    assert_ok(mlp_network_create(INPUTS, layers, 2, &options, &network));
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_network_set_class_names(network, names, 2));
    return network;
}

/* A fit's checkpoint with everything that there can be in it. */
static void fit_with_checkpoints(mlp_network *network, mlp_optimizer *optimizer, const char *document)
{
    static const float x[4 * INPUTS] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    static const int32_t y[4] = { 0, 1, 1, 0 };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    mlp_data *data;
    mlp_report *report;
    size_t size;
    arrays.count = 4;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = y;
    assert_ok(mlp_data_create(&arrays, &data));
    checkpoint.folder = test_path("document");
    average.rule = MLP_AVERAGE_EMA;
    fit.checkpoint = &checkpoint;
    fit.average = &average;
    fit.validation = data;
    fit.monitor_interval = 1;
    fit.epochs = 2;
    assert_ok(mlp_fit(network, optimizer, data, &fit, &report));
    unsigned char *file = test_read_file(mlp_report_checkpoint(report), &size);
    assert_file_documented(document, file);
    free(file);
    mlp_report_destroy(&report);
    mlp_data_destroy(&data);
}

static void whatever_is_written_stands_in_the_document(void **unused)
{
    const char *path = test_path("loop.safetensors");
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    size_t size;
    (void)unused;
    const char *place = getenv("MLP_TEST_FORMAT");
    assert_non_null(place);
    char *document = (char *)test_read_file(place, &size);
    for (int custom = 0; custom < 2; custom++) {
        mlp_network *network = make(custom != 0);
        void *bytes;
        assert_ok(mlp_model_save_memory(network, &bytes, &size));
        assert_file_documented(document, bytes);
        mlp_memory_free(&bytes);
        rule.rule = MLP_OPTIMIZER_ADAM;
        assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
        assert_ok(mlp_checkpoint_save(path, network, optimizer, "abc", 3));
        unsigned char *file = test_read_file(path, &size);
        assert_file_documented(document, file);
        free(file);
        if (!custom) {
            fit_with_checkpoints(network, optimizer, document);
        }
        mlp_optimizer_destroy(&optimizer);
        mlp_network_destroy(&network);
    }
    free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_document_says_loads),
        cmocka_unit_test(whatever_is_written_stands_in_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
