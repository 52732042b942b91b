/* mlp-bench init: deviates a second, the initializers, and orthogonal against its two LAPACK calls. */
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "bench.h"
#include "linalg/blas.h"
#include "statistics.h"
#include "strategy/init.h"

enum { ORDER = 1024, ENTRIES = ORDER * ORDER };

/* One initializer on an ORDER × ORDER matrix. */
struct filling {
    struct init_task task;
    float *values;
    mlp_status status;
};

static void run_filling(void *context)
{
    struct filling *filling = context;
    const mlp_status status = init_fill(&filling->task, filling->values, ORDER, ORDER, ORDER);
    filling->status = filling->status != MLP_OK ? filling->status : status;
}

static struct filling filling_of(mlp_init init, float *values)
{
    return (struct filling){ .task = { .init = init, .fan_in = ORDER, .fan_out = ORDER, .seed = 1 },
                             .values = values };
}

static bool report(const struct filling *filling)
{
    if (filling->status != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
    }
    return filling->status == MLP_OK;
}

static struct summary time_filling(struct filling *filling, double seconds)
{
    static struct contestant alone;
    alone = (struct contestant){ .work = run_filling, .context = filling };
    interleave(&alone, 1, seconds);
    return alone.summary;
}

/* ---- deviates, as the initializers draw them ----------------------------------------------------------- */

static const struct {
    const char *name;
    mlp_init init;
} deviates[] = { { "uniform", MLP_INIT_UNIFORM },
                 { "normal", MLP_INIT_NORMAL },
                 { "truncated", MLP_INIT_TRUNCATED_NORMAL } };

static bool run_deviates(const struct settings *settings, size_t row, float *values)
{
    struct filling filling = filling_of(deviates[row].init, values);
    const struct summary summary = time_filling(&filling, settings->seconds);
    const double per_second = (double)ENTRIES / summary.minimum;
    if (settings->json) {
        print_json(json_pack("{s:s, s:s, s:f, s:f}", "what", "deviates", "name", deviates[row].name,
                             "per_second", per_second, "spread", summary.spread));
    } else {
        printf("deviates   %-18s %10.0f million a second%s\n", deviates[row].name, 1e-6 * per_second,
               noise_remark(summary.spread));
    }
    return report(&filling);
}

/* ---- every initializer that needs nothing from a caller ------------------------------------------------ */

static bool is_fillable(mlp_init init)
{
    const mlp_init_parameters defaults = { .a = 0.0 };
    return init != MLP_INIT_AUTOMATIC && init_check(init, &defaults, false) == MLP_OK;
}

static bool run_matrix(const struct settings *settings, mlp_init init, float *values)
{
    struct filling filling = filling_of(init, values);
    const struct summary summary = time_filling(&filling, settings->seconds);
    if (settings->json) {
        print_json(json_pack("{s:s, s:s, s:f, s:f}", "what", "matrix", "name", mlp_init_name(init), "ms",
                             1e3 * summary.minimum, "spread", summary.spread));
    } else {
        printf("matrix     %-18s %10.2f ms for %d x %d%s\n", mlp_init_name(init), 1e3 * summary.minimum,
               ORDER, ORDER, noise_remark(summary.spread));
    }
    return report(&filling);
}

/* ---- orthogonal against what it cannot do without ------------------------------------------------------ */

struct factorization {
    const float *gaussian;
    float *q;
    float tau[ORDER];
    lapack_int status;
};

/* sgeqrf and sorgqr on a copy. */
static void run_factorization(void *context)
{
    struct factorization *f = context;
    memcpy(f->q, f->gaussian, ENTRIES * sizeof *f->q);
    lapack_int status = LAPACKE_sgeqrf(LAPACK_COL_MAJOR, ORDER, ORDER, f->q, ORDER, f->tau);
    status =
        status != 0 ? status : LAPACKE_sorgqr(LAPACK_COL_MAJOR, ORDER, ORDER, ORDER, f->q, ORDER, f->tau);
    f->status = f->status != 0 ? f->status : status;
}

static bool run_orthogonal(const struct settings *settings, float *values, float *gaussian, float *q)
{
    static struct contestant pair[2];
    static struct factorization bare;
    struct filling filling = filling_of(MLP_INIT_ORTHOGONAL, values);
    const struct random_stream stream = random_stream(1, RANDOM_WEIGHTS, 0, 0);
    random_normal(&stream, 0, ENTRIES, gaussian);
    bare = (struct factorization){ .gaussian = gaussian, .q = q };
    pair[0] = (struct contestant){ .work = run_filling, .context = &filling };
    pair[1] = (struct contestant){ .work = run_factorization, .context = &bare };
    blas_set_threads(1); /* the library keeps to one, so that bits do not depend on threads */
    interleave(pair, 2, 2.0 * settings->seconds);
    const double ms = 1e3 * pair[0].summary.minimum, lapack_ms = 1e3 * pair[1].summary.minimum;
    const double spread = fmax(pair[0].summary.spread, pair[1].summary.spread);
    if (settings->json) {
        print_json(json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "what", "orthogonal", "name", "orthogonal",
                             "ms", ms, "lapack_ms", lapack_ms, "ratio", ms / lapack_ms, "spread", spread));
    } else {
        printf("orthogonal %-18s %10.2f ms, sgeqrf and sorgqr alone %.2f ms, ratio %.3f%s\n", "", ms,
               lapack_ms, ms / lapack_ms, noise_remark(spread));
    }
    if (bare.status != 0) {
        fprintf(stderr, "mlp-bench: LAPACK returns %d\n", (int)bare.status);
    }
    return report(&filling) && bare.status == 0;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static const char *row_name(char name[64], const char *what, const char *of)
{
    snprintf(name, 64, "%s %s", what, of);
    return name;
}

static void list(void)
{
    for (size_t d = 0; d < sizeof deviates / sizeof deviates[0]; d++) {
        printf("deviates %s\n", deviates[d].name);
    }
    for (size_t i = 0; i < mlp_init_count(); i++) {
        if (is_fillable((mlp_init)i)) {
            printf("matrix %s\n", mlp_init_name((mlp_init)i));
        }
    }
    puts("orthogonal");
}

static bool run_rows(const struct settings *settings, float *values, float *gaussian, float *q)
{
    char name[64];
    bool done = true;
    for (size_t d = 0; d < sizeof deviates / sizeof deviates[0]; d++) {
        if (is_chosen(settings, row_name(name, "deviates", deviates[d].name))) {
            done = run_deviates(settings, d, values) && done;
        }
    }
    for (size_t i = 0; i < mlp_init_count(); i++) {
        if (is_fillable((mlp_init)i) &&
            is_chosen(settings, row_name(name, "matrix", mlp_init_name((mlp_init)i)))) {
            done = run_matrix(settings, (mlp_init)i, values) && done;
        }
    }
    return is_chosen(settings, "orthogonal") ? run_orthogonal(settings, values, gaussian, q) && done : done;
}

static int run(const struct settings *settings)
{
    float *values = malloc(3 * (size_t)ENTRIES * sizeof *values);
    if (values == NULL) {
        fputs("mlp-bench: out of memory\n", stderr);
        return 1;
    }
    const bool done = run_rows(settings, values, values + ENTRIES, values + 2 * ENTRIES);
    free(values);
    return done ? 0 : 1;
}

const struct command init_command = {
    .name = "init",
    .description = "random deviates and initializers; orthogonal against LAPACK",
    .about = "Times the initializers on a matrix of 1024 x 1024, one thread: deviates a second of each "
             "distribution, every\n"
             "initializer, and orthogonal, interleaved with the bare sgeqrf and sorgqr in it.\n\n"
             "JSON keys: what (deviates, matrix, orthogonal) name spread; per_second of deviates; ms; "
             "lapack_ms ratio.",
    .example = "mlp-bench init --filter deviates",
    .seconds = 0.5,
    .list = list,
    .run = run,
};
