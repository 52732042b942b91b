/* mlp-mpi: `mlp train` on several processes. */
#include <mlp/mpi.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mlp/version.h>

#include "command_main.h"
#include "message.h"
#include "ranks.h"

/* How long a rank that failed by itself waits whether the others end, too. */
#define GRACE_SECONDS 3.0
enum { PAUSE_NS = 2000000 };

static mlp_exchange exchange = MLP_EXCHANGE_INIT;

static int set_timeout(double seconds)
{
    return mlp_mpi_set_timeout(&exchange, seconds) == MLP_OK ? EXIT_DONE : work_error("%s", mlp_last_error());
}

static void print_help(FILE *stream)
{
    fputs("usage: mpirun -n N mlp-mpi train [OPTION…]\n\nTrains a network on N processes, by the options of "
          "`mlp "
          "train`: a batch is\ncut into --parts, of which each process takes its share. The model is that "
          "of\n"
          "`mlp train` with the same --parts, bit for bit.\n\n`mlp-mpi train --help` lists the options.\n",
          stream);
}

/* What is no training. */
static bool is_answered(int argc, char **argv, int *code)
{
    *code = EXIT_DONE;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help(stdout);
        return true;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("mlp-mpi %s\n", mlp_version());
        return true;
    }
    if (argc < 2 || strcmp(argv[1], "train") != 0) {
        if (ranks.rank == 0) {
            print_help(stderr);
        }
        *code = EXIT_USAGE;
        return true;
    }
    return false;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Whether all ranks come to the end: a rank that is well waits for them, one that failed for a moment. *first
 * becomes the first of those that failed, or the number of ranks. */
static bool all_end(int code, int *first)
{
    const struct timespec pause = { 0, PAUSE_NS };
    const int own = code != EXIT_DONE ? exchange.rank : exchange.size;
    const double start = now();
    int done = 0;
    MPI_Request request;
    MPI_Iallreduce(&own, first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request);
    while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done == 0) {
        if (code != EXIT_DONE && now() - start > GRACE_SECONDS) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return done != 0;
}

static void print_own_message(void)
{
    if (ranks.rank > 0 && ranks.message[0] != '\0') {
        fprintf(stderr, "mlp-mpi: rank %d: %s\n", ranks.rank, ranks.message);
    }
}

static int train(int argc, char **argv)
{
    ranks.rank = exchange.rank;
    ranks.exchange = exchange.size > 1 ? &exchange : NULL;
    ranks.set_timeout = set_timeout;
    int code;
    if (!is_answered(argc, argv, &code)) {
        code = command_main(argc, argv);
    }
    return ranks.rank > 0 && ranks.ended_together != 0 ? EXIT_DONE : code;
}

int main(int argc, char **argv)
{
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    ranks.program = "mlp-mpi";
    if (mlp_mpi_exchange(MPI_COMM_WORLD, &exchange) != MLP_OK) {
        fprintf(stderr, "mlp-mpi: %s\n", mlp_last_error());
        MPI_Abort(MPI_COMM_WORLD, EXIT_WORK);
    }
    if (exchange.rank > 0 && freopen("/dev/null", "w", stdout) == NULL) {
        MPI_Abort(MPI_COMM_WORLD, EXIT_WORK);
    }
    const int code = train(argc, argv);
    int first = exchange.size;
    if (!all_end(code, &first)) {
        print_own_message();
        MPI_Abort(MPI_COMM_WORLD, code);
    }
    if (first == exchange.rank) {
        print_own_message();
    }
    mlp_mpi_exchange_destroy(&exchange);
    MPI_Finalize();
    return code;
}
