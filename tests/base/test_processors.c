/* CPU quotas, read from folders made like those of control groups, version 1 and 2. */
#include "support/support.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/processors.h"

static char mount[4096];

/* Writes a file below the mount, and the folders on its way. */
static void put(const char *path, const char *text)
{
    char whole[8192];
    snprintf(whole, sizeof whole, "%s/%s", mount, path);
    for (char *slash = whole + strlen(mount); (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int quota(const char *groups)
{
    char path[8192];
    put("groups", groups);
    snprintf(path, sizeof path, "%s/groups", mount);
    return processors_quota(path, mount);
}

static int make_mount(void **unused)
{
    (void)unused;
    snprintf(mount, sizeof mount, "%s", test_path("cgroup"));
    return mkdir(mount, 0700);
}

static void quotas_of_version_2(void **unused)
{
    (void)unused;
    put("v2/whole/cpu.max", "200000 100000\n");
    put("v2/rounded/cpu.max", "150000 100000\n");
    put("v2/little/cpu.max", "1000 100000\n");
    put("v2/free/cpu.max", "max 100000\n");
    put("v2/little/below/below/cpu.max", "400000 100000\n");
    put("v2/broken/cpu.max", "a lot\n");
    assert_int_equal(quota("0::/v2/whole\n"), 2);
    assert_int_equal(quota("0::/v2/rounded\n"), 2);
    assert_int_equal(quota("0::/v2/little\n"), 1);
    assert_int_equal(quota("0::/v2/free\n"), INT_MAX);
    assert_int_equal(quota("0::/v2/little/below/below\n"), 1); /* the least on the way up */
    assert_int_equal(quota("0::/v2/broken\n"), INT_MAX);
    assert_int_equal(quota("0::/v2/absent\n"), INT_MAX);
    assert_int_equal(quota("0::/v2/whole/absent\n"), 2);
}

static void quotas_of_version_1(void **unused)
{
    (void)unused;
    put("cpu/job/cpu.cfs_quota_us", "300000\n");
    put("cpu/job/cpu.cfs_period_us", "100000\n");
    put("cpu/free/cpu.cfs_quota_us", "-1\n");
    put("cpu/free/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("3:cpuset:/job\n2:cpu,cpuacct:/job\n1:memory:/x\n"), 3);
    assert_int_equal(quota("2:cpuacct,cpu:/job\n0::/\n"), 3);
    assert_int_equal(quota("2:cpuset:/job\n"), INT_MAX);
    assert_int_equal(quota("2:cpu:/free\n"), INT_MAX);
}

/* A container sees the host's path, but its own group at the mount. */
static void the_mounts_own_group_counts(void **unused)
{
    (void)unused;
    put("cpu.max", "100000 100000\n");
    assert_int_equal(quota("0::/docker/0123abcd\n"), 1);
}

static void nonsense_is_no_quota(void **unused)
{
    (void)unused;
    assert_int_equal(quota(""), INT_MAX);
    assert_int_equal(quota("no colon\n:\n1:cpu\n"), INT_MAX);
    assert_int_equal(processors_quota("/nonexistent", mount), INT_MAX);
    assert_true(processors_allowed() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_of_version_2),
        cmocka_unit_test(quotas_of_version_1),
        cmocka_unit_test(nonsense_is_no_quota),
        cmocka_unit_test(the_mounts_own_group_counts),
    };
    return cmocka_run_group_tests(tests, make_mount, NULL);
}
