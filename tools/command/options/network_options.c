/* The layers of a network from the command line. */
#include "options/network_options.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options/choice.h"
#include "command.h"
#include "message.h"
#include "options/number.h"
#include "training/train.h"

enum { DEFAULT_HIDDEN = 128, MAX_HIDDEN = 9999 };

static struct network_settings *network_of(void *settings)
{
    return &((struct train_settings *)settings)->network;
}

int parse_hidden(const char *text, void *settings)
{
    struct network_settings *network = network_of(settings);
    size_t capacity = 1;
    for (const char *c = text; *c != '\0'; c++) {
        capacity += *c == ',';
    }
    network->hidden_count = 0;
    if (*text == '\0' || strcmp(text, "none") == 0) {
        return EXIT_DONE;
    }
    char *copy = strdup(text), *next = copy;
    size_t *hidden = realloc(network->hidden, capacity * sizeof *hidden);
    network->hidden = hidden != NULL ? hidden : network->hidden;
    int code = copy != NULL && hidden != NULL ? EXIT_DONE : work_error("out of memory");
    while (code == EXIT_DONE && next != NULL) {
        const char *part = strsep(&next, ",");
        uint64_t units;
        if (!parse_whole(part, &units) || units < 1 || units > INT32_MAX ||
            network->hidden_count == MAX_HIDDEN) {
            code = usage_error("--hidden: expected whole numbers of at least 1 separated by commas, or none, "
                               "got '%s'",
                               text);
        } else {
            network->hidden[network->hidden_count++] = (size_t)units;
        }
    }
    free(copy);
    return code;
}

int parse_activation(const char *text, void *settings)
{
    return parse_activation_choices("--activation", text, &network_of(settings)->activations);
}

/* A list of one. */
static int expect_single(const char *option, const char *text, const struct choices *choices)
{
    return choices->count == 1 ? EXIT_DONE : usage_error("%s: expected one choice, got '%s'", option, text);
}

int parse_output_activation(const char *text, void *settings)
{
    static const char option[] = "--output-activation";
    struct choices *choices = &network_of(settings)->output_activation;
    const int code = parse_activation_choices(option, text, choices);
    return code != EXIT_DONE ? code : expect_single(option, text, choices);
}

int parse_init(const char *text, void *settings)
{
    return parse_init_choices("--init", text, &network_of(settings)->inits);
}

int parse_output_init(const char *text, void *settings)
{
    static const char option[] = "--output-init";
    struct choices *choices = &network_of(settings)->output_init;
    const int code = parse_init_choices(option, text, choices);
    return code != EXIT_DONE ? code : expect_single(option, text, choices);
}

int parse_bias_init(const char *text, void *settings)
{
    return parse_init_choices("--bias-init", text, &network_of(settings)->bias_inits);
}

int parse_output_bias_init(const char *text, void *settings)
{
    static const char option[] = "--output-bias-init";
    struct choices *choices = &network_of(settings)->output_bias_init;
    const int code = parse_init_choices(option, text, choices);
    return code != EXIT_DONE ? code : expect_single(option, text, choices);
}

int parse_data_init(const char *text, void *settings)
{
    struct network_settings *network = network_of(settings);
    network->data_init_given = 1;
    return mlp_data_init_from_name(text, &network->data_init) == MLP_OK
               ? EXIT_DONE
               : usage_error("--data-init: %s", mlp_last_error());
}

int parse_init_fan(const char *text, void *settings)
{
    return mlp_fan_from_name(text, &network_of(settings)->common.numbers.fan) == MLP_OK
               ? EXIT_DONE
               : usage_error("--init-fan: %s", mlp_last_error());
}

int parse_init_distribution(const char *text, void *settings)
{
    return mlp_distribution_from_name(text, &network_of(settings)->common.numbers.distribution) == MLP_OK
               ? EXIT_DONE
               : usage_error("--init-distribution: %s", mlp_last_error());
}

int parse_loss(const char *text, void *settings)
{
    mlp_loss *loss = &network_of(settings)->options.loss;
    if (mlp_loss_from_name(text, loss) != MLP_OK) {
        return usage_error("--loss: %s", mlp_last_error());
    }
    return *loss != MLP_LOSS_CUSTOM
               ? EXIT_DONE
               : usage_error("--loss: custom takes a function of a program's own; the command has none");
}

int parse_reduction(const char *text, void *settings)
{
    return mlp_reduction_from_name(text, &network_of(settings)->options.reduction) == MLP_OK
               ? EXIT_DONE
               : usage_error("--reduction: %s", mlp_last_error());
}

int parse_class_weights(const char *text, void *settings)
{
    struct network_settings *network = network_of(settings);
    free(network->class_weights);
    network->class_weights = NULL;
    network->class_weight_count = 0;
    network->balanced = strcmp(text, "balanced") == 0;
    if (network->balanced) {
        return EXIT_DONE;
    }
    const bool valid = parse_reals(text, &network->class_weights, &network->class_weight_count);
    for (size_t i = 0; valid && i < network->class_weight_count; i++) {
        if (network->class_weights[i] < 0.0) {
            return usage_error("--class-weights: expected numbers of at least 0, got '%s'", text);
        }
    }
    return valid ? EXIT_DONE
                 : usage_error("--class-weights: expected numbers separated by commas, or balanced, got '%s'",
                               text);
}

int network_settings_default(struct network_settings *settings)
{
    *settings = (struct network_settings){ .options = MLP_NETWORK_OPTIONS_INIT };
    settings->hidden = malloc(sizeof *settings->hidden);
    if (settings->hidden == NULL) {
        return work_error("out of memory");
    }
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
