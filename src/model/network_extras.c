/* model/network_extras.c */
