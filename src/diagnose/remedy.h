/* Which initializations mean field says would work. */
#ifndef DIAGNOSE_REMEDY_H
#define DIAGNOSE_REMEDY_H

#include <stddef.h>

#include "diagnose/diagnose.h"

/* Writes those of a few usual choices of activation and initializer, in the hidden layers, under which
 * neither signal nor gradient changes more than ten times through this network's layers and no bounded
 * activation is flat in a tenth of its values, separated by " or "; "" where there is none. */
void remedy_find(const mlp_network *network, const struct mlp_diagnosis *diagnosis, char *text, size_t size);

#endif
