/* session/report.c */
