/* data/standardize.c */
