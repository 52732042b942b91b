/* optim/rule.c */
