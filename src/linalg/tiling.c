/* linalg/tiling.c */
