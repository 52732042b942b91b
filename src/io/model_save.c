/* io/model_save.c */
