/* optim/optimizer.c */
