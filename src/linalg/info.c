/* linalg/info.c */
