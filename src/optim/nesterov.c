/* optim/nesterov.c */
