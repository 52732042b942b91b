/* The layers of a network from the command line. */
#include "options/network_options.h"

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options/choice.h"
#include "message.h"
#include "options/number.h"
#include "training/train.h"

enum { DEFAULT_HIDDEN = 128 };

static struct network_settings *network_of(void *settings)
{
    return &((struct train_settings *)settings)->network;
}

int parse_hidden(const char *text, void *settings)
{
    struct network_settings *network = network_of(settings);
    network->hidden_count = 0;
    if (*text == '\0' || strcmp(text, "none") == 0) {
        return EXIT_DONE;
    }
    return parse_sizes("--hidden", text, ",", "whole numbers of at least 1 separated by commas, or none", 1,
                       INT32_MAX, &network->hidden, &network->hidden_count);
}

/* Parsers of lists of choices, as many as there are layers ... */
#define PARSE_CHOICES(function, parse_choices, option, member)                                               \
    int function(const char *text, void *settings)                                                           \
    {                                                                                                        \
        return parse_choices(option, text, &network_of(settings)->member);                                   \
    }

PARSE_CHOICES(parse_activation, parse_activation_choices, "--activation", activations)
PARSE_CHOICES(parse_init, parse_init_choices, "--init", inits)
PARSE_CHOICES(parse_bias_init, parse_init_choices, "--bias-init", bias_inits)

/* ... and of a single one. */
#define PARSE_CHOICE(function, parse_choices, option, member)                                                \
    int function(const char *text, void *settings)                                                           \
    {                                                                                                        \
        struct choices *choices = &network_of(settings)->member;                                             \
        TRY(parse_choices(option, text, choices));                                                           \
        return choices->count == 1 ? EXIT_DONE                                                               \
                                   : usage_error(option ": expected one choice, got '%s'", text);            \
    }

PARSE_CHOICE(parse_output_activation, parse_activation_choices, "--output-activation", output_activation)
PARSE_CHOICE(parse_output_init, parse_init_choices, "--output-init", output_init)
PARSE_CHOICE(parse_output_bias_init, parse_init_choices, "--output-bias-init", output_bias_init)

int parse_data_init(const char *text, void *settings)
{
    struct network_settings *network = network_of(settings);
    network->data_init_given = 1;
    return usage_code("--data-init", mlp_data_init_from_name(text, &network->data_init));
}

PARSE_NAME(parse_init_fan, train_settings, network.common.numbers.fan, "--init-fan", mlp_fan_from_name)
PARSE_NAME(parse_init_distribution, train_settings, network.common.numbers.distribution,
           "--init-distribution", mlp_distribution_from_name)
PARSE_NAME(parse_reduction, train_settings, network.options.reduction, "--reduction", mlp_reduction_from_name)

int parse_loss(const char *text, void *settings)
{
    mlp_loss *loss = &network_of(settings)->options.loss;
    TRY(usage_code("--loss", mlp_loss_from_name(text, loss)));
    return *loss != MLP_LOSS_CUSTOM
               ? EXIT_DONE
               : usage_error("--loss: custom takes a function of a program's own; the command has none");
}

int parse_class_weights(const char *text, void *settings)
{
    struct network_settings *network = network_of(settings);
    network->balanced = strcmp(text, "balanced") == 0;
    network->class_weight_count = 0;
    if (network->balanced) {
        return EXIT_DONE;
    }
    return parse_reals("--class-weights", text, "numbers of at least 0 separated by commas, or balanced", 0.0,
                       DBL_MAX, &network->class_weights, &network->class_weight_count);
}

int network_settings_default(struct network_settings *settings)
{
    *settings = (struct network_settings){ .options = MLP_NETWORK_OPTIONS_INIT };
    settings->hidden = malloc(sizeof *settings->hidden);
    FAIL_IF(settings->hidden == NULL, out_of_memory());
    settings->hidden[settings->hidden_count++] = DEFAULT_HIDDEN;
    return EXIT_DONE;
}

void network_settings_free(struct network_settings *settings)
{
    free(settings->hidden);
    free(settings->class_weights);
    choices_free(&settings->activations);
    choices_free(&settings->inits);
    choices_free(&settings->bias_inits);
    choices_free(&settings->output_activation);
    choices_free(&settings->output_init);
    choices_free(&settings->output_bias_init);
}
