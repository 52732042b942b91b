/* linalg/blas.c */
