/* How many processors this process may use: those of its affinity mask, or what a CPU quota leaves of them.
 */
#include "base/processors.h"

#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/platform.h"

enum { TEXT_SIZE = 4096 };

/* The first TEXT_SIZE − 1 bytes of a file; false when it cannot be read. */
static bool read_text(const char *path, char text[TEXT_SIZE])
{
    const int file = platform_open_file(path, true);
    const ptrdiff_t length = file >= 0 ? read(file, text, TEXT_SIZE - 1) : -1;
    if (file >= 0) {
        close(file);
    }
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* The quota and period in microseconds that the group at `folder` sets, or false. */
static bool read_quota(const char *folder, bool unified, double *quota, double *period)
{
    char path[PATH_MAX + 32], text[TEXT_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, unified ? "cpu.max" : "cpu.cfs_quota_us");
    if (!read_text(path, text)) {
        return false;
    }
    if (unified) {
        return sscanf(text, "%lf %lf", quota, period) == 2; /* "max" is no number */
    }
    *quota = atof(text); /* -1: none */
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    *period = read_text(path, text) ? atof(text) : 0.0;
    return true;
}

/* The least that the group and those above it allow: `path` below `root`, cut back to nothing. */
static int least_quota(const char *root, const char *path, bool unified)
{
    char folder[PATH_MAX];
    const size_t top = strlen(root);
    int least = INT_MAX;
    if (snprintf(folder, sizeof folder, "%s%s", root, path) >= (int)sizeof folder) {
        return least;
    }
    for (;;) {
        double quota, period;
        if (read_quota(folder, unified, &quota, &period) && quota > 0.0 && period > 0.0 &&
            ceil(quota / period) < least) {
            least = (int)ceil(quota / period);
        }
        char *end = strrchr(folder + top, '/');
        if (end == NULL) {
            return least;
        }
        *end = '\0';
    }
}

static bool has_cpu_controller(char *controllers)
{
    char *rest = NULL;
    for (char *name = strtok_r(controllers, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (strcmp(name, "cpu") == 0) {
            return true;
        }
    }
    return false;
}

/* Lines of "number:controllers:path", the controllers empty for v2. */
int processors_quota(const char *groups, const char *mount)
{
    char text[TEXT_SIZE], root[PATH_MAX], *rest = NULL;
    int least = INT_MAX;
    if (!read_text(groups, text)) {
        return least;
    }
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        const bool unified = *++controllers == '\0';
        if (unified || has_cpu_controller(controllers)) {
            snprintf(root, sizeof root, unified ? "%s" : "%s/cpu", mount);
            const int allowed = least_quota(root, path, unified);
            least = allowed < least ? allowed : least;
        }
    }
    return least;
}

int processors_within_quota(void)
{
    static atomic_int quota;
    if (atomic_load_explicit(&quota, memory_order_relaxed) == 0) {
        atomic_store_explicit(&quota, processors_quota("/proc/self/cgroup", "/sys/fs/cgroup"),
                              memory_order_relaxed);
    }
    return atomic_load_explicit(&quota, memory_order_relaxed);
}

static int count_allowed(void)
{
    const int quota = processors_within_quota(), processors = platform_processors();
    const int allowed = quota < processors ? quota : processors;
    return allowed > 1 ? allowed : 1;
}

int processors_allowed(void)
{
    static atomic_int counted;
    if (atomic_load_explicit(&counted, memory_order_relaxed) == 0) {
        atomic_store_explicit(&counted, count_allowed(), memory_order_relaxed);
    }
    return atomic_load_explicit(&counted, memory_order_relaxed);
}
