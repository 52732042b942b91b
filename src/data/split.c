/* data/split.c */
