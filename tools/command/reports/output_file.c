/* Files that a training will write, tried before it begins. */
#include "reports/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mlp/model_file.h>

#include "message.h"

int check_output(const char *option, const char *path)
{
    return mlp_model_try_save(path) == MLP_OK ? EXIT_DONE : work_error("%s: %s", option, mlp_last_error());
}

/* What a path leads to; where nothing is there yet, its folder and its name in it. */
struct place {
    struct stat facts;
    const char *name; /* NULL: the file is there */
};

static bool find_place(const char *path, struct place *place)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    *place = (struct place){ .name = NULL };
    if (stat(path, &place->facts) == 0) {
        return S_ISREG(place->facts.st_mode); /* several outputs may go to /dev/null */
    }
    place->name = slash != NULL ? slash + 1 : path;
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash + 1 - path) : 1,
             slash != NULL ? path : ".");
    return stat(folder, &place->facts) == 0;
}

bool same_file(const char *one, const char *other)
{
    struct place a, b;
    return one != NULL && other != NULL && find_place(one, &a) && find_place(other, &b) &&
           a.facts.st_dev == b.facts.st_dev && a.facts.st_ino == b.facts.st_ino &&
           (a.name == NULL) == (b.name == NULL) && (a.name == NULL || strcmp(a.name, b.name) == 0);
}

int check_distinct(const struct file_use *uses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t other = i + 1; other < count; other++) {
            const struct file_use *a = &uses[i], *b = &uses[other];
            FAIL_IF((a->written || b->written) && same_file(a->path, b->path),
                    usage_error("%s: '%s' is the same file as '%s' of %s", b->option, b->path, a->path,
                                a->option));
        }
    }
    return EXIT_DONE;
}

int write_whole_file(const char *option, const char *path, const char *bytes, size_t size)
{
    char partial[PATH_MAX];
    FAIL_IF((size_t)snprintf(partial, sizeof partial, "%s.part", path) >= sizeof partial,
            work_error("%s: the name '%s' is too long", option, path));
    FILE *file = fopen(partial, "w");
    FAIL_IF(file == NULL, work_error("%s: cannot write '%s': %s", option, partial, strerror(errno)));
    bool written = fwrite(bytes, 1, size, file) == size;
    written = fclose(file) == 0 && written;
    if (written && rename(partial, path) == 0) {
        return EXIT_DONE;
    }
    const int reason = errno;
    remove(partial);
    return work_error("%s: cannot write '%s': %s", option, path, strerror(reason));
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
