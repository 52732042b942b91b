/* The layers of a network from the command line. */
#ifndef TOOLS_NETWORK_OPTIONS_H
#define TOOLS_NETWORK_OPTIONS_H

#include <stddef.h>

#include <mlp/network.h>

/* A strategy and its numbers: for an activation `value` is an mlp_activation and `numbers.a` its parameter,
 * for an initializer `value` is an mlp_init. */
struct choice {
    int value;
    mlp_init_parameters numbers;
};

/* One choice for every layer, or one for each. */
struct choices {
    struct choice *items; /* owned */
    size_t count;
};

struct network_settings {
    size_t *hidden; /* owned */
    size_t hidden_count;
    struct choices activations;
    struct choices inits, bias_inits;
    struct choices output_activation, output_init, output_bias_init; /* at most one item */
    struct choice common; /* gain, fan and distribution for `inits` that do not say their own */
    size_t output_units;  /* 0: as many as the targets need */
    int data_init_given;
    mlp_data_init data_init;
    double *class_weights; /* owned */
    size_t class_weight_count;
    int balanced; /* class weights are to be found from the data */
    mlp_network_options options;
};

/* Hidden layers and activations as the help says. Returns an exit code. */
int network_settings_default(struct network_settings *settings);
void network_settings_free(struct network_settings *settings);

/* What the data asks of the output. */
struct output_needs {
    size_t classes; /* 0: values */
    size_t values;
    int flags; /* the values are 0 or 1 */
};

/* The network for `inputs` features, drawn from `seed`; the caller destroys it. Returns an exit code. */
int network_from_settings(const struct network_settings *settings, size_t inputs,
                          const struct output_needs *needs, mlp_network **network);

/* Parsers of option rows; `settings` is a struct train_settings. */
int parse_hidden(const char *text, void *settings);
int parse_activation(const char *text, void *settings);
int parse_output_activation(const char *text, void *settings);
int parse_init(const char *text, void *settings);
int parse_output_init(const char *text, void *settings);
int parse_bias_init(const char *text, void *settings);
int parse_output_bias_init(const char *text, void *settings);
int parse_data_init(const char *text, void *settings);
int parse_init_fan(const char *text, void *settings);
int parse_init_distribution(const char *text, void *settings);
int parse_loss(const char *text, void *settings);
int parse_reduction(const char *text, void *settings);
int parse_class_weights(const char *text, void *settings);

#endif
