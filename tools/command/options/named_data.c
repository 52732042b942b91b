/* Data sets that are known by a name, and where their files lie. */
#include "options/named_data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Zalando's names, in the order of the labels. */
static const char *const fashion_names[] = { "t-shirt/top", "trouser", "pullover", "dress", "coat",
                                             "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot" };

static const struct named_data known[] = {
    { .name = "digits", .features = "digits.csv", .origin = "it is installed with the mlp command" },
    { .name = "fashion-mnist",
      .features = "fashion-mnist/train-images-idx3-ubyte",
      .labels = "fashion-mnist/train-labels-idx1-ubyte",
      .test_features = "fashion-mnist/t10k-images-idx3-ubyte",
      .test_labels = "fashion-mnist/t10k-labels-idx1-ubyte",
      .class_names = fashion_names,
      .origin = "on Debian, install the package dataset-fashion-mnist" },
};

const struct named_data *find_known_data(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return &known[i];
        }
    }
    return NULL;
}

const char *known_data_names(void)
{
    return "digits and fashion-mnist";
}

/* The folder of the program, in which a build that is not installed has its data; empty when it cannot be
 * told. */
static const char *program_folder(void)
{
    static char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0) {
        return "";
    }
    path[length] = '\0';
    *strrchr(path, '/') = '\0';
    return path;
}

char *find_known_file(const char *name)
{
    const char *const folders[] = { getenv("MLP_DATA_DIR"), program_folder(), MLP_DATA_FOLDER,
                                    "/usr/share/datasets" };
    for (size_t i = 0; i < 2 * sizeof folders / sizeof folders[0]; i++) {
        const char *folder = folders[i / 2];
        char *path;
        if (folder == NULL || folder[0] == '\0') {
            continue;
        }
        if (asprintf(&path, "%s/%s%s", folder, name, i % 2 == 0 ? "" : ".gz") < 0) {
            return NULL;
        }
        if (access(path, R_OK) == 0) {
            return path;
        }
        free(path);
    }
    return NULL;
}
