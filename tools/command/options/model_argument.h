/* The model that a command works with. */
#ifndef TOOLS_MODEL_ARGUMENT_H
#define TOOLS_MODEL_ARGUMENT_H

#include <stdbool.h>

#include <mlp/network.h>

#include "command.h"
#include "options/data_argument.h"

/* Loads the model named by the command's one operand. Returns an exit code after a message; the caller
 * destroys it. */
int open_model(const struct command *command, int operands, char **operand, mlp_network **network);
/* Opens data whose labels are the model's class names, or numbers for a model of numbers. Returns an exit
 * code. */
int open_data_of_model(struct data_request *request, struct data_source source, const mlp_network *network,
                       struct data_set *set);
/* Loads a model. Returns an exit code after a message; the caller destroys it. */
int load_model(const char *path, mlp_network **network);
/* Whether its outputs stand for classes rather than numbers: it has class names, or a loss or output of
 * classes. */
bool network_classifies(const mlp_network *network);
/* Whether its outputs are several questions of yes or no. */
bool network_predicts_flags(const mlp_network *network);
/* Classes it distinguishes: its outputs, or 2 for a single one. */
size_t network_classes(const mlp_network *network);
/* Name of a class, or its number written into `number` (24 bytes at least). */
const char *network_class_text(const mlp_network *network, size_t class_index, char number[24]);

#endif
