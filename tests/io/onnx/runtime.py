#!/usr/bin/env python3
"""ONNX Runtime's outputs for the files that the test exports: needs onnx, onnxruntime, numpy, xxhash.

    mkdir files && MLP_TEST_ONNX=tests/io/onnx MLP_TEST_ONNX_WRITE=files build/tests/io_test_onnx
    tests/io/onnx/runtime.py files > tests/io/onnx/runtime.txt

A line for each file: its name, the XXH64 of its bytes, and the outputs, sample after sample.
"""

import pathlib
import sys

import numpy
import onnx
import onnxruntime
import xxhash

NAMES = ("identity sigmoid tanh relu leaky-relu elu selu gelu gelu-tanh silu mish softplus softsign hard-sigmoid hard-tanh "
         "softmax").split()

for name in NAMES:
    for shape in range(20):
        path = pathlib.Path(sys.argv[1]) / f"{name}-{shape}.onnx"
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        x = numpy.fromfile(f"{path}.x", dtype=numpy.float32).reshape(2, -1)
        y = session.run(["output"], {"input": x})[0]
        print(path.name, f"{xxhash.xxh64(path.read_bytes()).intdigest():016x}", *(f"{v:.9g}" for v in y.ravel()))
