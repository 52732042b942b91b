/* model/network_create.c */
