/* Keeping OpenBLAS to one thread and giving the caller's setting back; facts about it. */
#include "support/support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include <mlp/info.h>
#include <mlp/version.h>

#include "base/cpu.h"
#include "base/team.h"
#include "linalg/blas.h"
#include "linalg/blas_section.h"

/* Sets a count of BLAS threads and returns what BLAS made of it: a sequential build, or one with a lower
 * limit, may stay below. */
static int take_threads(int wanted)
{
    openblas_set_num_threads(wanted);
    return openblas_get_num_threads();
}

static void the_callers_threads_come_back(void **unused)
{
    (void)unused;
    for (int wanted = 1; wanted <= 4; wanted++) {
        const int before = take_threads(wanted);
        const struct blas_section section = blas_section_begin(true);
        assert_int_equal(openblas_get_num_threads(), 1);
        blas_section_end(&section);
        assert_int_equal(openblas_get_num_threads(), before);
    }
}

/* Whatever way its block is left. */
static int count_within(void)
{
    BLAS_SECTION(true);
    return openblas_get_num_threads();
}

static void a_section_ends_with_its_block(void **unused)
{
    (void)unused;
    const int before = take_threads(3);
    assert_int_equal(count_within(), 1);
    assert_int_equal(openblas_get_num_threads(), before);
}

/* Products that BLAS takes one thread for leave the setting alone. */
static void products_on_one_thread_change_nothing(void **unused)
{
    (void)unused;
    const int before = take_threads(2);
    BLAS_SECTION(false);
    assert_int_equal(openblas_get_num_threads(), before);
}

static void sections_nest(void **unused)
{
    struct blas_section sections[5];
    (void)unused;
    const int before = take_threads(2);
    for (int depth = 0; depth < 5; depth++) {
        sections[depth] = blas_section_begin(true);
        assert_int_equal(openblas_get_num_threads(), 1);
    }
    for (int depth = 5; depth-- > 0;) {
        assert_int_equal(openblas_get_num_threads(), 1);
        blas_section_end(&sections[depth]);
    }
    assert_int_equal(openblas_get_num_threads(), before);
}

/* A setting made between two sections is what the second gives back. */
static void the_setting_is_read_anew(void **unused)
{
    (void)unused;
    take_threads(2);
    assert_int_equal(count_within(), 1);
    const int changed = take_threads(3);
    assert_int_equal(count_within(), 1);
    assert_int_equal(openblas_get_num_threads(), changed);
}

static pthread_barrier_t meeting;

static void meet(void)
{
    pthread_barrier_wait(&meeting);
}

/* The second of two sections that overlap without nesting: it enters while the first is open, and outlives
 * it. */
static void *second_section(void *seen)
{
    int *threads = seen;
    meet(); /* the first is open */
    const struct blas_section section = blas_section_begin(true);
    threads[0] = openblas_get_num_threads();
    meet(); /* both are open */
    meet(); /* the first has ended */
    threads[1] = openblas_get_num_threads();
    blas_section_end(&section);
    return NULL;
}

static void sections_overlap_between_threads(void **unused)
{
    pthread_t other;
    int seen[2] = { -1, -1 };
    (void)unused;
    const int before = take_threads(2);
    assert_int_equal(pthread_barrier_init(&meeting, NULL, 2), 0);
    assert_int_equal(pthread_create(&other, NULL, second_section, seen), 0);
    const struct blas_section section = blas_section_begin(true);
    meet();
    meet();
    blas_section_end(&section);
    meet();
    assert_int_equal(pthread_join(other, NULL), 0);
    pthread_barrier_destroy(&meeting);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);
    assert_int_equal(openblas_get_num_threads(), before);
}

static void *many_sections(void *wrong)
{
    for (int i = 0; i < 20000; i++) {
        *(int *)wrong += count_within() != 1;
    }
    return NULL;
}

static void many_sections_from_many_threads(void **unused)
{
    pthread_t others[4];
    int wrong[4] = { 0 };
    (void)unused;
    const int before = take_threads(2);
    for (int t = 0; t < 4; t++) {
        assert_int_equal(pthread_create(&others[t], NULL, many_sections, &wrong[t]), 0);
    }
    for (int t = 0; t < 4; t++) {
        assert_int_equal(pthread_join(others[t], NULL), 0);
        assert_int_equal(wrong[t], 0);
    }
    assert_int_equal(openblas_get_num_threads(), before);
}

/* OpenBLAS built with OpenMP sets OpenMP's default too; that is the caller's as well. */
static void openmps_default_stays(void **unused)
{
    (void)unused;
#ifdef _OPENMP
    take_threads(2);
    omp_set_num_threads(3);
    assert_int_equal(count_within(), 1);
    assert_int_equal(omp_get_max_threads(), 3);
#else
    skip();
#endif
}

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void the_class_follows_from_the_core(void **unused)
{
    static const char *const small[] = { "SkylakeX", "Cooperlake", "SapphireRapids" };
    (void)unused;
    assert_string_equal(blas_core(), openblas_get_corename());
    assert_int_equal(blas_class(), is_one_of(blas_core(), small, 3) ? BLAS_SMALL_MATRIX : BLAS_PACKED);
}

static void a_fitting_core_is_not_improved_upon(void **unused)
{
    (void)unused;
    const char *suggested = blas_core_suggested();
    if (suggested != NULL) {
        assert_string_not_equal(suggested, blas_core());
        assert_string_equal(suggested, cpu_level_best() == CPU_AVX512 ? "SkylakeX" : "Haswell");
    }
    if (blas_class() == BLAS_SMALL_MATRIX || cpu_level_best() == CPU_BASELINE) {
        assert_null(suggested);
    }
    if (cpu_level_best() == CPU_AVX512 && blas_class() == BLAS_PACKED) {
        assert_non_null(suggested);
    }
}

static void info_says_what_is_in_use(void **unused)
{
    static const char *const levels[] = { "baseline", "avx2", "avx512" };
    static const char *const threading[] = { "sequential", "pthreads", "openmp" };
    mlp_info info;
    (void)unused;
    mlp_info_get(&info);
    assert_string_equal(info.version, mlp_version());
    assert_non_null(strstr(info.blas_config, "OpenBLAS"));
    assert_string_equal(info.blas_core, openblas_get_corename());
    assert_true(is_one_of(info.blas_threading, threading, 3));
    assert_int_equal(info.blas_small_matrix, blas_class() == BLAS_SMALL_MATRIX);
    assert_true(is_one_of(info.vector_level, levels, 3));
    assert_string_equal(info.processor_level, levels[cpu_level_best()]);
    assert_int_equal(info.threads, team_default_threads());
    assert_true(info.threads >= 1);
    assert_true(info.zlib == 0 || info.zlib == 1);
#ifdef _OPENMP
    assert_int_equal(info.openmp, 1);
#else
    assert_int_equal(info.openmp, 0);
    assert_int_equal(info.threads, 1);
#endif
}

/* The hint is there exactly when a core is suggested, and says why it is not in use. */
static void the_hint_says_why(void **unused)
{
    mlp_info info;
    (void)unused;
    mlp_info_get(&info);
    assert_int_equal(info.hint == NULL, info.blas_core_suggested == NULL);
    if (info.hint != NULL) {
        assert_string_equal(info.hint, mlp_blas_core_reason());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_callers_threads_come_back),
        cmocka_unit_test(a_section_ends_with_its_block),
        cmocka_unit_test(products_on_one_thread_change_nothing),
        cmocka_unit_test(sections_nest),
        cmocka_unit_test(the_setting_is_read_anew),
        cmocka_unit_test(sections_overlap_between_threads),
        cmocka_unit_test(many_sections_from_many_threads),
        cmocka_unit_test(openmps_default_stays),
        cmocka_unit_test(the_class_follows_from_the_core),
        cmocka_unit_test(a_fitting_core_is_not_improved_upon),
        cmocka_unit_test(info_says_what_is_in_use),
        cmocka_unit_test(the_hint_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
