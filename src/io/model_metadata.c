/* io/model_metadata.c */
