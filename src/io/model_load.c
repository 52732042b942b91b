/* io/model_load.c */
