/* `mlp export`: a model in another format. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/model_file.h>
#include <mlp/train.h>

#include "command.h"
#include "options/data_argument.h"
#include "options/model_argument.h"

enum { RECORDED_SAMPLES = 8 };

struct export_settings {
    struct data_request request; /* first, for the parsers of data options */
    const char *data, *name;
    int label_output, int8;
    mlp_network *network, *rounded;
    struct data_set set;
    float *samples;
};

#define FIELD(member) offsetof(struct export_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("ONNX:"),
    FLAG("class-output", label_output, 1, "Add an output 'label' with the class of each sample."),
    GROUP("C:"),
    TEXT("name", "NAME", name, "Prefix of what the file declares (default: the file's name without .c)."),
    FLAG("int8", int8, 1, "Weights in 8 bits, with a scale for each unit."),
    TEXT("data", "DATA", data, "Take the samples of the self-test from here, and with --int8 print what the "
        "8 bits cost: loss and accuracy of both. " DATA_SPEC_HELP, .letter = 'd'),
    DATA_PART_ROW,
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last)."),
    { .kind = OPTION_END },
};
/* clang-format on */

/* ---- formats ------------------------------------------------------------------------------------------- */

static int export_safetensors(struct export_settings *s, const char *path)
{
    return work_code(mlp_model_save(s->network, path));
}

static int export_onnx(struct export_settings *s, const char *path)
{
    mlp_onnx_options options = MLP_ONNX_OPTIONS_INIT;
    options.label = s->label_output;
    return work_code(mlp_model_export_onnx(s->network, path, &options));
}

static int print_metrics(const struct export_settings *s, const char *weights, const mlp_network *network)
{
    mlp_metrics metrics;
    TRY(work_code(mlp_evaluate(network, s->set.data, 0, 0, 0, &metrics, NULL)));
    printf("%-8s loss %.6g", weights, metrics.loss);
    if (!isnan(metrics.accuracy)) {
        printf("  accuracy %.4f", metrics.accuracy);
    }
    printf("\n");
    return EXIT_DONE;
}

/* The first samples of the data, and what 8 bits cost on all of it. */
static int use_data(struct export_settings *s, mlp_c_options *options)
{
    const struct data_source source = {
        .option = "--data", .spec = s->data, .part = s->request.part, .label_needed = s->int8 != 0
    };
    TRY(open_data_of_model(&s->request, source, s->network, &s->set));
    const size_t count = mlp_data_count(s->set.data);
    options->sample_count = count < RECORDED_SAMPLES ? count : (size_t)RECORDED_SAMPLES;
    FAIL_IF(mlp_data_inputs(s->set.data) != mlp_network_inputs(s->network),
            usage_error("--data: '%s' has %zu features, the model takes %zu", s->data,
                        mlp_data_inputs(s->set.data), mlp_network_inputs(s->network)));
    s->samples = calloc(options->sample_count * mlp_network_inputs(s->network), sizeof *s->samples);
    TRY(s->samples != NULL ? EXIT_DONE : out_of_memory());
    TRY(work_code(mlp_data_read(s->set.data, 0, options->sample_count, s->samples, NULL, NULL)));
    options->samples = s->samples;
    if (!s->int8) {
        return EXIT_DONE;
    }
    TRY(work_code(mlp_network_copy(s->network, &s->rounded)));
    TRY(work_code(mlp_network_quantize(s->rounded)));
    TRY(print_metrics(s, "float", s->network));
    return print_metrics(s, "int8", s->rounded);
}

static int export_c(struct export_settings *s, const char *path)
{
    mlp_c_options options = MLP_C_OPTIONS_INIT;
    options.name = s->name;
    options.int8 = s->int8;
    if (s->data != NULL) {
        TRY(use_data(s, &options));
    }
    return work_code(mlp_model_export_c(s->network, path, &options));
}

static const struct {
    const char *suffix;
    int (*export)(struct export_settings *s, const char *path);
} formats[] = {
    { ".onnx", export_onnx },
    { ".c", export_c },
    { ".safetensors", export_safetensors },
};

/* ---- the command --------------------------------------------------------------------------------------- */

static int run(void *settings, int operands, char **operand)
{
    struct export_settings *s = settings;
    FAIL_IF(operands != 2, usage_error("export: expected a model and the file to write; usage: mlp export %s",
                                       export_command.synopsis));
    const size_t length = strlen(operand[1]);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const size_t suffix = strlen(formats[i].suffix);
        if (length > suffix && strcmp(operand[1] + length - suffix, formats[i].suffix) == 0) {
            TRY(load_model(operand[0], &s->network));
            return formats[i].export(s, operand[1]);
        }
    }
    return usage_error("export: '%s': expected a name that ends in .onnx, .c or .safetensors", operand[1]);
}

static void release(void *settings)
{
    struct export_settings *s = settings;
    free(s->samples);
    mlp_data_destroy(&s->set.data);
    mlp_network_destroy(&s->rounded);
    mlp_network_destroy(&s->network);
}

const struct command export_command = {
    .name = "export",
    .summary = "write a model as ONNX, as C or as safetensors",
    .synopsis = "MODEL FILE.onnx|FILE.c|FILE.safetensors [OPTION...]",
    .description =
        "Writes a model in the format that the file's name ends with. ONNX: input 'input' and output "
        "'output', any number of samples, the standardization in front, class names among the metadata. C: a "
        "file and its header that need libm alone, with int NAME_predict(const float *x, float *y) and a "
        "self-test (compile with -DNAME_TEST); of a model that knows its columns by name also "
        "NAME_predict_row() and NAME_predict_texts(), which take raw columns. A custom activation is "
        "refused.",
    .rows = rows,
    .examples = "  mlp export digits.safetensors digits.onnx\n"
                "  mlp export digits.safetensors digits.c\n"
                "  mlp export digits.safetensors small.c --int8 --data digits\n"
                "  mlp export digits.onnx digits.safetensors\n",
    .settings_size = sizeof(struct export_settings),
    .prepare = data_request_default,
    .run = run,
    .release = release,
};
