/* strategy/loss_rows.c */
