/* model/predict.c */
