/* Choosing OpenBLAS's kernels from inside: back and forth between all that the processor runs. */
#include "support/support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cblas.h>

#include <mlp/mlp.h>

#include "base/cpu.h"
#include "linalg/blas.h"
#include "linalg/blas_section.h"
#include "linalg/gemm.h"

static const char *const names[] = { "Prescott", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake" };

enum { NAMES = sizeof names / sizeof names[0], SIDE = 130 };

/* A product that packs and one that does not, against the triple loop. */
static void assert_products_right(void)
{
    static float a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE];
    static double expected[SIDE * SIDE];
    static const size_t sides[] = { 17, SIDE };
    uint64_t state = 6;
    test_fill(&state, -1.0, 1.0, a, SIDE * SIDE);
    test_fill(&state, -1.0, 1.0, b, SIDE * SIDE);
    for (size_t s = 0; s < 2; s++) {
        const size_t n = sides[s];
        BLAS_SECTION(true);
        gemm_nn(GEMM_WHOLE, n, n, n, a, n, b, n, c, n);
        test_product(n, n, n, a, false, b, false, expected);
        for (size_t i = 0; i < n * n; i++) {
            assert_close(c[i], expected[i], 1e-5);
        }
    }
}

static bool can_switch(void)
{
    return strstr(openblas_get_config(), "DYNAMIC_ARCH") != NULL && cpu_level_best() >= CPU_AVX2;
}

/* Every core, whatever the one before, with the environment as it was. */
static void cores_by_name(void **unused)
{
    (void)unused;
    for (int set = 0; set < 2; set++) {
        if (set == 0) {
            unsetenv("OPENBLAS_CORETYPE");
        } else {
            setenv("OPENBLAS_CORETYPE", "anything", 1);
        }
        for (size_t i = 0; i < NAMES * NAMES; i++) {
            const char *name = names[i % 2 ? i / NAMES : i % NAMES];
            const mlp_status status = mlp_blas_select_core(name);
            const char *after = getenv("OPENBLAS_CORETYPE");
            assert_true(set == 0 ? after == NULL : after != NULL && strcmp(after, "anything") == 0);
            assert_true(status == MLP_OK || status == MLP_ERROR_UNSUPPORTED);
            if (status == MLP_OK) {
                assert_int_equal(strcasecmp(blas_core(), name), 0);
                assert_products_right();
            } else {
                assert_true(!can_switch() || cpu_level_best() < CPU_AVX512 ||
                            strcmp(name, "Cooperlake") == 0);
                assert_string_not_equal(mlp_last_error(), "");
            }
        }
    }
    unsetenv("OPENBLAS_CORETYPE");
}

/* Without a name the best core, from one that is not; then nothing is suggested any more. */
static void the_best_core(void **unused)
{
    (void)unused;
    if (!can_switch()) {
        skip();
    }
    assert_ok(mlp_blas_select_core("Prescott"));
    assert_non_null(blas_core_suggested());
    assert_ok(mlp_blas_select_core(NULL));
    assert_null(blas_core_suggested());
    assert_int_equal(blas_class(), cpu_level_best() == CPU_AVX512 ? BLAS_SMALL_MATRIX : BLAS_PACKED);
    assert_non_null(mlp_blas_core_reason());
    assert_non_null(strstr(mlp_blas_core_reason(), mlp_blas_core_chosen()));
    assert_ok(mlp_blas_select_core(NULL));
}

static void what_cannot_be_had(void **unused)
{
    (void)unused;
    assert_refused(mlp_blas_select_core("Pentium"), MLP_ERROR_ARGUMENT, "Pentium", "SkylakeX", NULL);
    assert_refused(mlp_blas_select_core(""), MLP_ERROR_ARGUMENT, "\"\"", NULL);
}

static pthread_barrier_t meeting;

static void *compute(void *unused)
{
    BLAS_SECTION(true);
    pthread_barrier_wait(&meeting);
    pthread_barrier_wait(&meeting);
    return unused;
}

static void not_while_another_thread_computes(void **unused)
{
    pthread_t other;
    (void)unused;
    if (!can_switch()) {
        skip();
    }
    assert_ok(mlp_blas_select_core("Prescott"));
    assert_int_equal(pthread_barrier_init(&meeting, NULL, 2), 0);
    assert_int_equal(pthread_create(&other, NULL, compute, NULL), 0);
    pthread_barrier_wait(&meeting);
    assert_refused(mlp_blas_select_core("Haswell"), MLP_ERROR_UNSUPPORTED, "another thread", NULL);
    assert_int_equal(strcasecmp(blas_core(), "Prescott"), 0);
    pthread_barrier_wait(&meeting);
    assert_int_equal(pthread_join(other, NULL), 0);
    pthread_barrier_destroy(&meeting);
    assert_ok(mlp_blas_select_core("Haswell"));
}

/* A network made on one core serves on another. */
static void a_network_outlives_the_choice(void **unused)
{
    enum { INPUTS = 40, COUNT = 64 };
    static float x[COUNT * INPUTS], before[COUNT * 10], after[COUNT * 10];
    const mlp_layer layers[] = { { .units = 128, .activation = MLP_ACTIVATION_TANH }, { .units = 10 } };
    mlp_network *network;
    mlp_workspace *workspace;
    uint64_t state = 9;
    (void)unused;
    if (!can_switch()) {
        skip();
    }
    test_fill(&state, -1.0, 1.0, x, COUNT * INPUTS);
    assert_ok(mlp_blas_select_core("Haswell"));
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    assert_ok(mlp_workspace_create(network, COUNT, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, x, COUNT, before));
    assert_ok(mlp_blas_select_core(NULL));
    assert_ok(mlp_predict(network, workspace, x, COUNT, after));
    for (int i = 0; i < COUNT * 10; i++) {
        assert_close(after[i], before[i], 1e-5);
    }
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

/* What another process of this program runs on and why, with a variable ("NAME=" and its value) or none. */
static const char *core_of_another(const char *variable, const char *value)
{
    static char line[256];
    char command[512], path[256];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(length > 0);
    path[length] = '\0';
    snprintf(command, sizeof command, "env -u OPENBLAS_CORETYPE -u MLP_BLAS_CORE %s%s '%s' --core", variable,
             value, path);
    FILE *stream = popen(command, "r");
    assert_non_null(stream);
    assert_non_null(fgets(line, sizeof line, stream));
    assert_int_equal(pclose(stream), 0);
    return line;
}

/* When the library is loaded, before there are other threads than OpenBLAS's. */
static void the_environment_chooses(void **unused)
{
    (void)unused;
    NEEDS_LINUX;
    if (!can_switch()) {
        skip();
    }
    for (size_t i = 0; i < NAMES; i++) {
        if (mlp_blas_select_core(names[i]) == MLP_OK) {
            assert_int_equal(strncasecmp(core_of_another("MLP_BLAS_CORE=", names[i]), names[i],
                                         strlen(names[i])),
                             0);
        }
    }
    assert_non_null(strstr(core_of_another("MLP_BLAS_CORE=", "Pentium"), "\"Pentium\""));
    assert_null(strstr(core_of_another("", ""), "left alone"));
    assert_int_equal(strncasecmp(core_of_another("OPENBLAS_CORETYPE=", "Prescott"), "Prescott", 8), 0);
    assert_non_null(
        strstr(core_of_another("OPENBLAS_CORETYPE=", "Prescott"), "OPENBLAS_CORETYPE has chosen"));
    assert_null(strstr(core_of_another("MLP_BLAS_CORE=", "keep"), "left alone"));
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--core") == 0) {
        printf("%s %s\n", openblas_get_corename(),
               mlp_blas_core_reason() != NULL ? mlp_blas_core_reason() : "");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cores_by_name),
        cmocka_unit_test(the_best_core),
        cmocka_unit_test(what_cannot_be_had),
        cmocka_unit_test(not_while_another_thread_computes),
        cmocka_unit_test(a_network_outlives_the_choice),
        cmocka_unit_test(the_environment_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
