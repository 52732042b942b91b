/* optim/rmsprop.c */
