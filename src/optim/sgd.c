/* optim/sgd.c */
