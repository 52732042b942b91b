/* optim/rule_rows.c */
