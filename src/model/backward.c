/* model/backward.c */
