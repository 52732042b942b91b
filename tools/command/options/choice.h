/* Strategies written as NAME[:NUMBERS], one or a list of them. */
#ifndef TOOLS_CHOICE_H
#define TOOLS_CHOICE_H

#include "options/network_options.h"

/* NAME, or NAME:p with the activation's parameter; lists are separated by commas. */
int parse_activation_choices(const char *option, const char *text, struct choices *choices);
/* NAME, NAME:a, NAME:a,b or NAME:key=value,... with the keys gain, fan and distribution; lists likewise: a
 * comma before a number or before key= continues an item. */
int parse_init_choices(const char *option, const char *text, struct choices *choices);
void choices_free(struct choices *choices);

#endif
