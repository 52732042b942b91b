/* The features of a model: the columns of its table, or its inputs. */
#ifndef TOOLS_FEATURES_H
#define TOOLS_FEATURES_H

#include <mlp/data.h>
#include <mlp/network.h>
#include <mlp/schema.h>

enum { FEATURE_NAME = 32 };

struct feature {
    const char *name; /* NULL: has none */
    size_t number;    /* of the column of the table, or of the input */
    mlp_schema_column column;
};

struct features {
    const mlp_network *network;
    struct feature *items; /* owned */
    size_t count;
};

/* Of a network with or without a schema, named by the data where it has none. Returns an exit code; free it
 * in any case. */
int features_make(struct features *features, const mlp_network *network, const mlp_data *data);
void features_free(struct features *features);
/* The name, or "column 3" and "input 3" written into `number`. */
const char *feature_name(const struct features *features, size_t i, char number[FEATURE_NAME]);
/* One by its name, or its number as above. Returns an exit code. */
int feature_find(const struct features *features, const char *option, const char *text, size_t *found);
/* Of each input the feature that it is of, for mlp_importance_measure(); the caller frees. NULL when memory
 * is short. */
size_t *feature_groups(const struct features *features);

#endif
