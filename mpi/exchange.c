/* The exchange of mlp/exchange.h by MPI's non-blocking collectives. */
#include <mlp/mpi.h>

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Sizes are multiples of it, and counts of MPI are ints. */
enum { UNIT = 8, TEXT = 512, SPINS = 2000, YIELDS = 4000, PAUSE_NS = 50000 };

struct line {
    MPI_Comm communicator;
    MPI_Datatype unit; /* 8 bytes */
    double timeout;
    int rank, size;
    int broken;                                       /* an exchange failed */
    int *counts, *places, *from_counts, *from_places; /* of each rank, in units */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static mlp_status fail_by_mpi(struct line *line, const char *what, int code)
{
    char reason[MPI_MAX_ERROR_STRING] = "", text[TEXT];
    int length = 0;
    MPI_Error_string(code, reason, &length);
    snprintf(text, sizeof text, "%s failed on rank %d of %d: %s", what, line->rank, line->size, reason);
    line->broken = 1;
    return mlp_exchange_fail(text);
}

/* Others may be late: first the processor is kept, then it is given up for ever longer. */
static void pause_at(size_t turn)
{
    const struct timespec pause = { 0, PAUSE_NS };
    if (turn >= YIELDS) {
        nanosleep(&pause, NULL);
    } else if (turn >= SPINS) {
        sched_yield();
    }
}

static mlp_status await(struct line *line, const char *what, MPI_Request *request)
{
    const double start = now();
    char text[TEXT];
    int done = 0;
    for (size_t turn = 0;; turn++) {
        const int code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS) {
            return fail_by_mpi(line, what, code);
        }
        if (done) {
            return MLP_OK;
        }
        pause_at(turn);
        if (turn % 64 == 63 && now() - start > line->timeout) {
            break;
        }
    }
    snprintf(text, sizeof text,
             "%s: nothing from another rank for %g s; it has ended, hangs or cannot be reached (rank %d of "
             "%d waited)",
             what, line->timeout, line->rank, line->size);
    line->broken = 1;
    return mlp_exchange_fail(text);
}

/* Counts and places of MPI for these bytes. Fails where an int does not hold them. */
static mlp_status lay_out(const struct line *line, const size_t *bytes, int *counts, int *places)
{
    size_t place = 0;
    for (int r = 0; r < line->size; r++) {
        const size_t count = bytes[r] / UNIT;
        if (count > INT_MAX || place > INT_MAX) {
            return mlp_exchange_fail("a message between ranks is larger than 16 GiB");
        }
        counts[r] = (int)count;
        places[r] = (int)place;
        place += count;
    }
    return MLP_OK;
}

static mlp_status complete(struct line *line, const char *what, int code, MPI_Request *request)
{
    return code == MPI_SUCCESS ? await(line, what, request) : fail_by_mpi(line, what, code);
}

static mlp_status all_to_all(void *context, const void *send, const size_t *send_bytes, void *receive,
                             const size_t *receive_bytes)
{
    struct line *line = context;
    MPI_Request request;
    mlp_status status = lay_out(line, send_bytes, line->counts, line->places);
    status = status == MLP_OK ? lay_out(line, receive_bytes, line->from_counts, line->from_places) : status;
    if (status != MLP_OK) {
        return status;
    }
    const int code = MPI_Ialltoallv(send, line->counts, line->places, line->unit, receive, line->from_counts,
                                    line->from_places, line->unit, line->communicator, &request);
    return complete(line, "the exchange of gradients", code, &request);
}

static mlp_status all_gather(void *context, const void *send, void *receive, const size_t *bytes)
{
    struct line *line = context;
    MPI_Request request;
    const mlp_status status = lay_out(line, bytes, line->counts, line->places);
    if (status != MLP_OK) {
        return status;
    }
    const int code = MPI_Iallgatherv(send, line->counts[line->rank], line->unit, receive, line->counts,
                                     line->places, line->unit, line->communicator, &request);
    return complete(line, "gathering from all ranks", code, &request);
}

static mlp_status broadcast(void *context, void *bytes, size_t count, int root)
{
    struct line *line = context;
    MPI_Request request;
    if (count / UNIT > INT_MAX) {
        return mlp_exchange_fail("a message between ranks is larger than 16 GiB");
    }
    const int code = MPI_Ibcast(bytes, (int)(count / UNIT), line->unit, root, line->communicator, &request);
    return complete(line, "a broadcast", code, &request);
}

static void free_line(struct line *line)
{
    free(line->counts);
    free(line);
}

static mlp_status make_line(MPI_Comm communicator, struct line **made)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL) {
        mlp_exchange_fail("out of memory for the exchange");
        return MLP_ERROR_MEMORY;
    }
    line->timeout = MLP_MPI_TIMEOUT;
    int code = MPI_Comm_dup(communicator, &line->communicator);
    if (code != MPI_SUCCESS) {
        const mlp_status status = fail_by_mpi(line, "duplicating the communicator", code);
        free_line(line);
        return status;
    }
    MPI_Comm_set_errhandler(line->communicator, MPI_ERRORS_RETURN);
    MPI_Comm_rank(line->communicator, &line->rank);
    MPI_Comm_size(line->communicator, &line->size);
    MPI_Type_contiguous(UNIT, MPI_BYTE, &line->unit);
    MPI_Type_commit(&line->unit);
    line->counts = calloc((size_t)line->size, 4 * sizeof *line->counts);
    if (line->counts == NULL) {
        mlp_exchange_fail("out of memory for the exchange");
        free_line(line);
        return MLP_ERROR_MEMORY;
    }
    line->places = line->counts + line->size;
    line->from_counts = line->places + line->size;
    line->from_places = line->from_counts + line->size;
    *made = line;
    return MLP_OK;
}

mlp_status mlp_mpi_exchange(MPI_Comm communicator, mlp_exchange *exchange)
{
    const mlp_exchange alone = MLP_EXCHANGE_INIT;
    struct line *line = NULL;
    int initialized = 0;
    if (exchange == NULL) {
        mlp_exchange_fail("mlp_mpi_exchange: exchange is NULL");
        return MLP_ERROR_ARGUMENT;
    }
    *exchange = alone;
    MPI_Initialized(&initialized);
    if (!initialized) {
        mlp_exchange_fail("mlp_mpi_exchange: MPI is not initialized; call MPI_Init_thread() first");
        return MLP_ERROR_ARGUMENT;
    }
    const mlp_status status = make_line(communicator, &line);
    if (status != MLP_OK) {
        return status;
    }
    exchange->rank = line->rank;
    exchange->size = line->size;
    exchange->all_to_all = all_to_all;
    exchange->all_gather = all_gather;
    exchange->broadcast = broadcast;
    exchange->context = line;
    return MLP_OK;
}

mlp_status mlp_mpi_set_timeout(mlp_exchange *exchange, double seconds)
{
    char text[TEXT];
    if (exchange == NULL || exchange->context == NULL) {
        mlp_exchange_fail("mlp_mpi_set_timeout: exchange is none of mlp_mpi_exchange()");
        return MLP_ERROR_ARGUMENT;
    }
    if (!(seconds > 0.0)) {
        snprintf(text, sizeof text, "mlp_mpi_set_timeout: seconds is %g, expected a number above 0", seconds);
        mlp_exchange_fail(text);
        return MLP_ERROR_RANGE;
    }
    ((struct line *)exchange->context)->timeout = seconds;
    return MLP_OK;
}

void mlp_mpi_exchange_destroy(mlp_exchange *exchange)
{
    const mlp_exchange alone = MLP_EXCHANGE_INIT;
    struct line *line = exchange != NULL ? exchange->context : NULL;
    if (line != NULL) {
        MPI_Type_free(&line->unit);
        if (!line->broken) {
            MPI_Comm_free(&line->communicator);
        }
        free_line(line);
        *exchange = alone;
    }
}
