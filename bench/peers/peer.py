"""What the workers of all peers share: the workloads, the clock, the conversation with `compare`.

A worker is started with the number of threads, and perhaps a variant, as arguments. It says
{"version": …} or {"missing": why}; then it answers each line "WORKLOAD FIGURE SECONDS" with
{"minimum_us": …, "median_us": …, "spread": …} or {"error": why}. Of the figure "training" the third word is the
number of epochs, and the answer has the time of them all, with "first_us" and "last_us".
"""

import collections
import gc
import json
import os
import statistics
import sys
import time

MIN_REPEATS = 15           # as in mlp-bench
REPEATS_IN_TIME = 40       # a repeat takes this share of the time, or one call where that is longer
LEARNING_RATE = 1e-5       # small: the figures must not drift with the weights
DEVIATES = 1_000_000       # of one call of the figure "normal"
ORTHOGONAL = 1024          # rows and columns of the figure "orthogonal"
SAMPLES = 60000            # of the figure "training"

Workload = collections.namedtuple("Workload", "sizes batch")  # inputs, then units of each layer; samples

# The five of mlp-bench: hidden ReLU; softmax cross-entropy, or squared error on a single output.
WORKLOADS = {
    "tiny": Workload([8, 16, 16, 1], 32),
    "mnist": Workload([784, 128, 64, 10], 64),
    "lecun": Workload([784, 300, 100, 10], 128),
    "deep": Workload([256] * 21, 128),
    "wide": Workload([1024, 2048, 2048, 1000], 512),
}
# That of the figure "training": tools/quickstart's.
TRAINING = Workload([784, 256, 128, 10], 128)


def repeatedly(call):
    """The work of a figure is a function of the number of calls, so that a peer may wait once for all of them."""
    def work(calls):
        for _ in range(calls):
            call()
    return work


def seconds_of_a_call(work, calls):
    start = time.perf_counter()
    work(calls)
    return (time.perf_counter() - start) / calls


def calibrate(work, seconds):
    """Calls that take at least `seconds`. Warms everything up, too."""
    calls = 1
    while True:
        taken = calls * seconds_of_a_call(work, calls)
        if taken >= seconds:
            return calls
        calls = max(calls + 1, min(8 * calls, int(1.1 * calls * seconds / taken)))


def summarize(repeats):
    quartile1, median, quartile3 = statistics.quantiles(repeats, n=4, method="inclusive")
    return {"minimum_us": 1e6 * min(repeats), "median_us": 1e6 * median, "spread": (quartile3 - quartile1) / median}


def measure(work, seconds):
    calls = calibrate(work, seconds / REPEATS_IN_TIME)
    end = time.perf_counter() + seconds
    repeats = []
    while len(repeats) < MIN_REPEATS or time.perf_counter() < end:
        repeats.append(seconds_of_a_call(work, calls))
    return summarize(repeats)


def samples():
    """Features (samples × inputs, float32 from 0 to 1) and classes: what `mlp-bench train --write-data` has written."""
    import numpy
    held = numpy.fromfile(os.environ["MLP_BENCH_SAMPLES"], dtype=numpy.uint8)
    features = held[:-SAMPLES].reshape(SAMPLES, TRAINING.sizes[0])
    return features.astype(numpy.float32) / numpy.float32(255), held[-SAMPLES:].astype(numpy.int64)


def train(work, epochs):
    """`work(epochs)` trains anew, and yields at the end of each epoch."""
    seconds, start = [], time.perf_counter()
    for _ in work(epochs):
        end = time.perf_counter()
        seconds.append(end - start)
        start = end
    total = 1e6 * sum(seconds)
    return {"minimum_us": total, "median_us": total, "spread": 0.0, "first_us": 1e6 * seconds[0],
            "last_us": 1e6 * seconds[-1]}


class Works:
    """The works of one workload, made when first asked for; those of the workload before are dropped."""

    def __init__(self, peer):
        self.peer, self.workload, self.made = peer, None, {}

    def find(self, workload, figure):
        if workload != self.workload:
            self.workload, self.made = workload, {}
            gc.collect()
        if figure not in self.made:
            self.made[figure] = self.peer.prepare(WORKLOADS.get(workload), figure)
        return self.made[figure]


def serve(load):
    """Runs the worker. `load(threads, variant)` imports the peer and returns it: an object with `version` and
    `prepare(workload, figure)`, which returns a work."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not mix with the replies

    def reply(values):
        print(json.dumps(values), file=replies, flush=True)

    try:
        peer = load(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
    except ImportError as error:
        reply({"missing": str(error)})
        return
    reply({"version": peer.version})
    works = Works(peer)
    gc.disable()
    for line in sys.stdin:
        workload, figure, seconds = line.split()
        try:
            work = works.find(workload, figure)
            reply(train(work, int(seconds)) if figure == "training" else measure(work, float(seconds)))
        except Exception as error:  # whatever the library raises: the other figures may still work
            reply({"error": f"{type(error).__name__}: {error}"})
