/* data/gather.c */
