/* mlp-bench prefetch: what a step waits for its batch, by who gathers it and from where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/data.h>

#include "bench.h"
#include "session/prefetch.h"
#include "statistics.h"
#include "training.h"

enum { SAMPLES = 20000, FOLDER_SIZE = 512, PATH_SIZE = FOLDER_SIZE + 32 };

/* Where samples come from, and who gathers them. */
struct way {
    const char *name;
    bool bytes, file;
    enum prefetch_mode ahead;
};

static const struct way ways[] = {
    { "one batch again and again", false, false, PREFETCH_NEVER }, /* nothing is gathered */
    { "floats, between steps", false, false, PREFETCH_NEVER },
    { "floats, ahead", false, false, PREFETCH_ALWAYS },
    { "bytes, between steps", true, false, PREFETCH_NEVER },
    { "bytes, ahead", true, false, PREFETCH_ALWAYS },
    { "file of bytes, between steps", true, true, PREFETCH_NEVER },
    { "file of bytes, ahead", true, true, PREFETCH_ALWAYS },
};
enum { WAYS = sizeof ways / sizeof ways[0] };

/* Steps on prefetched batches. */
struct prefetched {
    struct training training;
    struct prefetch prefetch; /* data NULL: none */
    size_t epoch, first;
};

static void run_step(void *context)
{
    struct prefetched *run = context;
    struct problem *problem = &run->training.problem;
    if (run->prefetch.data == NULL) {
        training_step(&run->training);
        return;
    }
    struct batch *batch;
    mlp_status status = prefetch_take(&run->prefetch, run->epoch, run->first, &batch);
    if (status == MLP_OK) {
        status = mlp_train_step(problem->network, run->training.optimizer, problem->workspace, batch->x,
                                &batch->targets, batch->count, NULL);
    }
    run->training.status = run->training.status == MLP_OK ? status : run->training.status;
    run->first += run->prefetch.options.batch;
    if (run->first + run->prefetch.options.batch > SAMPLES) { /* full batches alone */
        run->first = 0;
        run->epoch++;
    }
}

/* ---- data ---------------------------------------------------------------------------------------------- */

/* The same samples in all forms. */
struct store {
    char folder[FOLDER_SIZE], images[PATH_SIZE], labels[PATH_SIZE];
    uint8_t *bytes;
    float *features;
    int32_t *classes;
    mlp_data *sets[3]; /* of floats, of bytes, of a file */
};

static bool write_idx(const char *path, size_t width, const uint8_t *values, size_t count)
{
    const unsigned char rank = width > 1 ? 2 : 1;
    const unsigned char header[12] = { 0,
                                       0,
                                       8,
                                       rank,
                                       SAMPLES >> 24,
                                       SAMPLES >> 16 & 255,
                                       SAMPLES >> 8 & 255,
                                       SAMPLES & 255,
                                       (unsigned char)(width >> 24),
                                       (unsigned char)(width >> 16),
                                       (unsigned char)(width >> 8),
                                       (unsigned char)width };
    FILE *stream = fopen(path, "wb");
    const bool written = stream != NULL && fwrite(header, 4u + 4u * rank, 1, stream) == 1 &&
                         fwrite(values, 1, count, stream) == count;
    return stream != NULL && fclose(stream) == 0 && written;
}

static bool write_files(struct store *store, size_t inputs, const uint8_t *labels)
{
    const char *root = getenv("TMPDIR");
    snprintf(store->folder, sizeof store->folder, "%s/mlp-bench-XXXXXX", root != NULL ? root : "/tmp");
    if (mkdtemp(store->folder) == NULL) {
        store->folder[0] = '\0';
        return false;
    }
    snprintf(store->images, sizeof store->images, "%s/images", store->folder);
    snprintf(store->labels, sizeof store->labels, "%s/labels", store->folder);
    return write_idx(store->images, inputs, store->bytes, SAMPLES * inputs) &&
           write_idx(store->labels, 1, labels, SAMPLES);
}

static bool make_store(struct store *store, size_t inputs, size_t classes)
{
    mlp_data_arrays floats = MLP_DATA_ARRAYS_INIT, bytes = MLP_DATA_ARRAYS_INIT;
    static uint8_t labels[SAMPLES];
    store->bytes = malloc(SAMPLES * inputs);
    store->features = malloc(SAMPLES * inputs * sizeof *store->features);
    store->classes = malloc(SAMPLES * sizeof *store->classes);
    if (store->bytes == NULL || store->features == NULL || store->classes == NULL) {
        return false;
    }
    for (size_t i = 0; i < SAMPLES * inputs; i++) {
        store->bytes[i] = (uint8_t)(i * 2654435761u >> 13);
        store->features[i] = (float)store->bytes[i] / 255.0f;
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        labels[i] = (uint8_t)(i % classes % 256);
        store->classes[i] = labels[i];
    }
    floats.count = bytes.count = SAMPLES;
    floats.inputs = bytes.inputs = inputs;
    floats.classes = bytes.classes = store->classes;
    floats.features = store->features;
    bytes.bytes = store->bytes;
    return write_files(store, inputs, labels) && mlp_data_create(&floats, &store->sets[0]) == MLP_OK &&
           mlp_data_create(&bytes, &store->sets[1]) == MLP_OK &&
           mlp_data_open_idx(store->images, store->labels, NULL, &store->sets[2]) == MLP_OK;
}

static void free_store(struct store *store)
{
    for (size_t s = 0; s < 3; s++) {
        mlp_data_destroy(&store->sets[s]);
    }
    if (store->folder[0] != '\0') {
        unlink(store->images);
        unlink(store->labels);
        rmdir(store->folder);
    }
    free(store->bytes);
    free(store->features);
    free(store->classes);
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static void print_row(const struct settings *settings, const struct workload *workload,
                      const struct contestant *c)
{
    for (size_t i = 0; i < WAYS; i++) {
        const double seconds = c[i].summary.minimum, ratio = seconds / c[0].summary.minimum;
        if (settings->json) {
            print_json(json_pack("{s:s, s:i, s:s, s:f, s:f, s:f}", "network", workload->name, "threads",
                                 settings->threads, "prefetch", ways[i].name, "step_us", 1e6 * seconds,
                                 "ratio", ratio, "spread", c[i].summary.spread));
        } else {
            printf("%-8s %-28s step %9.1f µs   %.4f times as long%s\n", workload->name, ways[i].name,
                   1e6 * seconds, ratio, noise_remark(c[i].summary.spread));
        }
    }
    fflush(stdout);
}

static bool make_prefetched(const struct settings *settings, const struct workload *workload,
                            const struct store *store, const struct way *way, struct prefetched *run)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    const struct prefetch_options prefetch = { .batch = workload->batch,
                                               .window = SAMPLES,
                                               .epochs = SIZE_MAX,
                                               .threads = settings->threads,
                                               .ahead = way->ahead };
    options.rule = MLP_OPTIMIZER_MOMENTUM;
    if (!training_make(workload, settings->threads, &options, NULL, &run->training)) {
        return false;
    }
    const mlp_data *data = store->sets[way->file ? 2 : way->bytes];
    return way == &ways[0] || prefetch_make(&run->prefetch, data, &prefetch) == MLP_OK;
}

static bool run_network(const struct settings *settings, const struct workload *workload)
{
    static struct contestant contestants[WAYS];
    struct prefetched contests[WAYS] = { { .epoch = 0 } };
    struct store store = { .folder = "" };
    const size_t outputs = workload->sizes[workload->count - 1];
    bool done = make_store(&store, workload->sizes[0], outputs > 1 ? outputs : 2);
    for (size_t i = 0; i < WAYS && done; i++) {
        done = make_prefetched(settings, workload, &store, &ways[i], &contests[i]);
        contestants[i] = (struct contestant){ .work = run_step, .context = &contests[i] };
    }
    if (done) {
        interleave(contestants, WAYS, settings->seconds);
        print_row(settings, workload, contestants);
    } else {
        fprintf(stderr, "mlp-bench: %s: %s\n", workload->name, mlp_last_error());
    }
    for (size_t i = 0; i < WAYS; i++) {
        done = training_went_well(&contests[i].training, ways[i].name) && done;
        prefetch_free(&contests[i].prefetch);
        training_free(&contests[i].training);
    }
    free_store(&store);
    return done;
}

static int run(const struct settings *settings)
{
    if (settings->custom.count == 0 && settings->filter == NULL) {
        return run_network(settings, workload_find("mnist")) ? 0 : 1;
    }
    return workloads_each(settings, run_network);
}

const struct command prefetch_command = {
    .name = "prefetch",
    .description = "what a step waits for its batch, by who gathers it and from where",
    .about = "Times training steps on shuffled batches of 20,000 samples: floats and bytes in memory, and "
             "bytes in a file (which the\n"
             "system has in memory), gathered between steps by the steps' threads, and ahead by a thread of "
             "its own; in turn, least\n"
             "times, by that of a step on one batch again and again. The network is mnist unless --workload, "
             "--layers or\n"
             "--filter say otherwise.\n\n"
             "JSON keys: network threads prefetch step_us ratio spread.",
    .example = "mlp-bench prefetch --threads 1",
    .options = OPTIONS_NETWORK,
    .seconds = 10.0,
    .list = workloads_list,
    .run = run,
};
