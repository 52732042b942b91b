/* io/whole_file.c */
