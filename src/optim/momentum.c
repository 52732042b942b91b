/* optim/momentum.c */
