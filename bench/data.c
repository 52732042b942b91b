/* mlp-bench data: gathering batches, shuffling, and reading IDX and CSV files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/data.h>
#if MLP_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/random.h"
#include "bench.h"
#include "data/data.h"
#include "statistics.h"

enum { SAMPLES = 10000, PIXELS = 784, BATCH = 64, CSV_SAMPLES = 2000, CSV_FEATURES = 64 };

/* Everything that the rows work on. */
struct store {
    char folder[512];
    char images[600], packed[600], labels[600], table[600];
    uint8_t *bytes;  /* SAMPLES × PIXELS */
    float *features; /* likewise */
    int32_t *classes;
    size_t *order; /* SAMPLES positions */
    float *batch;  /* BATCH × PIXELS */
    mlp_data *of_bytes;
    mlp_data *of_floats;
    mlp_status status;
};

/* ---- the work ------------------------------------------------------------------------------------------ */

static void gather(struct store *store, const mlp_data *data)
{
    for (size_t first = 0; first + BATCH <= SAMPLES; first += BATCH) {
        data_gather_features(data, store->order, first, BATCH, store->batch);
    }
}

static void gather_bytes(void *context)
{
    gather(context, ((struct store *)context)->of_bytes);
}

static void gather_floats(void *context)
{
    gather(context, ((struct store *)context)->of_floats);
}

static void shuffle(void *context)
{
    struct store *store = context;
    const struct random_stream stream = random_stream(1, RANDOM_SHUFFLE, 0, 0);
    random_shuffle(&stream, store->order, SAMPLES);
}

static void keep(struct store *store, mlp_status status, mlp_data **data)
{
    store->status = store->status != MLP_OK ? store->status : status;
    mlp_data_destroy(data);
}

static void read_idx(void *context)
{
    struct store *store = context;
    mlp_data *data = NULL;
    keep(store, mlp_data_load_idx(store->images, store->labels, &data), &data);
}

#if MLP_HAVE_ZLIB
static void read_packed(void *context)
{
    struct store *store = context;
    mlp_data *data = NULL;
    keep(store, mlp_data_load_idx(store->packed, store->labels, &data), &data);
}
#endif

static void read_csv(void *context)
{
    struct store *store = context;
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    mlp_data *data = NULL;
    options.label_index = CSV_FEATURES;
    keep(store, mlp_data_load_csv(store->table, &options, &data), &data);
}

static const struct row {
    const char *name;
    void (*work)(void *context);
    size_t samples;
    size_t bytes; /* of a sample: what is read from memory or, unpacked, from the file */
} rows[] = {
    { "gather-bytes", gather_bytes, SAMPLES / BATCH *BATCH, PIXELS },
    { "gather-floats", gather_floats, SAMPLES / BATCH *BATCH, PIXELS * sizeof(float) },
    { "shuffle", shuffle, SAMPLES, sizeof(size_t) },
    { "idx", read_idx, SAMPLES, PIXELS + 1 },
#if MLP_HAVE_ZLIB
    { "idx-gzip", read_packed, SAMPLES, PIXELS + 1 },
#endif
    { "csv", read_csv, CSV_SAMPLES, 8 * CSV_FEATURES + 2 },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- the files ----------------------------------------------------------------------------------------- */

static void big_endian(uint32_t value, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static bool write_file(const char *path, const void *head, size_t head_size, const void *body,
                       size_t body_size)
{
    FILE *file = fopen(path, "wb");
    const bool done = file != NULL && fwrite(head, 1, head_size, file) == head_size &&
                      fwrite(body, 1, body_size, file) == body_size;
    return (file == NULL || fclose(file) == 0) && done;
}

static bool write_idx(const struct store *store)
{
    uint8_t images[16] = { 0, 0, 8, 3 }, labels[8] = { 0, 0, 8, 1 };
    static uint8_t classes[SAMPLES];
    big_endian(SAMPLES, images + 4);
    big_endian(28, images + 8);
    big_endian(28, images + 12);
    big_endian(SAMPLES, labels + 4);
    for (size_t i = 0; i < SAMPLES; i++) {
        classes[i] = (uint8_t)store->classes[i];
    }
    bool done = write_file(store->images, images, sizeof images, store->bytes, SAMPLES * PIXELS) &&
                write_file(store->labels, labels, sizeof labels, classes, sizeof classes);
#if MLP_HAVE_ZLIB
    gzFile file = gzopen(store->packed, "wb");
    done = done && file != NULL && gzwrite(file, images, sizeof images) == (int)sizeof images &&
           gzwrite(file, store->bytes, SAMPLES * PIXELS) == SAMPLES * PIXELS;
    done = (file == NULL || gzclose(file) == Z_OK) && done;
#endif
    return done;
}

static bool write_csv(const struct store *store)
{
    FILE *file = fopen(store->table, "w");
    if (file != NULL) {
        for (size_t i = 0; i < CSV_SAMPLES; i++) {
            for (size_t j = 0; j < CSV_FEATURES; j++) {
                fprintf(file, "%.5f,", (double)store->features[i * PIXELS + j]);
            }
            fprintf(file, "%d\n", (int)store->classes[i]);
        }
    }
    return file != NULL && !ferror(file) && fclose(file) == 0;
}

/* Images of many zeros and some grey, as written digits are. */
static void draw_samples(struct store *store)
{
    const struct random_stream stream = random_stream(2, RANDOM_WEIGHTS, 0, 0);
    for (size_t i = 0; i < SAMPLES; i++) {
        float *sample = store->features + i * PIXELS;
        random_uniform(&stream, i * PIXELS, PIXELS, sample);
        for (size_t j = 0; j < PIXELS; j++) {
            store->bytes[i * PIXELS + j] = sample[j] < 0.8f ? 0 : (uint8_t)(sample[j] * 255.0f);
        }
        store->classes[i] = (int32_t)(i % 10);
        store->order[i] = i;
    }
}

static bool make_store(struct store *store)
{
    const char *temporary = getenv("TMPDIR");
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    memset(store, 0, sizeof *store);
    snprintf(store->folder, sizeof store->folder, "%s/mlp-bench-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(store->folder) == NULL) {
        perror(store->folder);
        store->folder[0] = '\0';
        return false;
    }
    snprintf(store->images, sizeof store->images, "%s/images", store->folder);
    snprintf(store->packed, sizeof store->packed, "%s/images.gz", store->folder);
    snprintf(store->labels, sizeof store->labels, "%s/labels", store->folder);
    snprintf(store->table, sizeof store->table, "%s/table.csv", store->folder);
    store->bytes = malloc(SAMPLES * PIXELS);
    store->features = malloc(SAMPLES * PIXELS * sizeof(float));
    store->classes = malloc(SAMPLES * sizeof(int32_t));
    store->order = malloc(SAMPLES * sizeof(size_t));
    store->batch = malloc(BATCH * PIXELS * sizeof(float));
    if (!store->bytes || !store->features || !store->classes || !store->order || !store->batch) {
        fputs("mlp-bench: out of memory\n", stderr);
        return false;
    }
    draw_samples(store);
    if (!write_idx(store) || !write_csv(store)) {
        perror(store->folder);
        return false;
    }
    arrays.count = SAMPLES;
    arrays.inputs = PIXELS;
    arrays.bytes = store->bytes;
    store->status = mlp_data_create(&arrays, &store->of_bytes);
    arrays.bytes = NULL;
    arrays.features = store->features;
    store->status = store->status == MLP_OK ? mlp_data_create(&arrays, &store->of_floats) : store->status;
    shuffle(store);
    return store->status == MLP_OK;
}

static void free_store(struct store *store)
{
    mlp_data_destroy(&store->of_bytes);
    mlp_data_destroy(&store->of_floats);
    free(store->bytes);
    free(store->features);
    free(store->classes);
    free(store->order);
    free(store->batch);
    if (store->folder[0] != '\0') {
        unlink(store->images);
        unlink(store->packed);
        unlink(store->labels);
        unlink(store->table);
        rmdir(store->folder);
    }
}

/* ---- the command --------------------------------------------------------------------------------------- */

static void run_row(const struct settings *settings, const struct row *row, struct store *store)
{
    static struct contestant alone;
    alone = (struct contestant){ .work = row->work, .context = store };
    interleave(&alone, 1, settings->seconds);
    const double samples = (double)row->samples / alone.summary.minimum, bytes = samples * (double)row->bytes;
    if (settings->json) {
        print_json(json_pack("{s:s, s:f, s:f, s:f}", "what", row->name, "samples_per_second", samples,
                             "bytes_per_second", bytes, "spread", alone.summary.spread));
    } else {
        printf("%-14s %14.0f samples/s %10.1f MB/s%s\n", row->name, samples, 1e-6 * bytes,
               noise_remark(alone.summary.spread));
        fflush(stdout);
    }
}

static void list(void)
{
    for (size_t r = 0; r < ROWS; r++) {
        puts(rows[r].name);
    }
}

static int run(const struct settings *settings)
{
    struct store store;
    const bool made = make_store(&store);
    if (made) {
        for (size_t r = 0; r < ROWS; r++) {
            if (is_chosen(settings, rows[r].name)) {
                run_row(settings, &rows[r], &store);
            }
        }
    }
    if (store.status != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
    }
    const bool done = made && store.status == MLP_OK;
    free_store(&store);
    return done ? 0 : 1;
}

const struct command data_command = {
    .name = "data",
    .description = "batches gathered, samples shuffled, IDX and CSV files read",
    .about = "Times, on one thread, gathering batches of 64 out of 10000 samples of 784 features in random "
             "order, shuffling\n"
             "10000 samples, and reading files that it writes into a folder of its own under TMPDIR: IDX of "
             "10000 images,\n"
             "plain and gzip'd, and CSV of 2000 lines of 64 numbers and a class.\n\n"
             "JSON keys: what samples_per_second bytes_per_second spread.",
    .example = "mlp-bench data --filter idx",
    .seconds = 1.0,
    .list = list,
    .run = run,
};
