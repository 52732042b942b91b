/* strategy/init.c */
