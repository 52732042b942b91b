/* Ctrl-C and its kin: the first asks the work to stop, the second ends the program. */
#ifndef TOOLS_INTERRUPT_H
#define TOOLS_INTERRUPT_H

/* From here on SIGINT, SIGTERM and SIGHUP are noted; a second one of the same kind has its usual effect. */
void catch_interrupts(void);
/* The signal that came, or 0. */
int interrupt_signal(void);

#endif
