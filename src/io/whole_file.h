/* Whole files: writing one so that it appears whole or not at all. */
#ifndef IO_WHOLE_FILE_H
#define IO_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <mlp/status.h>

/* A file being written beside its final place. */
struct whole_file {
    const char *path; /* borrowed */
    char *target;     /* the file that `path` leads to through symbolic links */
    char *temporary;  /* beside the target, in the same folder, in the same memory; locked until the end */
    FILE *stream;
};

/* Begins a file; on failure there is nothing to end. MLP_ERROR_ARGUMENT for an empty path; MLP_ERROR_IO,
 * also when something other than a regular file is there. A file that is replaced hands its permissions on,
 * and a symbolic link is followed to its target. */
mlp_status whole_file_begin(const char *path, struct whole_file *file);

/* Appends bytes. */
mlp_status whole_file_write(struct whole_file *file, const void *bytes, size_t size);

/* Puts bytes in the place of some that were appended. */
mlp_status whole_file_overwrite(struct whole_file *file, size_t offset, const void *bytes, size_t size);

/* With MLP_OK as `status`: flushes the file to the disk, renames it into place, flushes the folder, and
 * removes what processes that died while they wrote this file left beside it. With any other status, and
 * when writing fails: removes what was written, and the old file stays. When the rename fails, the new file
 * stays beside the old one, and the message names it. Returns the first failure. */
mlp_status whole_file_end(struct whole_file *file, mlp_status status);

/* Whether a file could begin there now: begins one and removes it. */
mlp_status whole_file_try(const char *path);

/* Whether `rest`, what follows a path in a name, makes it the temporary name of a file that is being written
 * there. */
bool whole_file_is_temporary(const char *rest);

/* Flushes the folder that the file or folder `name` lies in, where the file system takes that. `name` is cut
 * to its folder's. */
void whole_file_flush_folder(char *name);

#endif
