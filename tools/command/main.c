/* mlp: trains, evaluates, runs and describes multilayer perceptrons. */
#include <stdlib.h>
#include <unistd.h>

#include "command_main.h"

/* GNU's OpenMP lets threads spin for milliseconds, in which nobody else has the processor, unless the
 * environment says otherwise when it is loaded: on a busy machine two threads would take many times as long
 * as one. */
static void begin_anew_with_short_spins(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") == NULL && getenv("OMP_WAIT_POLICY") == NULL &&
        setenv("GOMP_SPINCOUNT", "2000", 1) == 0) {
        execv("/proc/self/exe", argv);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && command_trains(argv[1])) {
        begin_anew_with_short_spins(argv);
    }
    return command_main(argc, argv);
}
