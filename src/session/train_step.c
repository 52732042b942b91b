/* session/train_step.c */
