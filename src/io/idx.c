/* io/idx.c */
