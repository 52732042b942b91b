/* io/csv_reader.c */
