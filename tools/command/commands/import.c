/* `mlp import`: a model of another program. */
#include <stdlib.h>
#include <string.h>

#include <mlp/model_file.h>

#include "command.h"
#include "options/choice.h"
#include "options/model_argument.h"

struct import_settings {
    struct choices layers;
    mlp_network *network;
};

static int parse_layers(const char *text, void *settings)
{
    return parse_activation_choices("--layers", text, &((struct import_settings *)settings)->layers);
}

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    PARSED("layers", "NAME[:P],...", parse_layers, "Activation of each layer, the output's last, for bare "
        "tensors, whose file does not say: relu,relu,softmax."),
    { .kind = OPTION_END },
};
/* clang-format on */

static int load_tensors(struct import_settings *s, const char *path)
{
    mlp_layer *layers = calloc(s->layers.count, sizeof *layers);
    TRY(layers != NULL ? EXIT_DONE : out_of_memory());
    for (size_t l = 0; l < s->layers.count; l++) {
        layers[l].activation = (mlp_activation)s->layers.items[l].value;
        layers[l].activation_parameter = s->layers.items[l].numbers.a;
    }
    const mlp_status status = mlp_model_load_tensors(path, 0, layers, s->layers.count, NULL, &s->network);
    free(layers);
    return work_code(status);
}

static void print_layers(const mlp_network *network)
{
    printf("%zu", mlp_network_inputs(network));
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        mlp_layer layer;
        if (mlp_network_layer(network, l, &layer) == MLP_OK) {
            printf(" -> %zu %s", layer.units, mlp_activation_name(layer.activation));
        }
    }
    printf("\n");
}

static int run(void *settings, int operands, char **operand)
{
    struct import_settings *s = settings;
    FAIL_IF(operands != 2, usage_error("import: expected a file and the model to write; usage: mlp import %s",
                                       import_command.synopsis));
    const int code = s->layers.count > 0 ? load_tensors(s, operand[0]) : load_model(operand[0], &s->network);
    if (code != EXIT_DONE && s->layers.count == 0 &&
        strstr(mlp_last_error(), "mlp_model_load_tensors") != NULL) {
        notice("a file of bare tensors needs --layers, the activations: relu,relu,softmax");
    }
    TRY(code);
    TRY(work_code(mlp_model_save(s->network, operand[1])));
    print_layers(s->network);
    return EXIT_DONE;
}

static void release(void *settings)
{
    struct import_settings *s = settings;
    choices_free(&s->layers);
    mlp_network_destroy(&s->network);
}

const struct command import_command = {
    .name = "import",
    .summary = "take over a model of another program",
    .synopsis = "FILE MODEL [--layers NAME[:P],...]",
    .description = "Reads the tensors of a PyTorch state_dict in a safetensors file, or an ONNX file, and "
                   "writes a model. "
                   "Layers come in the order of the numbers in their names, or in the one order that their "
                   "shapes allow; "
                   "whatever stands in front of the names, such as module. or _orig_mod., does not matter. "
                   "BatchNorm1d is folded into the layers; a LayerNorm or a convolution is refused by name.",
    .rows = rows,
    .examples = "  mlp import fashion.safetensors fashion.mlp --layers relu,relu,softmax\n"
                "  mlp import keras.onnx keras.safetensors\n",
    .settings_size = sizeof(struct import_settings),
    .run = run,
    .release = release,
};
