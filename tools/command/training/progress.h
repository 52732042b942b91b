/* Progress of a training on standard error: a bar on a terminal, a line for each epoch everywhere. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/train.h>

struct progress_display {
    bool quiet;
    bool terminal;
    bool resumed;         /* the step that the training resumed from was printed */
    bool drawn;           /* a bar stands on the current line */
    double last_drawn;    /* seconds */
    double last_line;     /* likewise, of an epoch */
    double epoch_start;   /* seconds */
    size_t epoch_samples; /* seen before this epoch */
    double seconds;       /* of the last call */
    size_t samples;       /* of the last call */
};

void progress_begin(struct progress_display *display, bool quiet);
/* An mlp_progress_callback; the context is the display. Asks to stop when a signal came. */
int progress_show(const mlp_progress *progress, void *display);
/* Removes the bar. */
void progress_end(struct progress_display *display);

#endif
