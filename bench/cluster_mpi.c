/* mlp-bench-mpi: a training step on the ranks of mpirun.
 *
 * Usage: mpirun -n N mlp-bench-mpi THREADS PARTS [NETWORK]
 *
 * Rank 0 prints the least time of a step, over some seconds, for each of the five networks or the one that is
 * named, and the bytes that a rank sends. */
#include <mlp/mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "statistics.h"
#include "training.h"

static const char *const networks[] = { "tiny", "mnist", "lecun", "deep", "wide" };
#define SECONDS 4.0
enum { NETWORKS = sizeof networks / sizeof networks[0] };

/* Seconds of the fastest of so many steps, which all ranks make. */
static double fastest(struct training *training, size_t steps)
{
    double best = 1e9;
    for (size_t i = 0; i < steps; i++) {
        MPI_Barrier(MPI_COMM_WORLD);
        const double start = now();
        training_step(training);
        const double time = now() - start;
        best = time < best ? time : best;
    }
    return best;
}

static int run_network(const char *name, int threads, size_t parts, const mlp_exchange *exchange)
{
    const struct workload *workload = workload_find(name);
    struct training training = { .status = MLP_OK };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = MLP_OPTIMIZER_MOMENTUM;
    bool done = workload != NULL && training_make(workload, threads, &options, NULL, &training);
    if (done) {
        training.status = mlp_workspace_set_exchange(training.problem.workspace, parts, exchange);
        double step = fastest(&training, 3);
        MPI_Bcast(&step, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
        const double wanted = SECONDS / step;
        step = fastest(&training, wanted < 20000.0 ? (size_t)wanted + 3 : 20000);
        const double ranks = exchange->size,
                     bytes = 8.0 * (ranks - 1.0) / ranks *
                             (double)mlp_network_parameter_count(training.problem.network);
        if (exchange->rank == 0) {
            printf("%-6s %d ranks of %d threads, %zu parts: step %9.1f µs, %.0f bytes of each rank\n", name,
                   exchange->size, threads, parts, 1e6 * step, bytes);
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
    const int threads = argc > 1 ? atoi(argv[1]) : 0, parts = argc > 2 ? atoi(argv[2]) : 0;
    if (threads < 1 || parts < 1 || mlp_mpi_exchange(MPI_COMM_WORLD, &exchange) != MLP_OK) {
        fputs("usage: mpirun -n N mlp-bench-mpi THREADS PARTS [NETWORK]\n", stderr);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    for (size_t i = 0; i < NETWORKS && code == 0; i++) {
        if (argc < 4 || strcmp(argv[3], networks[i]) == 0) {
            code = run_network(networks[i], threads, (size_t)parts, &exchange);
        }
    }
    if (code != 0) {
        MPI_Abort(MPI_COMM_WORLD, code);
    }
    mlp_mpi_exchange_destroy(&exchange);
    MPI_Finalize();
    return code;
}
