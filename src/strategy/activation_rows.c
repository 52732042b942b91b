/* strategy/activation_rows.c */
