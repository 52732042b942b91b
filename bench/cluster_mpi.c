/* mlp-bench-mpi: a training step on the ranks of mpirun, and its exchange alone.
 *
 * Usage: mpirun -n N mlp-bench-mpi THREADS PARTS [NETWORK [SECONDS [sharded]]]
 *
 * Rank 0 prints, for each of the five networks or the one that is named, the least time of a step within some
 * seconds (4), that of the exchange of as many floats as there are parameters (all-to-all, sum, all-gather),
 * and the bytes that a rank sends in it. */
#include <mlp/mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "statistics.h"
#include "training.h"

static const char *const networks[] = { "tiny", "mnist", "lecun", "deep", "wide" };
#define SECONDS 4.0
enum { NETWORKS = sizeof networks / sizeof networks[0], WARM = 3, MOST = 20000, LINE = 16 };

/* The seconds of a call that all ranks make together: those of the last to end. */
static double time_together(void (*work)(void *), void *context)
{
    double taken, longest;
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = now();
    work(context);
    taken = now() - start;
    MPI_Allreduce(&taken, &longest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return longest;
}

/* Of the fastest call within so many seconds. */
static double fastest(void (*work)(void *), void *context, double seconds)
{
    double best = 1e9;
    for (int i = 0; i < WARM; i++) {
        const double time = time_together(work, context);
        best = time < best ? time : best;
    }
    const double wanted = seconds / best;
    const size_t calls = wanted < MOST ? (size_t)wanted + WARM : MOST;
    for (size_t i = 0; i < calls; i++) {
        const double time = time_together(work, context);
        best = time < best ? time : best;
    }
    return best;
}

/* ---- the exchange alone -------------------------------------------------------------------------------- */

struct reduction {
    const mlp_exchange *exchange;
    size_t slice;            /* floats of a rank */
    float *gradient, *parts; /* ranks × slice each; the second: of each rank, what it has of our slice */
    size_t *bytes;           /* of each rank: those of a slice */
    mlp_status status;
};

static bool reduction_make(const mlp_exchange *exchange, size_t parameters, struct reduction *r)
{
    const size_t ranks = (size_t)exchange->size;
    const size_t slice = (parameters + ranks - 1) / ranks;
    *r = (struct reduction){ .exchange = exchange, .slice = (slice + LINE - 1) / LINE * LINE };
    r->gradient = calloc(2 * ranks * r->slice, sizeof *r->gradient);
    r->bytes = calloc(ranks, sizeof *r->bytes);
    if (r->gradient == NULL || r->bytes == NULL) {
        fputs("mlp-bench-mpi: out of memory\n", stderr);
        return false;
    }
    r->parts = r->gradient + ranks * r->slice;
    for (size_t i = 0; i < ranks; i++) {
        r->bytes[i] = r->slice * sizeof *r->gradient;
    }
    return true;
}

static void reduce(void *context)
{
    struct reduction *r = context;
    const mlp_exchange *e = r->exchange;
    mlp_status status = e->all_to_all(e->context, r->gradient, r->bytes, r->parts, r->bytes);
    for (int rank = 1; rank < e->size; rank++) {
        const float *part = r->parts + (size_t)rank * r->slice;
        for (size_t i = 0; i < r->slice; i++) {
            r->parts[i] += part[i];
        }
    }
    status = status == MLP_OK ? e->all_gather(e->context, r->parts, r->gradient, r->bytes) : status;
    r->status = r->status == MLP_OK ? status : r->status;
}

static void reduction_free(struct reduction *r)
{
    free(r->bytes);
    free(r->gradient);
}

static double time_exchange(const mlp_exchange *exchange, size_t parameters, double seconds)
{
    struct reduction r;
    double time = 0.0;
    if (reduction_make(exchange, parameters, &r) && exchange->size > 1) {
        time = fastest(reduce, &r, seconds);
    }
    reduction_free(&r);
    return time;
}

/* ---- a network ----------------------------------------------------------------------------------------- */

/* The command line. */
struct wish {
    int threads;
    size_t parts;
    double seconds;
    bool sharded; /* the optimizer's state */
};

static int run_network(const char *name, const struct wish *wish, const mlp_exchange *exchange)
{
    const struct workload *workload = workload_find(name);
    struct training training = { .status = MLP_OK };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = MLP_OPTIMIZER_MOMENTUM;
    options.shard_rank = wish->sharded ? exchange->rank : 0;
    options.shard_count = wish->sharded ? exchange->size : 1;
    bool done = workload != NULL && training_make(workload, wish->threads, &options, NULL, &training);
    if (done) {
        training.status = mlp_workspace_set_exchange(training.problem.workspace, wish->parts, exchange);
        const size_t parameters = mlp_network_parameter_count(training.problem.network);
        const double step = fastest(training_step, &training, wish->seconds),
                     sum = time_exchange(exchange, parameters, wish->seconds / 4.0), ranks = exchange->size,
                     bytes = 8.0 * (ranks - 1.0) / ranks * (double)parameters;
        if (exchange->rank == 0) {
            printf("%-6s %d ranks of %d threads, %zu parts: step %9.1f µs, exchange %8.1f µs, "
                   "%.0f bytes of each rank\n",
                   name, exchange->size, wish->threads, wish->parts, 1e6 * step, 1e6 * sum, bytes);
            fflush(stdout);
        }
        done = training_went_well(&training, name);
    }
    training_free(&training);
    return done ? 0 : 1;
}

int main(int argc, char **argv)
{
    mlp_exchange exchange = MLP_EXCHANGE_INIT;
    int provided, code = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    const int parts = argc > 2 ? atoi(argv[2]) : 0;
    const struct wish wish = { .threads = argc > 1 ? atoi(argv[1]) : 0,
                               .parts = (size_t)parts,
                               .seconds = argc > 4 ? atof(argv[4]) : SECONDS,
                               .sharded = argc > 5 && strcmp(argv[5], "sharded") == 0 };
    if (wish.threads < 1 || parts < 1 || !(wish.seconds > 0.0) || (argc > 5 && !wish.sharded) ||
        mlp_mpi_exchange(MPI_COMM_WORLD, &exchange) != MLP_OK) {
        fputs("usage: mpirun -n N mlp-bench-mpi THREADS PARTS [NETWORK [SECONDS [sharded]]]\n", stderr);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    for (size_t i = 0; i < NETWORKS && code == 0; i++) {
        if (argc < 4 || strcmp(argv[3], networks[i]) == 0) {
            code = run_network(networks[i], &wish, &exchange);
        }
    }
    if (code != 0) {
        MPI_Abort(MPI_COMM_WORLD, code);
    }
    mlp_mpi_exchange_destroy(&exchange);
    MPI_Finalize();
    return code;
}
