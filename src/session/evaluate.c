/* session/evaluate.c */
