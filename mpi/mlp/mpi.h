/** @file
 * Training over MPI: an exchange (mlp/exchange.h) between the processes of a communicator. In a library of
 * its own, libmlp-mpi (pkg-config mlp-mpi), so that libmlp needs no MPI.
 *
 *     MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
 *     status = mlp_mpi_exchange(MPI_COMM_WORLD, &exchange);
 *     fit.exchange = &exchange;
 *     fit.parts = 8;
 *     status = mlp_fit(network, optimizer, data, &fit, &report);
 *     mlp_mpi_exchange_destroy(&exchange);
 *
 * Calls of MPI come from the thread that calls the library alone, so that MPI_THREAD_FUNNELED is enough;
 * where each rank has one thread, so is MPI_Init(). */
#ifndef MLP_MPI_H
#define MLP_MPI_H

#include <mpi.h>

#include <mlp/exchange.h>
#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Seconds that an exchange waits for the other ranks unless told otherwise. */
#define MLP_MPI_TIMEOUT 60.0

/** Makes an exchange of the communicator, which it duplicates: all its processes make this call. The
 * collectives are MPI's non-blocking ones, polled until they are complete or MLP_MPI_TIMEOUT has gone by; a
 * message is of at most 16 GiB.
 * @param communicator an intracommunicator of at most 1024 processes
 * @param exchange     receives the exchange; end it with mlp_mpi_exchange_destroy()
 * Errors: ARGUMENT (NULL, MPI is not initialized), MEMORY, EXCHANGE (MPI failed). */
MLP_API mlp_status mlp_mpi_exchange(MPI_Comm communicator, mlp_exchange *exchange);

/** Sets how many seconds, above 0, each exchange may take; infinity: it waits for ever. A rank that is late
 * by more makes the others fail with EXCHANGE: after that the communicator cannot be used any more, and the
 * processes end by MPI_Abort(). What rank 0 writes meanwhile counts: allow for the largest checkpoint.
 * Errors: ARGUMENT, RANGE. */
MLP_API mlp_status mlp_mpi_set_timeout(mlp_exchange *exchange, double seconds);

/** Frees what mlp_mpi_exchange() has made, on all its processes, before MPI_Finalize(); the exchange is that
 * of one rank then. After a failure of an exchange the communicator stays as it is. NULL is fine. */
MLP_API void mlp_mpi_exchange_destroy(mlp_exchange *exchange);

#ifdef __cplusplus
}
#endif

#endif
