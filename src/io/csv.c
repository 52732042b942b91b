/* io/csv.c */
