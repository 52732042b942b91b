"""ONNX Runtime's worker: inference with inputs and outputs bound to fixed buffers."""

import peer


class OnnxRuntime:
    def __init__(self, threads):
        import numpy
        import onnx
        import onnxruntime
        self.numpy, self.onnx, self.runtime = numpy, onnx, onnxruntime
        self.version = onnxruntime.__version__
        self.threads = threads

    def model(self, workload, samples):
        """Gemm (weights out × in) and Relu in turn, from "x" to "z"; the sizes are fixed."""
        helper, from_array = self.onnx.helper, self.onnx.numpy_helper.from_array
        random = self.numpy.random.default_rng(0)
        pairs = list(zip(workload.sizes, workload.sizes[1:]))
        nodes, constants, last = [], [], len(pairs) - 1
        for i, (inputs, units) in enumerate(pairs):
            weights = random.standard_normal((units, inputs), dtype="float32") * (2 / inputs) ** 0.5
            constants += [from_array(weights.astype("float32"), f"w{i}"),
                          from_array(self.numpy.zeros(units, "float32"), f"b{i}")]
            output = f"z{i}" if i < last else "z"
            nodes.append(helper.make_node("Gemm", [f"a{i - 1}" if i else "x", f"w{i}", f"b{i}"], [output], transB=1))
            if i < last:
                nodes.append(helper.make_node("Relu", [output], [f"a{i}"]))
        single = self.onnx.TensorProto.FLOAT
        graph = helper.make_graph(nodes, "mlp",
                                  [helper.make_tensor_value_info("x", single, [samples, workload.sizes[0]])],
                                  [helper.make_tensor_value_info("z", single, [samples, workload.sizes[-1]])], constants)
        # the oldest versions that have all this: read by every release of the runtime
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    def prepare(self, workload, figure):
        samples = 1 if figure == "one" else workload.batch
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        session = self.runtime.InferenceSession(self.model(workload, samples).SerializeToString(), options,
                                                providers=["CPUExecutionProvider"])
        x = self.numpy.random.default_rng(0).standard_normal((samples, workload.sizes[0]), dtype="float32")
        z = self.numpy.empty((samples, workload.sizes[-1]), "float32")
        binding = session.io_binding()
        binding.bind_cpu_input("x", x)
        binding.bind_output("z", "cpu", 0, "float32", z.shape, z.ctypes.data)

        def work(calls):  # x and z stay alive with this function
            for _ in range(calls):
                session.run_with_iobinding(binding)
            return x, z
        return work


if __name__ == "__main__":
    peer.serve(lambda threads, variant: OnnxRuntime(threads))
