/* optim/optimizer_step.c */
