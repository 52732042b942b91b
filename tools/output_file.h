/* Files that a training will write, tried before it begins. */
#ifndef TOOLS_OUTPUT_FILE_H
#define TOOLS_OUTPUT_FILE_H

#include <stdio.h>

/* Whether a model can be saved under this path: its folder takes a new file, and what stands there now is a regular
 * file or nothing. Returns an exit code after a message that names the option. */
int check_output(const char *option, const char *path);
/* Opens a file for writing without emptying it yet. NULL after a message. */
FILE *open_history(const char *path);

#endif
