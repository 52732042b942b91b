/* The vector level: what the environment may ask for, asked in processes of their own, for a level is chosen
 * once. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"

/* The level that a new process with this environment chooses. */
static int level_with(const char *wanted)
{
    int status = -1;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wanted == NULL ? unsetenv("MLP_VECTOR_LEVEL") : setenv("MLP_VECTOR_LEVEL", wanted, 1);
        execl("/proc/self/exe", "test_cpu", "level", (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void environment_lowers_the_level(void **unused)
{
    const int best = (int)cpu_level_best();
    (void)unused;
    NEEDS_PROCESSOR;
    assert_int_equal(level_with(NULL), best);
    for (int level = CPU_BASELINE; level <= CPU_AVX512; level++) {
        assert_int_equal(level_with(cpu_level_name((enum cpu_level)level)), level < best ? level : best);
    }
    assert_int_equal(level_with("sse9"), best);
    assert_int_equal(level_with(""), best);
}

static void levels_have_names(void **unused)
{
    (void)unused;
    assert_string_equal(cpu_level_name(CPU_BASELINE), "baseline");
    assert_string_equal(cpu_level_name(CPU_AVX2), "avx2");
    assert_string_equal(cpu_level_name(CPU_AVX512), "avx512");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(environment_lowers_the_level),
                                        cmocka_unit_test(levels_have_names) };
    if (argc == 2 && strcmp(argv[1], "level") == 0) {
        return (int)cpu_level();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
