/* Files that a training will write, tried before it begins. */
#include "reports/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
        return out_of_memory();
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

int open_table(const char *option, const char *path, FILE **stream)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    *stream = file >= 0 ? fdopen(file, "w") : NULL;
    if (*stream != NULL) {
        return EXIT_DONE;
    }
    const int reason = errno;
    if (file >= 0) {
        close(file);
    }
    return work_error("%s: cannot write '%s': %s", option, path, strerror(reason));
}

int begin_table(const char *option, const char *path, FILE *stream)
{
    if (ftruncate(fileno(stream), 0) != 0 && errno != EINVAL) { /* pipes and terminals have nothing to cut */
        const int reason = errno;
        fclose(stream);
        return work_error("%s: cannot write '%s': %s", option, path, strerror(reason));
    }
    return EXIT_DONE;
}

void write_field(FILE *stream, double value)
{
    if (isfinite(value)) {
        fprintf(stream, ",%.9g", value);
    } else {
        fputc(',', stream);
    }
}

int end_table(const char *option, const char *path, FILE *stream)
{
    const int failed = ferror(stream);
    return fclose(stream) == 0 && !failed
               ? EXIT_DONE
               : work_error("%s: cannot write '%s': %s", option, path, strerror(errno));
}
