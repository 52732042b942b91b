/* mlp-bench tiles: one product of a network, cut into tiles of many sizes: what src/linalg/tiling.c is drawn
 * from. */
#include MLP_CBLAS_HEADER
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "linalg/blas.h"
#include "linalg/tiling.h"
#include "statistics.h"

static const size_t row_sizes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 0 }; /* 0: the whole */
static const size_t column_sizes[] = { 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 0 };
enum {
    ROW_SIZES = sizeof row_sizes / sizeof row_sizes[0],
    COLUMN_SIZES = sizeof column_sizes / sizeof column_sizes[0]
};

/* Smallest tile that is tried. */
enum { MIN_TILE_AREA = 512 };

struct tiled {
    enum product_kind product;
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
    const CBLAS_TRANSPOSE ta = t->product == PRODUCT_KIND_TN ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE tb = t->product == PRODUCT_KIND_NT ? CblasTrans : CblasNoTrans;
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
    t->lda = padded(t->product == PRODUCT_KIND_TN ? t->k : t->m);
    t->ldb = padded(t->product == PRODUCT_KIND_NT ? t->n : t->k);
    t->ldc = padded(t->m);
    const size_t sizes[] = { t->lda * padded(t->product == PRODUCT_KIND_TN ? t->m : t->k),
                             t->ldb * padded(t->product == PRODUCT_KIND_NT ? t->k : t->n), t->ldc * t->n };
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

/* GF/s of every tile size, 0 where a size does not apply, and of the plan's own grid. */
struct speeds {
    double cells[ROW_SIZES][COLUMN_SIZES];
    struct grid plan;
    double planned;
};

/* Whether this cell's tile is the whole product or a piece of it that is not too small. */
static bool applies(struct tiled *t, size_t r, size_t c)
{
    const bool cut = row_sizes[r] > 0 || column_sizes[c] > 0;
    t->rows = row_sizes[r] > 0 ? row_sizes[r] : t->m;
    t->columns = column_sizes[c] > 0 ? column_sizes[c] : t->n;
    return (row_sizes[r] == 0 || t->rows < t->m) && (column_sizes[c] == 0 || t->columns < t->n) &&
           (!cut || t->rows * t->columns >= MIN_TILE_AREA);
}

/* Best of interleaved rounds. */
static void measure(struct tiled *t, double seconds, struct speeds *speeds)
{
    static const enum product products[] = { PRODUCT_NN, PRODUCT_TN, PRODUCT_NT };
    const double flops = 2.0 * (double)t->m * (double)t->n * (double)t->k;
    const size_t calls = 1 + (size_t)(2e7 / flops);
    const double end = now() + seconds;
    memset(speeds, 0, sizeof *speeds);
    speeds->plan = grid_choose(products[t->product], t->m, t->n, t->k, gemm_class());
    for (int round = 0; round < 3 || now() < end; round++) {
        for (size_t r = 0; r < ROW_SIZES; r++) {
            for (size_t c = 0; c < COLUMN_SIZES; c++) {
                if (applies(t, r, c)) {
                    const double found = 1e-9 * flops / time_calls(run_tiles, t, calls);
                    speeds->cells[r][c] = found > speeds->cells[r][c] ? found : speeds->cells[r][c];
                }
            }
        }
        t->rows = speeds->plan.rows;
        t->columns = speeds->plan.columns;
        const double found = 1e-9 * flops / time_calls(run_tiles, t, calls);
        speeds->planned = found > speeds->planned ? found : speeds->planned;
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

static void print_table(const struct tiled *t, const struct speeds *speeds)
{
    double best = 0.0;
    printf("%s %zux%zux%zu, OpenBLAS core %s, one thread: GF/s by rows (down) and columns (across) of a "
           "tile\n      ",
           product_kind_name(t->product), t->m, t->n, t->k, blas_core());
    for (size_t c = 0; c < COLUMN_SIZES; c++) {
        print_size(column_sizes[c]);
    }
    putchar('\n');
    for (size_t r = 0; r < ROW_SIZES; r++) {
        print_size(row_sizes[r]);
        for (size_t c = 0; c < COLUMN_SIZES; c++) {
            const double speed = speeds->cells[r][c];
            best = speed > best ? speed : best;
            if (speed > 0.0) {
                printf("%6.0f", speed);
            } else {
                printf("     –");
            }
        }
        putchar('\n');
    }
    printf("plan: tiles of %zux%zu, %.0f GF/s; best of the table %.0f\n", speeds->plan.rows,
           speeds->plan.columns, speeds->planned, best);
}

static void print_json_row(const struct tiled *t, size_t rows, size_t columns, double gflops, bool plan)
{
    print_json(json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:f, s:b}", "product", product_kind_name(t->product),
                         "m", (int)t->m, "n", (int)t->n, "k", (int)t->k, "rows", (int)rows, "columns",
                         (int)columns, "gflops", gflops, "plan", (int)plan));
}

static void print_json_rows(const struct tiled *t, const struct speeds *speeds)
{
    for (size_t r = 0; r < ROW_SIZES; r++) {
        for (size_t c = 0; c < COLUMN_SIZES; c++) {
            if (speeds->cells[r][c] > 0.0) {
                print_json_row(t, row_sizes[r] > 0 ? row_sizes[r] : t->m,
                               column_sizes[c] > 0 ? column_sizes[c] : t->n, speeds->cells[r][c], false);
            }
        }
    }
    print_json_row(t, speeds->plan.rows, speeds->plan.columns, speeds->planned, true);
}

static int run(const struct settings *settings)
{
    static struct speeds speeds;
    struct tiled tiled = {
        .product = settings->product, .m = settings->m, .n = settings->n, .k = settings->k
    };
    if (settings->m == 0) {
        return bad_usage("tiles", "--shape", "(missing)", "three sizes such as 128x64x784");
    }
    blas_set_threads(1);
    const bool made = make_operands(&tiled);
    if (made) {
        measure(&tiled, settings->seconds, &speeds);
        (settings->json ? print_json_rows : print_table)(&tiled, &speeds);
    }
    free(tiled.a);
    free(tiled.b);
    free(tiled.c);
    return made ? 0 : 1;
}

static void list(void)
{
    for (int kind = 0; kind < PRODUCT_KINDS; kind++) {
        puts(product_kind_name((enum product_kind)kind));
    }
}

const struct command tiles_command = {
    .name = "tiles",
    .description = "one product, cut into tiles of many sizes",
    .about = "Times one product of a network, result m×n and inner length k, whole and cut into tiles of "
             "many sizes, on\n"
             "one thread, leading dimensions padded to 16, and the grid that the library's plan takes.\n\n"
             "JSON keys: product m n k rows columns gflops plan.",
    .example = "mlp-bench tiles --product nn --shape 128x64x784",
    .options = OPTIONS_PRODUCT,
    .seconds = 3.0,
    .list = list,
    .run = run,
};
