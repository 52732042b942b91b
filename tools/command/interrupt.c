/* Ctrl-C and its kin: the first asks the work to stop, the second ends the program. */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught;

static void note(int number)
{
    caught = number;
}

void catch_interrupts(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction old, action = { .sa_handler = note };
        action.sa_flags = (int)((unsigned)SA_RESETHAND | SA_RESTART);
        sigemptyset(&action.sa_mask);
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) { /* nohup stays in force */
            sigaction(numbers[i], &action, NULL);
        }
    }
}

int interrupt_signal(void)
{
    return caught;
}
