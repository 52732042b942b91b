/* model/network.c */
