/* `mlp export`: a model in another program's format. */
#include <string.h>

#include <mlp/model_file.h>

#include "command.h"
#include "options/model_argument.h"

struct export_settings {
    int label;
    mlp_network *network;
};

#define FIELD(member) offsetof(struct export_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    FLAG("label", label, 1, "Add an output 'label' with the class of each sample."),
    { .kind = OPTION_END },
};
/* clang-format on */

static int run(void *settings, int operands, char **operand)
{
    struct export_settings *s = settings;
    mlp_onnx_options options = MLP_ONNX_OPTIONS_INIT;
    if (operands != 2) {
        return usage_error("export: expected a model and the file to write; usage: mlp export %s",
                           export_command.synopsis);
    }
    const size_t length = strlen(operand[1]);
    if (length < 6 || strcmp(operand[1] + length - 5, ".onnx") != 0) {
        return usage_error("export: '%s': expected a name that ends in .onnx", operand[1]);
    }
    TRY(load_model(operand[0], &s->network));
    options.label = s->label;
    return work_code(mlp_model_export_onnx(s->network, operand[1], &options));
}

static void release(void *settings)
{
    mlp_network_destroy(&((struct export_settings *)settings)->network);
}

const struct command export_command = {
    .name = "export",
    .summary = "write a model as an ONNX file",
    .synopsis = "MODEL FILE.onnx [OPTION...]",
    .description =
        "Writes a model for ONNX Runtime and other programs: input 'input' and output 'output', any "
        "number of samples, the standardization in front, class names among the metadata. A custom "
        "activation is refused.",
    .rows = rows,
    .examples = "  mlp export digits.safetensors digits.onnx\n"
                "  mlp export digits.safetensors digits.onnx --label\n",
    .settings_size = sizeof(struct export_settings),
    .run = run,
    .release = release,
};
