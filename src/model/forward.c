/* model/forward.c */
