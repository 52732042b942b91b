/* Studies: claims about weight initialization put to the test.
 *
 * A study is a file of this folder that defines a `struct study NAME_study`, and a row in study_rows.h. */
#ifndef TOOLS_STUDY_STUDY_H
#define TOOLS_STUDY_STUDY_H

#include <stdbool.h>
#include <stddef.h>

#include "studies/experiment.h"
#include "studies/sheet.h"

struct study {
    const char *name;
    const char *summary;   /* a few words, for the list */
    const char *claim;     /* as practitioners have it */
    const char *theory;    /* what mean field or algebra expects */
    const char *criterion; /* what has to be measured for the verdict `as predicted` */
    const char *sources;   /* paper, section; one a line */
    const char *holds;     /* where the claim holds, in a sentence, for a measurement as predicted */
    /* Measures, fills the sheet and says whether the criterion was met. Returns an exit code. */
    int (*run)(struct experiment *experiment, struct sheet *sheet, bool *as_predicted);
};

extern const struct study *const studies[];
extern const size_t study_count;

#endif
