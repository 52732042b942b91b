/* mlp-bench gemm: the products of a network as the library calls them, against one bare cblas_sgemm and
 * against the processor's peak. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/info.h>

#include "bench.h"
#include "layer_product.h"
#include "peak.h"
#include "statistics.h"

/* The sweep: one of the three sizes varies, the others are 256 units, 256 inputs, 64 samples. */
static const size_t units_swept[] = { 10, 32, 64, 128, 256, 512, 1024, 2048 };
static const size_t batches_swept[] = { 1, 8, 32, 128, 512 };
static const size_t squares[] = { 16, 32, 64, 128, 256, 512, 1024, 2048, 4096 };
enum {
    SWEPT_UNITS = sizeof units_swept / sizeof units_swept[0],
    SWEPT_BATCHES = sizeof batches_swept / sizeof batches_swept[0],
    SQUARES = sizeof squares / sizeof squares[0],
    BASE_UNITS = 256,
    BASE_BATCH = 64,
    MAX_ROWS = PRODUCT_KINDS * WORKLOAD_MAX_SIZES,
    NAME_SIZE = 96
};

/* Products longer than this are called a few times each, without warm-up: 2048³ takes a sixth of a second,
 * 4096³ more than one. */
static const double long_flops = 1e10, very_long_flops = 1e11;
enum { LONG_REPEATS = 5, VERY_LONG_REPEATS = 3 };

struct row {
    struct product_shape shape;
    size_t m, n, k; /* m×n is the result, k the inner length */
    char name[NAME_SIZE];
};

struct rows {
    size_t count;
    struct row rows[MAX_ROWS];
};

static double flops(const struct row *row)
{
    return 2.0 * (double)row->m * (double)row->n * (double)row->k;
}

/* Compulsory: each of the three matrices once. */
static double bytes(const struct row *row)
{
    const double m = (double)row->m, n = (double)row->n, k = (double)row->k;
    return (double)sizeof(float) * (m * k + k * n + m * n);
}

/* Adds the product unless it is there already: a network may have many layers of one shape. */
static void add_row(struct rows *rows, const struct product_shape *shape, const char *remark)
{
    struct row row = { .shape = *shape, .m = shape->out, .n = shape->batch, .k = shape->in };
    if (shape->kind == PRODUCT_KIND_TN) {
        row.m = shape->in;
        row.k = shape->out;
    } else if (shape->kind == PRODUCT_KIND_NT) {
        row.n = shape->in;
        row.k = shape->batch;
    }
    snprintf(row.name, sizeof row.name, "%s %zux%zux%zu%s", product_kind_name(shape->kind), row.m, row.n,
             row.k, remark);
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->rows[i].name, row.name) == 0) {
            return;
        }
    }
    rows->rows[rows->count++] = row;
}

static void add_layer(struct rows *rows, size_t out, size_t in, size_t batch, bool first)
{
    for (int kind = 0; kind < PRODUCT_KINDS; kind++) {
        if (!first || kind != PRODUCT_KIND_TN) { /* a step needs no gradient of its input */
            add_row(rows, &(struct product_shape){ (enum product_kind)kind, out, in, batch, first }, "");
        }
    }
}

static void add_shape(struct rows *rows, enum product_kind kind, size_t m, size_t n, size_t k,
                      const char *remark)
{
    const struct product_shape shapes[PRODUCT_KINDS] = {
        [PRODUCT_KIND_NN] = { PRODUCT_KIND_NN, m, k, n, false },
        [PRODUCT_KIND_TN] = { PRODUCT_KIND_TN, k, m, n, false },
        [PRODUCT_KIND_NT] = { PRODUCT_KIND_NT, m, n, k, false },
    };
    add_row(rows, &shapes[kind], remark);
}

static void add_sweep(struct rows *rows, enum product_kind kind_of_squares)
{
    for (size_t i = 0; i < SWEPT_UNITS; i++) {
        add_layer(rows, units_swept[i], BASE_UNITS, BASE_BATCH, false);
    }
    for (size_t i = 0; i < SWEPT_UNITS; i++) {
        add_layer(rows, BASE_UNITS, units_swept[i], BASE_BATCH, false);
    }
    for (size_t i = 0; i < SWEPT_BATCHES; i++) {
        add_layer(rows, BASE_UNITS, BASE_UNITS, batches_swept[i], false);
    }
    for (size_t i = 0; i < SQUARES; i++) {
        add_shape(rows, kind_of_squares, squares[i], squares[i], squares[i], " square");
    }
}

static void list(void)
{
    static struct rows rows;
    add_sweep(&rows, PRODUCT_KIND_NN);
    for (size_t i = 0; i < rows.count; i++) {
        puts(rows.rows[i].name);
    }
}

/* The rows that the options and --filter ask for. */
static void make_rows(const struct settings *settings, struct rows *rows)
{
    const struct workload *network = &settings->custom;
    size_t kept = 0;
    rows->count = 0;
    if (settings->m > 0) {
        add_shape(rows, settings->product, settings->m, settings->n, settings->k, "");
    } else if (network->count > 0) {
        for (size_t l = 0; l + 1 < network->count; l++) {
            add_layer(rows, network->sizes[l + 1], network->sizes[l], network->batch, l == 0);
        }
    } else {
        add_sweep(rows, settings->product);
    }
    for (size_t i = 0; i < rows->count; i++) {
        const bool wanted = !settings->product_given || rows->rows[i].shape.kind == settings->product;
        if (wanted && is_chosen(settings, rows->rows[i].name)) {
            rows->rows[kept++] = rows->rows[i];
        }
    }
    rows->count = kept;
}

/* ---- measuring and printing ---------------------------------------------------------------------------- */

static void time_few(struct contestant pair[2], size_t repeats)
{
    for (size_t repeat = 0; repeat < repeats; repeat++) {
        for (int i = 0; i < 2; i++) {
            pair[i].begin(pair[i].context);
            pair[i].samples.seconds[repeat] = time_calls(pair[i].work, pair[i].context, 1);
            pair[i].end(pair[i].context);
        }
    }
    for (int i = 0; i < 2; i++) {
        pair[i].samples.count = repeats;
        pair[i].summary = summarize(&pair[i].samples);
    }
}

static void print_header(const struct settings *settings, const mlp_info *info, double peak)
{
    printf("OpenBLAS core %s, %d thread%s, measured FMA peak %.1f GF/s; GF/s, best of interleaved calls\n",
           info->blas_core, settings->threads, settings->threads > 1 ? "s" : "", peak);
    printf("%-28s %9s %9s %7s %8s %10s\n", "product m×n×k", "library", "bare", "ratio", "of peak",
           "MB moved");
}

static void print_row(const struct settings *settings, const struct row *row, const struct contestant pair[2],
                      const char *core, double peak)
{
    const double library = 1e-9 * flops(row) / pair[0].summary.minimum;
    const double bare = 1e-9 * flops(row) / pair[1].summary.minimum;
    const double spread = fmax(pair[0].summary.spread, pair[1].summary.spread);
    if (settings->json) {
        print_json(json_pack("{s:s, s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:I, s:s, s:f}", "product",
                             product_kind_name(row->shape.kind), "m", (json_int_t)row->m, "n",
                             (json_int_t)row->n, "k", (json_int_t)row->k, "threads", settings->threads,
                             "library_gflops", library, "blas_gflops", bare, "ratio", library / bare,
                             "peak_share", library / peak, "bytes", (json_int_t)bytes(row), "blas_core", core,
                             "spread", spread));
        return;
    }
    printf("%-26s %9.1f %9.1f %7.3f %6.0f %% %10.3f%s\n", row->name, library, bare, library / bare,
           100.0 * library / peak, 1e-6 * bytes(row), noise_remark(spread));
    fflush(stdout);
}

static bool run_row(const struct settings *settings, const struct row *row, const char *core, double peak)
{
    static struct contestant pair[2];
    static struct layer_product product;
    const bool made = layer_product_make(&row->shape, settings->threads, &product);
    if (made) {
        pair[0] = layer_product_library(&product);
        pair[1] = layer_product_bare(&product);
        if (flops(row) < long_flops) {
            interleave(pair, 2, settings->seconds);
        } else {
            time_few(pair, flops(row) < very_long_flops ? LONG_REPEATS : VERY_LONG_REPEATS);
        }
        print_row(settings, row, pair, core, peak);
    }
    layer_product_free(&product);
    return made;
}

/* Options that say nothing together. */
static int check_options(const struct settings *settings)
{
    if (settings->m > 0 && settings->custom.count > 0) {
        return bad_usage("gemm", "--shape", "with a network", "one of --shape, --layers and --workload");
    }
    if (settings->batch_given && settings->custom.count == 0) {
        return bad_usage("gemm", "--batch", "alone", "--layers or --workload with it");
    }
    return 0;
}

/* With the wrong kernels, says so, and after the rows runs the program again with the right ones. */
static int run(const struct settings *settings)
{
    static struct rows rows;
    mlp_info info;
    bool done = true;
    if (check_options(settings) != 0) {
        return 2;
    }
    make_rows(settings, &rows);
    if (rows.count == 0) {
        return settings->filter != NULL ? bad_usage("gemm", "--filter", settings->filter,
                                                    "a part of a row's name, such as 'nn 128'")
                                        : bad_usage("gemm", "--product", product_kind_name(settings->product),
                                                    "a product of this network");
    }
    mlp_info_get(&info);
    if (info.blas_core_suggested != NULL) {
        fprintf(stderr,
                "mlp-bench gemm: OpenBLAS runs %s kernels; this processor is worth OPENBLAS_CORETYPE=%s\n",
                info.blas_core, info.blas_core_suggested);
    }
    const double peak = peak_gflops(settings->threads);
    if (!settings->json) {
        print_header(settings, &info, peak);
    }
    for (size_t i = 0; i < rows.count; i++) {
        done = run_row(settings, &rows.rows[i], info.blas_core, peak) && done;
    }
    fflush(stdout);
    return done ? 0 : 1;
}

/* clang-format off */
const struct command gemm_command = {
    .name = "gemm",
    .description = "the products of a network, against bare cblas_sgemm and the processor's peak",
    .about = "Times the products of a network's layers (nn: Z = W·A, tn: dA = Wᵀ·dZ, nt: dW = dZ·Aᵀ), "
             "result m×n and inner\n"
             "length k: as the library cuts, pads and calls them and, interleaved with that, as one bare "
             "cblas_sgemm. By\n"
             "default a sweep over units, inputs and batch, then squares; or the layers of one network, or "
             "one --shape;\n"
             "--product keeps to one kind.\n\n"
             "JSON keys: product m n k threads library_gflops blas_gflops ratio peak_share bytes blas_core "
             "spread. ratio is\n"
             "library_gflops / blas_gflops; peak_share is the library's share of the multiply-adds that "
             "the threads' cores\n"
             "were seen to do on registers alone; bytes counts each of the three matrices once.",
    .example = "mlp-bench gemm --layers 784,128,64,10 --batch 64 --threads 2",
    .options = OPTIONS_NETWORK | OPTIONS_PRODUCT,
    .threads = 1,
    .seconds = 0.1,
    .list = list,
    .run = run,
};
/* clang-format on */
