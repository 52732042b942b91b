/* session/fit.c */
