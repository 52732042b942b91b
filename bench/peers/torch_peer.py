"""PyTorch's worker: training steps with the fused optimizer (variant "eager": one kernel for each operation of the
update), whole trainings (variant "flush": denormals flushed), inference in inference_mode, normal deviates and an
orthogonal matrix."""

import peer


class Torch:
    def __init__(self, threads, variant):
        import torch
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        torch.set_flush_denormal(variant == "flush")
        self.torch = torch
        self.version = torch.__version__
        self.options = {} if variant == "eager" else {"fused": True}

    def network(self, workload):
        linear = self.torch.nn.Linear
        layers = []
        for inputs, units in zip(workload.sizes, workload.sizes[1:]):
            layers += [linear(inputs, units), self.torch.nn.ReLU()]
        return self.torch.nn.Sequential(*layers[:-1])

    def problem(self, workload):
        """A batch (samples × inputs), its targets, the loss."""
        torch = self.torch
        x = torch.randn(workload.batch, workload.sizes[0])
        classes = workload.sizes[-1]
        if classes == 1:
            return x, torch.ones(workload.batch, 1), torch.nn.MSELoss()
        return x, torch.arange(workload.batch) % classes, torch.nn.CrossEntropyLoss()

    def training(self, workload, figure):
        torch, rate = self.torch, peer.LEARNING_RATE
        network = self.network(workload)
        parameters = list(network.parameters())
        if figure == "sgd":
            optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9, **self.options)
        else:
            optimizer = torch.optim.Adam(parameters, lr=rate, **self.options)
        x, y, loss = self.problem(workload)

        def step():
            optimizer.zero_grad(set_to_none=True)
            loss(network(x), y).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        return peer.repeatedly(step)

    def whole_training(self, workload):
        torch = self.torch
        features, classes = map(torch.from_numpy, peer.samples())
        loss = torch.nn.CrossEntropyLoss()

        def work(epochs):
            network = self.network(workload)
            parameters = list(network.parameters())
            optimizer = torch.optim.Adam(parameters, lr=1e-3, **self.options)
            for _ in range(epochs):
                for batch in torch.randperm(peer.SAMPLES).split(workload.batch):
                    optimizer.zero_grad(set_to_none=True)
                    loss(network(features[batch]), classes[batch]).backward()
                    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                    optimizer.step()
                yield
        for _ in work(1):
            pass  # warms up
        return work

    def inference(self, workload, samples):
        network = self.network(workload).eval()
        x = self.problem(workload)[0][:samples].contiguous()

        def work(calls):
            with self.torch.inference_mode():
                for _ in range(calls):
                    network(x)
        return work

    def prepare(self, workload, figure):
        torch = self.torch
        if figure in ("sgd", "adam"):
            return self.training(workload, figure)
        if figure == "training":
            return self.whole_training(peer.TRAINING)
        if figure in ("one", "batch"):
            return self.inference(workload, 1 if figure == "one" else workload.batch)
        if figure == "normal":
            return peer.repeatedly(torch.empty(peer.DEVIATES).normal_)
        matrix = torch.empty(peer.ORTHOGONAL, peer.ORTHOGONAL)
        return peer.repeatedly(lambda: torch.nn.init.orthogonal_(matrix))


if __name__ == "__main__":
    peer.serve(Torch)
