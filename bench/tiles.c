/* mlp-bench tiles: one product of a network, cut into tiles of many sizes: what src/linalg/tiling.c is drawn from. */
#include <cblas.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "statistics.h"

static const size_t row_sizes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 512, 0 }; /* 0: the whole */
static const size_t column_sizes[] = { 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 0 };
enum { ROW_SIZES = sizeof row_sizes / sizeof row_sizes[0], COLUMN_SIZES = sizeof column_sizes / sizeof column_sizes[0] };

/* Smallest tile worth a call. */
enum { MIN_TILE_AREA = 512 };

static const char *const product_names[] = { "nn", "tn", "nt" }; /* Z = W·A, dA = Wᵀ·dZ, dW = dZ·Aᵀ */

struct tiled {
    int product; /* index into product_names */
    size_t m, n, k;
    size_t rows, columns; /* of a tile */
    size_t lda, ldb, ldc;
    float *a, *b, *c;
};

static size_t padded(size_t length)
{
    return (length + 15) / 16 * 16;
}

static void run_tiles(void *context)
{
    const struct tiled *t = context;
    const CBLAS_TRANSPOSE ta = t->product == 1 ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE tb = t->product == 2 ? CblasTrans : CblasNoTrans;
    for (size_t i = 0; i < t->m; i += t->rows) {
        const size_t rows = t->m - i < t->rows ? t->m - i : t->rows;
        const float *a = t->a + i * (ta == CblasTrans ? t->lda : 1);
        for (size_t j = 0; j < t->n; j += t->columns) {
            const size_t columns = t->n - j < t->columns ? t->n - j : t->columns;
            const float *b = t->b + j * (tb == CblasTrans ? 1 : t->ldb);
            cblas_sgemm(CblasColMajor, ta, tb, (int)rows, (int)columns, (int)t->k, 1.0f, a, (int)t->lda, b,
                        (int)t->ldb, 0.0f, t->c + i + j * t->ldc, (int)t->ldc);
        }
    }
}

static bool make_operands(struct tiled *t)
{
    t->lda = padded(t->product == 1 ? t->k : t->m);
    t->ldb = padded(t->product == 2 ? t->n : t->k);
    t->ldc = padded(t->m);
    const size_t sizes[] = { t->lda * padded(t->product == 1 ? t->m : t->k),
                             t->ldb * padded(t->product == 2 ? t->k : t->n), t->ldc * t->n };
    float **operands[] = { &t->a, &t->b, &t->c };
    for (int i = 0; i < 3; i++) {
        *operands[i] = aligned_alloc(64, padded(sizes[i]) * sizeof(float));
        if (*operands[i] == NULL) {
            fputs("mlp-bench: out of memory\n", stderr);
            return false;
        }
        for (size_t j = 0; j < sizes[i]; j++) {
            (*operands[i])[j] = 0.01f;
        }
    }
    return true;
}

/* Best of interleaved rounds over all tile sizes: GF/s, 0 where a size does not apply. */
static void measure(struct tiled *t, double seconds, double speed[ROW_SIZES][COLUMN_SIZES])
{
    const double flops = 2.0 * (double)t->m * (double)t->n * (double)t->k;
    const size_t calls = 1 + (size_t)(2e7 / flops);
    const double end = now() + seconds;
    memset(speed, 0, sizeof(double) * ROW_SIZES * COLUMN_SIZES);
    for (int round = 0; round < 3 || now() < end; round++) {
        for (size_t r = 0; r < ROW_SIZES; r++) {
            for (size_t c = 0; c < COLUMN_SIZES; c++) {
                t->rows = row_sizes[r] > 0 ? row_sizes[r] : t->m;
                t->columns = column_sizes[c] > 0 ? column_sizes[c] : t->n;
                const bool cut = row_sizes[r] > 0 || column_sizes[c] > 0;
                if ((row_sizes[r] > 0 && t->rows >= t->m) || (column_sizes[c] > 0 && t->columns >= t->n) ||
                    (cut && t->rows * t->columns < MIN_TILE_AREA)) {
                    continue;
                }
                const double found = 1e-9 * flops / time_calls(run_tiles, t, calls);
                speed[r][c] = found > speed[r][c] ? found : speed[r][c];
            }
        }
    }
}

static void print_size(size_t size)
{
    if (size > 0) {
        printf("%6zu", size);
    } else {
        printf(" whole");
    }
}

static void print_table(const struct tiled *t, double speed[ROW_SIZES][COLUMN_SIZES])
{
    printf("%s %zux%zux%zu, OpenBLAS core %s, one thread: GF/s by rows (down) and columns (across) of a tile\n      ",
           product_names[t->product], t->m, t->n, t->k, openblas_get_corename());
    for (size_t c = 0; c < COLUMN_SIZES; c++) {
        print_size(column_sizes[c]);
    }
    putchar('\n');
    for (size_t r = 0; r < ROW_SIZES; r++) {
        print_size(row_sizes[r]);
        for (size_t c = 0; c < COLUMN_SIZES; c++) {
            if (speed[r][c] > 0.0) {
                printf("%6.0f", speed[r][c]);
            } else {
                printf("     –");
            }
        }
        putchar('\n');
    }
}

static void print_json(const struct tiled *t, double speed[ROW_SIZES][COLUMN_SIZES])
{
    for (size_t r = 0; r < ROW_SIZES; r++) {
        for (size_t c = 0; c < COLUMN_SIZES; c++) {
            if (speed[r][c] > 0.0) {
                json_t *object = json_pack(
                    "{s:s, s:i, s:i, s:i, s:i, s:i, s:f}", "product", product_names[t->product], "m", (int)t->m, "n",
                    (int)t->n, "k", (int)t->k, "rows", (int)(row_sizes[r] > 0 ? row_sizes[r] : t->m), "columns",
                    (int)(column_sizes[c] > 0 ? column_sizes[c] : t->n), "gflops", speed[r][c]);
                json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
                putchar('\n');
                json_decref(object);
            }
        }
    }
}

static void print_help(void)
{
    puts("usage: mlp-bench tiles --product nn|tn|nt --shape MxNxK [OPTION…]\n\n"
         "Times one product of a network, result m×n and inner length k, whole and cut into tiles of many sizes:\n"
         "nn is Z = W·A, tn is dA = Wᵀ·dZ, nt is dW = dZ·Aᵀ; leading dimensions padded to 16. One thread.\n\n"
         "  --time SECONDS   at least (default 3)\n"
         "  --json           one object a line: product m n k rows columns gflops\n\n"
         "example: mlp-bench tiles --product nn --shape 128x64x784");
}

static int bad_usage(const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "mlp-bench tiles: %s %s: expected %s\n", option, value, expected);
    return 2;
}

static bool parse_shape(const char *text, struct tiled *t)
{
    char rest;
    return sscanf(text, "%5zux%5zux%5zu%c", &t->m, &t->n, &t->k, &rest) == 3 && t->m > 0 && t->n > 0 && t->k > 0;
}

static bool parse_product(const char *text, struct tiled *t)
{
    for (t->product = 0; t->product < 3; t->product++) {
        if (strcmp(text, product_names[t->product]) == 0) {
            return true;
        }
    }
    return false;
}

static const struct option options[] = {
    { "product", required_argument, NULL, 'p' }, { "shape", required_argument, NULL, 's' },
    { "time", required_argument, NULL, 't' },    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
};

int bench_tiles(int argc, char **argv)
{
    static double speed[ROW_SIZES][COLUMN_SIZES];
    struct tiled tiled = { .product = 0 };
    double seconds = 3.0;
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            print_help();
            return 0;
        } else if (option == 'p' && !parse_product(optarg, &tiled)) {
            return bad_usage("--product", optarg, "nn, tn or nt");
        } else if (option == 's' && !parse_shape(optarg, &tiled)) {
            return bad_usage("--shape", optarg, "three sizes such as 128x64x784");
        } else if (option == 't' && !((seconds = strtod(optarg, NULL)) > 0.0 && seconds <= 3600.0)) {
            return bad_usage("--time", optarg, "seconds, above 0");
        } else if (option == 'j') {
            json = true;
        } else if (option == '?') {
            return 2;
        }
    }
    if (tiled.m == 0 || optind < argc) {
        print_help();
        return 2;
    }
    openblas_set_num_threads(1);
    const bool made = make_operands(&tiled);
    if (made) {
        measure(&tiled, seconds, speed);
        (json ? print_json : print_table)(&tiled, speed);
    }
    free(tiled.a);
    free(tiled.b);
    free(tiled.c);
    return made ? 0 : 1;
}
