/* linalg/lapack.c */
