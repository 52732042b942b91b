/* Tables named on the command line: read by a schema, which is learnt from them or a model's. */
#ifndef TOOLS_TABLE_ARGUMENT_H
#define TOOLS_TABLE_ARGUMENT_H

#include "options/data_argument.h"

/* Loads a table by source->schema, or learns one and puts it into the set. Returns an exit code. */
int load_table(const struct data_request *request, const struct data_source *source, const char *path,
               struct data_set *set);

/* Tells what was understood of a table, if `notices`, and what the reader would want to know. */
void tell_of_table(const char *spec, const mlp_data *data, bool notices);

/* The exit code of a file that could not be loaded, after a message and what may help. */
int data_failure(const struct data_source *source, const char *path, mlp_status status, bool without_label);

#endif
