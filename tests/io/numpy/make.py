"""Writes the files of this folder: numpy's and scikit-learn's own, whose values test_number_files.c knows by a formula.

    tests/io/numpy/make.py          with a Python that has numpy and scikit-learn
"""
import os

import numpy as np
from sklearn.datasets import dump_svmlight_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))
steps = np.arange(12).reshape(4, 3)  # sample i, feature j: 3 i + j
arrays = {}
for kind, values in ('u', steps), ('i', steps - 5), ('f', (steps - 5) / 4):
    for size in (1, 2, 4, 8):
        if kind + str(size) == 'f1':
            continue
        for order, letter in ('<', 'l'), ('>', 'b'):
            x = values.astype(order + kind + str(size))
            arrays[f'{kind}{size}{letter}c'] = x
            arrays[f'{kind}{size}{letter}f'] = np.asfortranarray(x)
np.savez_compressed('types.npz', **arrays)
np.savez('pair.npz', x=steps.astype('f4'), y=np.array([0, 2, 1, 2]))
np.savez('only.npz', steps)
np.save('features.npy', np.asfortranarray((steps - 5) / 4))
np.save('signs.npy', np.array([1, -1, -1, 1], dtype='>i2'))
np.save('flags.npy', np.array([[True, False], [False, False], [True, True], [False, True]]))
np.save('objects.npy', np.array([1, 'a', None, 2.0], dtype=object))
np.save('fields.npy', np.zeros(4, dtype=[('a', '<f4'), ('b', '<i4')]))
dump_svmlight_file(steps - 5, [1, -1, -1, 1], 'zero.svm', zero_based=True, comment='made by scikit-learn')
dump_svmlight_file((steps - 5) / 4, [0.5, 1.5, -2, 0], 'one.svm', zero_based=False)
