/* strategy/clip.c */
