/* Files that a training will write, tried before it begins. */
#ifndef TOOLS_OUTPUT_FILE_H
#define TOOLS_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Whether a file can be saved under this path: what the library's saving would do is tried. Returns an exit
 * code after a message that names the option. */
int check_output(const char *option, const char *path);

/* A file that a command reads or writes, by the option that names it; the path may be NULL. */
struct file_use {
    const char *option, *path;
    bool written;
};

/* Whether both paths lead to one file, by device and inode; of none there is no other. NULL is no file. */
bool same_file(const char *one, const char *other);

/* Refuses a file that is written and also read, or written twice, under whatever names (device and inode of
 * the file, or of the folder where the file is not there yet). Returns an exit code. */
int check_distinct(const struct file_use *uses, size_t count);

/* Writes a file under another name, which then takes its place: it is there as a whole or not at all. Returns
 * an exit code. */
int write_whole_file(const char *option, const char *path, const char *bytes, size_t size);

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
