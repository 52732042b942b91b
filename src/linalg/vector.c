/* linalg/vector.c */
