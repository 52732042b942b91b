/* optim/adam.c */
