/* model/pass.c */
