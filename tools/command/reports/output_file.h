/* Files that a training will write, tried before it begins. */
#ifndef TOOLS_OUTPUT_FILE_H
#define TOOLS_OUTPUT_FILE_H

#include <stdio.h>

/* Whether a model can be saved under this path: its folder takes a new file, and what stands there now is a
 * regular file or nothing. Returns an exit code after a message that names the option. */
int check_output(const char *option, const char *path);

/* Tables as CSV. `option` and `path` are for messages. */

/* Opens a file for writing without emptying it yet. Returns an exit code. */
int open_table(const char *option, const char *path, FILE **stream);
/* Empties it. Returns an exit code; the stream is closed when it fails. */
int begin_table(const char *option, const char *path, FILE *stream);
/* A comma and the value; nothing after the comma for what was not measured. */
void write_field(FILE *stream, double value);
/* Closes it. Returns an exit code. */
int end_table(const char *option, const char *path, FILE *stream);

#endif
