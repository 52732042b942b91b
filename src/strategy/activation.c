/* strategy/activation.c */
