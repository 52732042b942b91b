/* What charts are of, in a line. */
#ifndef TOOLS_CHART_TITLE_H
#define TOOLS_CHART_TITLE_H

#include <stddef.h>

#include <mlp/network.h>

enum { NETWORK_TEXT = 128, CHART_TITLE = 320 };

/* A long name loses its middle, but no half of a character. */
void shorten_name(const char *name, char *text, size_t size);
/* Units from the inputs to the outputs and the hidden layers' activation: "64-32-10 relu". */
void network_text(const mlp_network *network, char text[NETWORK_TEXT]);
/* "WHAT: MODEL, 64-32-10 relu, on DATA"; `model` and `data` may be NULL, of paths the last name is taken. */
void chart_title(const char *what, const char *model, const mlp_network *network, const char *data,
                 char title[CHART_TITLE]);

#endif
