"""JAX's worker: jitted training steps with donated buffers, whole trainings of one such step a call (variant "scan": of
one call an epoch), and jitted inference."""

import peer


class Jax:
    def __init__(self, variant):
        import jax
        import optax
        self.scan = variant == "scan"
        self.jax, self.optax = jax, optax
        self.version = jax.__version__

    def problem(self, workload):
        """Parameters [(weights in × out, bias)], a batch (samples × inputs) and its targets."""
        jax, numbers = self.jax, self.jax.numpy
        key = jax.random.PRNGKey(0)
        pairs = zip(workload.sizes, workload.sizes[1:])
        parameters = [(jax.random.normal(key, shape) * (2 / shape[0]) ** 0.5, numbers.zeros(shape[1]))
                      for shape in pairs]
        x = jax.random.normal(key, (workload.batch, workload.sizes[0]))
        classes = workload.sizes[-1]
        y = numbers.arange(workload.batch) % classes if classes > 1 else numbers.ones((workload.batch, 1))
        return parameters, x, y

    def forward(self, parameters, x):
        for weights, bias in parameters[:-1]:
            x = self.jax.nn.relu(x @ weights + bias)
        weights, bias = parameters[-1]
        return x @ weights + bias

    def loss(self, parameters, x, y):
        z = self.forward(parameters, x)
        if z.shape[1] == 1:
            return ((z - y) ** 2).mean()
        return self.optax.softmax_cross_entropy_with_integer_labels(z, y).mean()

    def step_of(self, rule):
        """(the rule with clipping, a step)"""
        update_rule = self.optax.chain(self.optax.clip_by_global_norm(1.0), rule)

        def step(parameters, state, x, y):
            gradient = self.jax.grad(self.loss)(parameters, x, y)
            updates, state = update_rule.update(gradient, state, parameters)
            return self.optax.apply_updates(parameters, updates), state
        return update_rule, step

    def training(self, workload, rule):
        """The steps of a run of calls follow one another without a wait; the last one's end is awaited."""
        jax = self.jax
        update_rule, step = self.step_of(rule)
        compiled = jax.jit(step, donate_argnums=(0, 1))
        parameters, x, y = self.problem(workload)
        held = [parameters, update_rule.init(parameters)]

        def work(calls):
            for _ in range(calls):
                held[:] = compiled(*held, x, y)
            jax.block_until_ready(held)
        return work

    def whole_training(self, workload, rule):
        """Batches are gathered within the compiled functions; the last batch of an epoch is the shorter one."""
        jax, numbers, batch = self.jax, self.jax.numpy, workload.batch
        features, classes = map(numbers.asarray, peer.samples())
        update_rule, step = self.step_of(rule)
        whole = peer.SAMPLES // batch * batch

        def step_of_order(held, order, features, classes):
            return step(*held, features[order], classes[order])

        def epoch_of_order(held, order, features, classes):
            steps = order[:whole].reshape(-1, batch)
            held, _ = jax.lax.scan(lambda held, o: (step_of_order(held, o, features, classes), None), held, steps)
            return step_of_order(held, order[whole:], features, classes) if whole < peer.SAMPLES else held

        stepped = jax.jit(step_of_order, donate_argnums=0)
        scanned = jax.jit(epoch_of_order, donate_argnums=0)
        shuffled = jax.jit(lambda key: jax.random.permutation(key, peer.SAMPLES))

        def work(epochs):
            parameters = self.problem(workload)[0]
            held = parameters, update_rule.init(parameters)
            for epoch in range(epochs):
                order = shuffled(jax.random.PRNGKey(epoch))
                if self.scan:
                    held = scanned(held, order, features, classes)
                else:
                    for first in range(0, peer.SAMPLES, batch):
                        held = stepped(held, order[first:first + batch], features, classes)
                jax.block_until_ready(held)
                yield
        for _ in work(1):
            pass  # compiles
        return work

    def inference(self, workload, samples):
        parameters, x, _ = self.problem(workload)
        x = x[:samples]
        compiled = self.jax.jit(self.forward)
        return peer.repeatedly(lambda: compiled(parameters, x).block_until_ready())

    def prepare(self, workload, figure):
        rate = peer.LEARNING_RATE
        return {
            "sgd": lambda: self.training(workload, self.optax.sgd(rate, momentum=0.9)),
            "adam": lambda: self.training(workload, self.optax.adam(rate)),
            "training": lambda: self.whole_training(peer.TRAINING, self.optax.adam(1e-3)),
            "one": lambda: self.inference(workload, 1),
            "batch": lambda: self.inference(workload, workload.batch),
        }[figure]()


if __name__ == "__main__":
    peer.serve(lambda threads, variant: Jax(variant))
