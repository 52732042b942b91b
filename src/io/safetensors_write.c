/* io/safetensors_write.c */
