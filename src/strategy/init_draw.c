/* strategy/init_draw.c */
