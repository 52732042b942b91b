/* io/safetensors.c */
