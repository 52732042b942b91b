/* Files that a training will write, tried before it begins. */
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "message.h"

int check_output(const char *option, const char *path)
{
    struct stat status;
    char *trial;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        return work_error("%s: '%s' is %s, expected the path of a file", option, path,
                          S_ISDIR(status.st_mode) ? "a folder" : "no regular file");
    }
    if (asprintf(&trial, "%s.XXXXXX", path) < 0) {
        return work_error("out of memory");
    }
    const int file = mkstemp(trial);
    const int reason = errno;
    if (file >= 0) {
        close(file);
        unlink(trial);
    }
    free(trial);
    return file >= 0 ? EXIT_DONE : work_error("%s: cannot write '%s': %s", option, path, strerror(reason));
}

FILE *open_history(const char *path)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    FILE *stream = file >= 0 ? fdopen(file, "w") : NULL;
    if (stream == NULL) {
        work_error("--history: cannot write '%s': %s", path, strerror(errno));
        if (file >= 0) {
            close(file);
        }
    }
    return stream;
}
