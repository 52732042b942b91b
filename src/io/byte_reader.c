/* io/byte_reader.c */
