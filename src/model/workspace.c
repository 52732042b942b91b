/* model/workspace.c */
