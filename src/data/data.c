/* data/data.c */
