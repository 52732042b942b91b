/* linalg/gemm.c */
