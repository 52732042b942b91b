#!/usr/bin/env python3
"""Records the ONNX files of this folder, with inputs and outputs beside each: needs torch, onnx, onnxruntime,
scikit-learn, skl2onnx.

usage: record.py [FOLDER [KIND...]]     all kinds: gemm keras sklearn torch external shapes runtime refused
                                         offset transposed; and by name alone:
                                         tf2onnx (needs keras, tensorflow-cpu, tf2onnx)

NAME.onnx is the model. NAME.txt has samples, inputs and outputs in its first line, then a sample's inputs and the
outputs that the program which made the model computes for them, one sample a line. In refused/, NAME.txt has what the
message must say, a piece a line.
"""

import pathlib
import sys
import warnings

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

warnings.filterwarnings("ignore")
folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
random = numpy.random.default_rng(1)
SAMPLES = 5


def record(name, model, x, y):
    path = folder / f"{name}.onnx"
    if model is not None:
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())
    y = numpy.asarray(y, dtype=numpy.float64).reshape(len(x), -1)
    lines = [f"{len(x)} {numpy.prod(x.shape[1:])} {y.shape[1]}"]
    lines += [" ".join(f"{v:.9g}" for v in [*a.ravel(), *b]) for a, b in zip(x, y)]
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def without_sources(model):
    """Less what says where in the sources, of which machine, each node came from."""
    for part in [*model.graph.node, *model.graph.input, *model.graph.output, model.graph]:
        del part.metadata_props[:]
    del model.graph.value_info[:]
    return model


def torch_activations():
    from torch import nn
    return {
        "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "relu": nn.ReLU(), "leaky-relu": nn.LeakyReLU(0.2), "elu": nn.ELU(0.7),
        "selu": nn.SELU(), "gelu": nn.GELU(), "gelu-tanh": nn.GELU(approximate="tanh"), "silu": nn.SiLU(), "mish": nn.Mish(),
        "softplus": nn.Softplus(), "softsign": nn.Softsign(), "hard-sigmoid": nn.Hardsigmoid(), "hard-tanh": nn.Hardtanh(),
        "softmax": nn.Softmax(dim=-1), "identity": nn.Identity(),
    }


def torch_models():
    import torch
    from torch import nn
    torch.manual_seed(1)
    activations = torch_activations()

    def save(name, net, inputs, dynamo, shape=None, opset=None):
        net.eval()
        x = torch.tensor(random.normal(size=(SAMPLES, *(shape or (inputs,)))), dtype=torch.float32)
        torch.onnx.export(net, (x,), folder / f"{name}.onnx", dynamo=dynamo, external_data=False, verbose=False,
                          **({"opset_version": opset} if opset else {}),
                          **({"dynamic_shapes": ({0: torch.export.Dim("n")},)} if dynamo else
                             {"dynamic_axes": {"input": {0: "n"}}, "input_names": ["input"]}))
        model = without_sources(onnx.load(folder / f"{name}.onnx"))
        with torch.no_grad():
            record(name, model, x.numpy(), net.double()(x.double()).numpy())

    for name, activation in activations.items():
        for dynamo in (False, True):
            for opset in ((13,) if not dynamo else (20,)):
                sizes = [int(v) for v in random.integers(2, 9, 3)]
                hidden = nn.Tanh() if name == "softmax" else activation
                net = nn.Sequential(nn.Linear(sizes[0], sizes[1]), hidden, nn.Linear(sizes[1], sizes[2]), activation)
                save(f"torch-{name}-{'dynamo' if dynamo else 'script'}", net, sizes[0], dynamo, opset=opset)
    for dynamo in (False, True):
        norm = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(6), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5),
                             nn.Linear(5, 4), nn.GELU(), nn.BatchNorm1d(4), nn.Linear(4, 3))
        with torch.no_grad():
            for module in norm:
                if isinstance(module, nn.BatchNorm1d):
                    for tensor, low in ((module.weight, -1.5), (module.bias, -1), (module.running_mean, -1), (module.running_var, 0.5)):
                        tensor.uniform_(low, 2)
        save(f"torch-normalized-{'dynamo' if dynamo else 'script'}", norm, 6, dynamo, shape=(2, 3))


def external_models():
    """PyTorch's default: the weights in a file beside the model."""
    import torch
    from torch import nn
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(10, 9), nn.ReLU(), nn.Linear(9, 8)).eval()  # smaller tensors stay in the model
    x = torch.tensor(normal(SAMPLES, 10))
    path = folder / "torch-external.onnx"
    torch.onnx.export(net, (x,), path, dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("n")},))
    path.write_bytes(without_sources(onnx.load(path, load_external_data=False)).SerializeToString())
    with torch.no_grad():
        record("torch-external", None, x.numpy(), net.double()(x.double()).numpy())


def shapes_models():
    """20 networks of random shapes for every activation, in one file: for each the model's size, samples, inputs and outputs as
    32-bit numbers, the model, the samples' inputs and outputs as floats."""
    import io

    import torch
    from torch import nn
    torch.manual_seed(2)
    random = numpy.random.default_rng(2)
    with open(folder / "torch-shapes.bin", "wb") as pack:
        for name, activation in torch_activations().items():
            for _ in range(20):
                sizes = [int(v) for v in random.integers(1, 8, 3)]
                sizes[2] += name == "softmax"
                hidden = nn.Tanh() if name == "softmax" else activation
                net = nn.Sequential(nn.Linear(sizes[0], sizes[1]), hidden, nn.Linear(sizes[1], sizes[2]), activation).eval()
                x = torch.tensor(random.normal(size=(2, sizes[0])) * 2, dtype=torch.float32)
                file = io.BytesIO()
                torch.onnx.export(net, (x,), file, dynamo=False, opset_version=13, input_names=["input"], dynamic_axes={"input": {0: "n"}})
                with torch.no_grad():
                    y = net.double()(x.double()).float()
                net.float()
                pack.write(numpy.array([len(file.getvalue()), 2, sizes[0], sizes[2]], dtype="<u4").tobytes() + file.getvalue() +
                           x.numpy().astype("<f4").tobytes() + y.numpy().astype("<f4").tobytes())


def model_of(nodes, constants, inputs, outputs, x, opset=13, name="graph"):
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, outputs])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    from onnx.reference import ReferenceEvaluator
    return model, ReferenceEvaluator(model).run(None, {"x": x})[0]


def normal(*shape):
    return random.normal(size=shape).astype(numpy.float32)


def gemm_models():
    for trans_b in (0, 1):
        for alpha, beta in ((1.0, 1.0), (0.5, 2.0), (-1.5, 0.25)):
            x, w, c = normal(SAMPLES, 4), normal(*((3, 4) if trans_b else (4, 3))), normal(3)
            node = helper.make_node("Gemm", ["x", "w", "c"], ["y"], alpha=alpha, beta=beta, transB=trans_b)
            name = f"gemm-{trans_b}-{alpha:g}-{beta:g}"
            record(name, *(lambda m: (m[0], x, m[1]))(model_of([node], {"w": w, "c": c}, [4], 3, x)))
    x = normal(SAMPLES, 4)
    nodes = [helper.make_node("Transpose", ["x"], ["t"]), helper.make_node("Gemm", ["t", "w"], ["y"], transA=1)]
    model, y = model_of(nodes, {"w": normal(4, 3)}, [4], 3, x)
    record("gemm-transposed", model, x, y)


def transposed_models():
    """Weights behind a Transpose, which a Gemm transposes or takes as they are."""
    for trans_b in (0, 1):
        x, w = normal(SAMPLES, 4), normal(*((4, 3) if trans_b else (3, 4)))
        nodes = [helper.make_node("Transpose", ["w"], ["t"]), helper.make_node("Gemm", ["x", "t"], ["y"], transB=trans_b)]
        model, y = model_of(nodes, {"w": w}, [4], 3, x)
        record(f"weights-transposed-{trans_b}", model, x, y)


def offset_models():
    """A standardization of two features, with numbers of their own or one for both, in front of a layer and between two."""
    def standardized(value, to):
        return [helper.make_node("Sub", [value, "m"], [f"{value}c"]), helper.make_node("Div", [f"{value}c", "s"], [to])]

    for count in (1, 2):
        x = normal(SAMPLES, 2)
        constants = {"m": normal(count) + 3, "s": numpy.abs(normal(count)) + 1, "v": normal(2, 2), "w": normal(2, 3), "b": normal(3)}
        nodes = [*standardized("x", "n"), helper.make_node("MatMul", ["n", "v"], ["z"]), helper.make_node("Tanh", ["z"], ["a"]),
                 *standardized("a", "q"), helper.make_node("MatMul", ["q", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
        model, y = model_of(nodes, constants, [2], 3, x)
        record(f"offset-{count}", model, x, y)


def keras_models():
    """As tf2onnx writes Dense layers: MatMul, Add, a Squeeze or a Reshape at the end; and a normalization in front."""
    x = (normal(SAMPLES, 4) * 3 + 2).astype(numpy.float32)
    nodes = [helper.make_node("Sub", ["x", "mean"], ["c"]), helper.make_node("Div", ["c", "scale"], ["n"]),
             helper.make_node("MatMul", ["n", "w0"], ["m0"]), helper.make_node("Add", ["m0", "b0"], ["z0"]),
             helper.make_node("Relu", ["z0"], ["a0"]), helper.make_node("MatMul", ["a0", "w1"], ["m1"]),
             helper.make_node("Add", ["b1", "m1"], ["z1"]), helper.make_node("Softmax", ["z1"], ["y"], axis=-1)]
    constants = {"mean": normal(4), "scale": numpy.abs(normal(4)) + 0.5, "w0": normal(4, 5), "b0": normal(5), "w1": normal(5, 3),
                 "b1": normal(1, 3)}
    model, y = model_of(nodes, constants, [4], 3, x)
    record("keras-dense", model, x, y)
    nodes = [helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(numpy.array([-1, 6], dtype=numpy.int64))),
             helper.make_node("Reshape", ["x", "shape"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["m"]),
             helper.make_node("Add", ["m", "b"], ["z"]), helper.make_node("Constant", [], ["two"], value_float=2.0),
             helper.make_node("Mul", ["z", "two"], ["s"]), helper.make_node("Identity", ["s"], ["y"])]
    x = normal(SAMPLES, 2, 3)
    model, y = model_of(nodes, {"w": normal(6, 2).astype(numpy.float32), "b": normal(2)}, [2, 3], 2, x)
    record("keras-reshape", model, x, y)
    for kind, dtype in (("half", numpy.float16), ("double", numpy.float64)):
        to = helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))
        nodes = [helper.make_node("Cast", ["x"], ["h"], to=to), helper.make_node("MatMul", ["h", "w"], ["m"]),
                 helper.make_node("Add", ["m", "b"], ["z"]), helper.make_node("Cast", ["z"], ["y"], to=TensorProto.FLOAT)]
        x = random.integers(-4, 5, (SAMPLES, 4)).astype(numpy.float32)
        constants = {"w": random.integers(-4, 5, (4, 3)).astype(dtype), "b": random.integers(-4, 5, 3).astype(dtype)}
        model, y = model_of(nodes, constants, [4], 3, x)
        record(f"cast-{kind}", model, x, y)


def tf2onnx_models():
    """Keras' own export to ONNX, which is tf2onnx's."""
    import keras
    from keras import layers
    keras.utils.set_random_seed(1)
    uniform = keras.initializers.RandomUniform

    def dense(units, activation=None):
        return layers.Dense(units, activation=activation, bias_initializer=uniform(-1, 1))

    def normalization():
        return layers.BatchNormalization(beta_initializer=uniform(-1, 1), gamma_initializer=uniform(-1.5, 2),
                                         moving_mean_initializer=uniform(-1, 1), moving_variance_initializer=uniform(0.5, 2))

    spread = numpy.abs(normal(4)) + 0.5
    models = {
        "dense": ([5], [dense(7, "relu"), dense(4, "softmax")]),
        "normalized": ([4], [layers.Rescaling(1 / spread, offset=normal(4)), layers.Dense(6, use_bias=False), normalization(),
                             layers.Activation("relu"), layers.Dropout(0.5), dense(5), layers.LeakyReLU(negative_slope=0.2),
                             normalization(), dense(3)]),
        "flattened": ([2, 3], [layers.Flatten(), layers.Rescaling(1 / 255), dense(5, "gelu"), dense(4, "elu"),
                               dense(1, "sigmoid"), layers.Reshape((1,))]),
        "activations": ([4], [normalization(), dense(3, "selu"), dense(3, "silu"), dense(3, "mish"), dense(3, "hard_sigmoid"),
                              dense(3, "hard_tanh"), dense(3, "softsign"), dense(2, "softplus")]),
    }
    for name, (shape, modules) in models.items():
        net = keras.Sequential([keras.Input(shape), *modules])
        x = normal(SAMPLES, *shape) * 2
        record(f"tf2onnx-{name}", None, x, net(x, training=False))
        path = folder / f"tf2onnx-{name}.onnx"
        net.export(path, format="onnx", verbose=False)
        assert len(onnx.load(path).graph.input) == 1


def sklearn_models():
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    x = (normal(60, 4) * 2 + 1).astype(numpy.float32)
    score = x[:, 0] + x[:, 1] * x[:, 2]
    targets = {"classes": numpy.digitize(score, [0, 2]), "names": numpy.array(["no", "yes"])[(score > 1).astype(int)]}
    for name, y in targets.items():
        for zipmap in (False, True):
            net = make_pipeline(StandardScaler(), MLPClassifier((5,), activation="tanh", max_iter=40, random_state=1)).fit(x, y)
            model = to_onnx(net, x[:1], target_opset=13, options={"zipmap": zipmap})
            p = net.predict_proba(x[:SAMPLES])
            record(f"sklearn-{name}{'-zipmap' if zipmap else ''}", model, x[:SAMPLES], p[:, 1:] if p.shape[1] == 2 else p)
    net = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(5, 3), max_iter=40, random_state=1)).fit(x, score)
    record("sklearn-regressor", to_onnx(net, x[:1], target_opset=13), x[:SAMPLES], net.predict(x[:SAMPLES]))


def runtime_models():
    """What ONNX Runtime's optimizer makes of the others' files, and operators of its own that it makes of larger models."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    for name in ("torch-elu-script", "torch-leaky-relu-script", "torch-hard-sigmoid-script", "torch-selu-script", "torch-softplus-script",
                 "torch-gelu-script", "torch-silu-script", "torch-normalized-dynamo", "keras-dense", "sklearn-regressor"):
        options.optimized_model_filepath = str(folder / f"optimized-{name}.onnx")
        onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
        (folder / f"optimized-{name}.txt").write_text((folder / f"{name}.txt").read_text())
    node = helper.make_node
    own = {"bias-gelu": [node("MatMul", ["x", "w"], ["m"]), node("BiasGelu", ["m", "b"], ["y"], domain="com.microsoft")],
           "fast-gelu": [node("MatMul", ["x", "w"], ["m"]), node("FastGelu", ["m", "b"], ["y"], domain="com.microsoft")],
           "fused-matmul": [node("FusedMatMul", ["x", "v"], ["y"], domain="com.microsoft", alpha=0.5, transB=1)],
           "fused-gemm": [node("FusedGemm", ["x", "v", "b"], ["y"], domain="com.microsoft", transB=1, activation="Tanh")],
           "biases-of-one": [node("Gemm", ["x", "w", "one"], ["m"]), node("FastGelu", ["m"], ["y"], domain="com.microsoft")]}
    for name, nodes in own.items():
        used = {i for n in nodes for i in n.input}
        constants = {k: v for k, v in {"w": normal(4, 3), "v": normal(3, 4), "b": normal(3), "one": normal(1, 1)}.items() if k in used}
        graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
                                  [numpy_helper.from_array(v, k) for k, v in constants.items()])
        model = helper.make_model(graph, ir_version=8,
                                  opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)])
        x = normal(SAMPLES, 4)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (folder / f"runtime-{name}.onnx").write_bytes(model.SerializeToString())
        record(f"runtime-{name}", None, x, session.run(None, {"x": x})[0])


def refused_models():
    """A perceptron but for one thing each."""
    (folder / "refused").mkdir(exist_ok=True)
    node, w, b = helper.make_node, normal(4, 3), normal(3)
    dense = [node("MatMul", ["x", "w"], ["m"], name="product"), node("Add", ["m", "b"], ["z"], name="bias")]
    integers = lambda *v: numpy.array(v, dtype=numpy.int64)

    def refused(name, nodes, says, constants=None, x=(None, 4), extra_inputs=(), opset=13, change=None):
        graph = helper.make_graph(
            nodes, "graph", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in [("x", x), *extra_inputs]],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(v, k) for k, v in {"w": w, "b": b, **(constants or {})}.items()])
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])
        if change:
            change(model)
        (folder / "refused" / f"{name}.onnx").write_bytes(model.SerializeToString())
        (folder / "refused" / f"{name}.txt").write_text("\n".join(says) + "\n")

    def behind(op, *constants, says=(), **attributes):
        names = [f"c{i}" for i in range(len(constants))]
        refused(f"operator-{op.lower()}{len(constants)}", [*dense, node(op, ["z", *names], ["y"], name="culprit", **attributes)],
                ["culprit", op, *says], dict(zip(names, constants)))

    for op in ("Sin", "LogSoftmax", "ReduceSum", "Shape", "Sign", "Floor", "Hardmax", "NonZero", "Relux"):
        behind(op)
    behind("LayerNormalization", normal(3), normal(3))
    behind("InstanceNormalization", normal(3), normal(3))
    behind("Conv", normal(3, 3, 1))
    behind("Gather", integers(0))
    behind("Slice", integers(0), integers(2), integers(1))
    behind("Tile", integers(1, 2))
    behind("Pad", integers(0, 0, 0, 1))
    behind("Expand", integers(5, 3))
    behind("LSTM", normal(1, 8, 3), normal(1, 8, 2))
    behind("Unsqueeze", integers(1))
    refused("concat", [*dense, node("Concat", ["z", "z"], ["y"], name="culprit", axis=1)], ["culprit", "Concat"])
    behind("Clip", numpy.float32(-2), numpy.float32(5))  # no activation of this library
    behind("Softmax", axis=0, says=["axis"])
    behind("Flatten", axis=0, says=["axis 1"])
    behind("Squeeze", integers(0), says=["axis"])
    behind("Squeeze", says=["one unit"])
    refused("squeeze-samples", [node("Squeeze", ["x", "axes"], ["s"], name="culprit"), node("MatMul", ["s", "w"], ["y"])],
            ["culprit", "Squeeze"], {"axes": integers(1, 0)}, x=(None, 1, 4))
    behind("Reshape", integers(-1, 1), says=["samples × features"])
    behind("Transpose", perm=[0, 1], says=["two dimensions"])
    behind("Cast", to=TensorProto.INT32, says=["FLOAT"])
    behind("Dropout", numpy.float32(0.5), numpy.array(True), says=["training"])
    behind("Add", normal(2), says=["2 numbers"])
    behind("Mul", normal(5, 1), says=["each feature"])
    refused("div", [*dense, node("Div", ["b", "z"], ["y"], name="culprit")], ["culprit", "Div", "first operand"])
    refused("norm-training", [*dense, node("BatchNormalization", ["z", "b", "b", "b", "b"], ["y", "", ""], name="culprit", training_mode=1)],
            ["culprit", "BatchNormalization"], opset=14)
    refused("norm-sizes", [*dense, node("BatchNormalization", ["z", "b", "b", "b", "w"], ["y"], name="culprit")], ["culprit", "as many"])
    refused("domain", [*dense, node("Relu", ["z"], ["y"], name="culprit", domain="my.operators")], ["culprit", "Relu"])
    refused("fused", [node("FusedGemm", ["x", "w", "b"], ["y"], name="culprit", domain="com.microsoft", activation="Sin")],
            ["culprit", "FusedGemm", "activation"])
    refused("weights-not-constant", [node("MatMul", ["x", "v"], ["y"], name="culprit")], ["inputs 'x' and 'v'"], extra_inputs=[("v", (4, 3))])
    refused("weights-computed", [node("Transpose", ["x"], ["v"]), node("MatMul", ["x", "v"], ["y"], name="culprit")], ["several nodes"])
    refused("weights-first", [node("MatMul", ["w", "x"], ["y"], name="culprit")], ["culprit", "MatMul", "first operand"])
    refused("weights-reshaped", [node("Reshape", ["w", "s"], ["v"]), node("MatMul", ["x", "v"], ["y"], name="culprit")],
            ["culprit", "constant weights"], {"w": normal(3, 4), "s": integers(4, 3)})
    refused("weights-of-three-dimensions", [node("MatMul", ["x", "t"], ["y"], name="culprit")], ["culprit", "two dimensions"], {"t": normal(1, 4, 3)})
    refused("weights-do-not-fit", [*dense, node("MatMul", ["z", "w"], ["y"], name="culprit")], ["culprit", "4 inputs", "expected 3"])
    refused("input-does-not-fit", [*dense, node("Relu", ["z"], ["y"])], ["product", "4 inputs", "5 features"], x=(None, 5))
    refused("input-of-positions", [*dense, node("Relu", ["z"], ["y"])], ["product", "8 features"], x=(None, 2, 4))
    refused("gemm-transposed", [node("Gemm", ["x", "w", "b"], ["y"], name="culprit", transA=1)], ["culprit", "transA"])
    refused("bias-does-not-fit", [node("Gemm", ["x", "w", "c"], ["y"], name="culprit")], ["culprit", "one bias for each unit"], {"c": normal(2)})
    refused("bias-of-samples", [node("Gemm", ["x", "w", "c"], ["y"], name="culprit")], ["culprit", "each feature"], {"c": normal(3, 1)})
    refused("branch", [*dense, node("Relu", ["z"], ["a"]), node("Add", ["a", "z"], ["y"], name="culprit")], ["several nodes", "chain"])
    refused("no-layer", [node("Relu", ["x"], ["y"], name="culprit")], ["culprit", "Relu"])
    refused("output-elsewhere", [*dense, node("Relu", ["z"], ["a"])], ["output 'y'"])
    for name, value in (("nan", numpy.nan), ("infinity", numpy.inf)):
        bad = w.copy()
        bad[1, 2] = value
        refused(f"weights-{name}", [*dense, node("Relu", ["z"], ["y"])], ["'w'", "not finite"], {"w": bad})
        refused(f"bias-{name}", [*dense, node("Relu", ["z"], ["y"])], ["not finite"], {"b": numpy.array([0, value, 0], dtype=numpy.float32)})

    def external(**entries):
        def change(model):
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=value)
        return change
    beside = "external-data.txt"  # any file
    for name, entries, says in (("data", {"location": "weights.bin"}, ["weights.bin", "another file", "external data", "open"]),
                                ("nowhere", {}, ["another file", "beside"]), ("elsewhere", {"location": "../gemm-0-1-1.onnx"}, ["beside"]),
                                ("folder", {"location": "."}, ["beside"]), ("root", {"location": "/etc/passwd"}, ["beside"]),
                                ("beyond", {"location": beside, "offset": "4", "length": "48"}, ["48 bytes", "beyond the end"]),
                                ("far", {"location": beside, "offset": "999999999999999999"}, ["as its shape says"]),
                                ("negative", {"location": beside, "offset": "-4"}, ["'offset'", "digits"]),
                                ("short", {"location": beside, "length": "8"}, ["as its shape says"])):
        refused(f"external-{name}", [*dense, node("Relu", ["z"], ["y"])], ["'w'", *says], change=external(**entries))

    def two_files(model):
        for tensor, location in zip(model.graph.initializer, (beside, "branch.txt")):
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=location)
    refused("external-two", [*dense, node("Relu", ["z"], ["y"])], ["external data", "expected one file"], change=two_files)

    def of_type(kind):
        def change(model):
            model.graph.initializer[0].data_type = kind
        return change
    refused("type-text", [*dense, node("Relu", ["z"], ["y"])], ["'w'", "type 8", "expected FLOAT"], change=of_type(TensorProto.STRING))
    refused("type-complex", [*dense, node("Relu", ["z"], ["y"])], ["'w'", "type 14"], change=of_type(TensorProto.COMPLEX64))

    def of_shape(*dims):
        def change(model):
            model.graph.initializer[0].dims[:] = dims
        return change
    for name, dims in (("larger", (4, 4)), ("huge", (1 << 40, 1 << 40)), ("negative", (-4, -3)), ("smaller", (4, 2)), ("empty", (4, 0))):
        refused(f"shape-{name}", [*dense, node("Relu", ["z"], ["y"])], ["'w'", "shape"], change=of_shape(*dims))


if __name__ == "__main__":
    for kind in sys.argv[2:] or ("gemm", "keras", "sklearn", "torch", "external", "shapes", "runtime", "refused", "offset",
                                 "transposed"):
        globals()[f"{kind}_models"]()
