/* Names near a word that was mistyped. */
#ifndef TOOLS_NEAR_H
#define TOOLS_NEAR_H

#include <stdbool.h>

/* Whether `word` was likely meant to be `name`: one begins with the other (three characters at
 * least), or a third of the word's characters at most are inserted, missing, exchanged or swapped with a
 * neighbour. Letters count alike in both cases, '_' as '-'. */
bool name_is_near(const char *word, const char *name);

#endif
