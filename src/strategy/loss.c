/* strategy/loss.c */
