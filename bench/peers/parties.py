"""Those who are timed: mlp-bench, in short processes, and the peers' workers, which live as long as the comparison."""

import collections
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import environment
import peer

# Microseconds. `spread`: interquartile range ÷ median of the repeats within this timing; `first`, `last`: epochs of a
# whole training.
Timing = collections.namedtuple("Timing", "minimum median spread first last", defaults=[0.0, None, None])

# What `compare` knows of a peer before it runs.
Peer = collections.namedtuple("Peer", "name program variant figures workloads max_threads", defaults=[1024])

ALL = tuple(peer.WORKLOADS)
NETWORK, DRAWN = ("sgd", "adam", "one", "batch"), ("normal", "orthogonal")
TRAINING = ("training",)
FANN = ("sgd", "one", "batch"), ("tiny", "mnist", "lecun"), 1

PEERS = {
    "jax": Peer("JAX", "jax_peer.py", "", NETWORK + TRAINING, ALL),
    "jax-scan": Peer("JAX, scan", "jax_peer.py", "scan", TRAINING, ALL),
    "torch": Peer("PyTorch", "torch_peer.py", "fused", NETWORK + DRAWN + TRAINING, ALL),
    "torch-flush": Peer("PyTorch, flush", "torch_peer.py", "flush", TRAINING, ALL),
    "torch-eager": Peer("PyTorch, eager", "torch_peer.py", "eager", NETWORK, ALL),
    "onnxruntime": Peer("ONNX Runtime", "onnxruntime_peer.py", "", ("one", "batch"), ALL),
    "fann": Peer("FANN", "fann_peer.c", "batch", *FANN),
    "fann-incremental": Peer("FANN, incremental", "fann_peer.c", "incremental", *FANN),
}


class NotMeasured(Exception):
    """Says why, for the user."""


# ---- ours ----

def step_timings(rows):
    row = rows[0]
    return Timing(row["step_us"], row.get("step_median_us", row["step_us"]), row.get("spread", 0.0))


def predict_timing(rows, wanted):
    """The row for a batch of 1 (`wanted` None) or of the workload's."""
    for row in rows:
        if "predict_us" in row and row["batch"] == (wanted or row["workload_batch"]):
            return Timing(row["predict_us"], row.get("predict_median_us", row["predict_us"]), row.get("spread", 0.0))
    raise NotMeasured("mlp-bench predict: no row for this batch")


def deviates_timing(rows):
    for row in rows:
        if row.get("what") == "deviates" and row.get("name") == "normal":
            microseconds = 1e6 * peer.DEVIATES / row["per_second"]
            return Timing(microseconds, microseconds, row.get("spread", 0.0))
    raise NotMeasured("mlp-bench init: no row for normal deviates")


def orthogonal_timing(rows):
    for row in rows:
        if row.get("what") == "orthogonal":
            return Timing(1e3 * row["ms"], 1e3 * row["ms"], row.get("spread", 0.0))
    raise NotMeasured("mlp-bench init: no row for an orthogonal matrix")


def training_timing(rows):
    row = rows[0]
    return Timing(1e6 * row["seconds"], 1e6 * row["seconds"], 0.0, 1e6 * row["first_s"], 1e6 * row["last_s"])


# A run of mlp-bench: its arguments, its seconds for each of a peer's (None: it ends by itself), and the figures in its
# rows.
Run = collections.namedtuple("Run", "arguments share figures")
RUNS = {
    # half of the time that `step` takes goes to the bare products
    "sgd": Run(["step", "--optimizer", "momentum"], 2.0, {"sgd": step_timings}),
    "adam": Run(["step", "--optimizer", "adam"], 2.0, {"adam": step_timings}),
    "predict": Run(["predict"], 1.0, {"one": lambda rows: predict_timing(rows, 1),
                                      "batch": lambda rows: predict_timing(rows, None)}),
    "training": Run(["train", "--optimizer", "adam"], None, {"training": training_timing}),
    "normal": Run(["init", "--filter", "normal"], 1.0, {"normal": deviates_timing}),
    "orthogonal": Run(["init", "--filter", "orthogonal"], 1.0, {"orthogonal": orthogonal_timing}),
}


def find_mlp_bench(given):
    """--mlp-bench, else the one built in the source tree, else the one on PATH; None where there is none."""
    built = environment.SOURCE / "build" / "bench" / "mlp-bench"
    if given is not None or built.is_file():
        return shutil.which(str(pathlib.Path(given or built).absolute()))
    return shutil.which("mlp-bench")


class Ours:
    def __init__(self, path, threads, seconds, epochs):
        self.path, self.threads, self.seconds, self.epochs = path, threads, seconds, epochs

    def write_samples(self, path):
        """The data that everyone trains on. Without them the workers say what is missing."""
        try:
            self.execute("train", "--write-data", str(path))
        except NotMeasured:
            pass  # a training is not measured either, with the same reason

    def execute(self, *arguments):
        done = subprocess.run([self.path, *arguments, "--threads", str(self.threads)], capture_output=True, text=True)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise NotMeasured(f"mlp-bench {arguments[0]}: {said[-1]}")
        return done.stdout

    def blas_core(self):
        printed = self.execute("step", "--workload", "tiny", "--time", "0.01")
        found = re.search(r"OpenBLAS core (\w+)", printed)
        return found.group(1) if found else "unknown"

    def time(self, run, workload):
        """{figure: Timing} of one run; `workload` is None where the figures have none."""
        chosen = ["--workload", workload] if workload else []
        extent = ["--epochs", str(self.epochs)] if run.share is None else ["--time", f"{run.share * self.seconds:g}"]
        printed = self.execute(*run.arguments, *chosen, "--json", *extent)
        try:
            rows = [json.loads(line) for line in printed.splitlines()]
            return {figure: extract(rows) for figure, extract in run.figures.items()}
        except (ValueError, LookupError, TypeError) as error:
            raise NotMeasured(f"mlp-bench {run.arguments[0]}: unexpected output: {error!r}") from error


# ---- peers ----

def compile_fann(source, folder):
    """Builds FANN's worker. Returns its path."""
    program = pathlib.Path(folder) / "fann_peer"
    try:
        told = subprocess.run(["pkg-config", "--modversion", "fann"], capture_output=True, text=True)
        version = f'-DFANN_VERSION="{told.stdout.strip() or "unknown"}"'
        done = subprocess.run(["cc", "-std=c11", "-O2", version, "-o", program, source, "-lfloatfann", "-lm"],
                              capture_output=True, text=True)
    except OSError as error:
        raise NotMeasured(f"building its worker: {error}") from error
    if done.returncode != 0:
        reason = "libfann-dev is not installed" if "floatfann.h" in done.stderr else done.stderr.strip()
        raise NotMeasured(f"{source.name} does not compile: {reason}")
    return program


class Worker:
    """A peer's process, started at once; waits on its standard input between requests."""

    def __init__(self, peer, command, threads, seconds, epochs):
        self.peer, self.seconds, self.epochs = peer, seconds, epochs
        self.said = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen([*map(str, command), str(threads), peer.variant], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said,
                                            env=environment.variables(threads))
        except OSError as error:
            raise NotMeasured(str(error)) from error
        try:
            hello = self.reply()
            if "missing" in hello:
                raise NotMeasured(f"does not import: {hello['missing']}")
        except NotMeasured:
            self.close()
            raise
        self.version = hello["version"]

    def last_words(self):
        self.said.seek(0)
        lines = self.said.read().strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def reply(self):
        line = self.process.stdout.readline()
        try:
            values = json.loads(line)
        except ValueError:
            raise NotMeasured("its worker has ended" + self.last_words()) from None
        if "error" in values:
            raise NotMeasured(values["error"])
        return values

    def offers(self, figure, workload):
        known = workload is None or workload in self.peer.workloads
        return known and figure in self.peer.figures

    def time(self, figure, workload):
        extent = self.epochs if figure in TRAINING else f"{self.seconds:g}"
        try:
            print(workload or "none", figure, extent, file=self.process.stdin, flush=True)
        except OSError:
            raise NotMeasured("its worker has ended" + self.last_words()) from None
        values = self.reply()
        return Timing(values["minimum_us"], values["median_us"], values["spread"], values.get("first_us"),
                      values.get("last_us"))

    def close(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.said):
            try:
                stream.close()
            except OSError:
                pass  # a request that the process will not read


def start(name, place, folder, threads, seconds, epochs):
    """Starts the worker of the peer of this name: `place` is the virtual environment, `folder` holds what is built."""
    chosen = PEERS[name]
    source = environment.HERE / chosen.program
    if threads > chosen.max_threads:
        raise NotMeasured(f"runs on {chosen.max_threads} thread only")
    if source.suffix == ".c":
        return Worker(chosen, [compile_fann(source, folder)], threads, seconds, epochs)
    if not environment.is_set_up(place):
        raise NotMeasured(f"no environment in {place}; bench/peers/compare --setup makes it")
    # -B: no compiled modules in the source tree
    return Worker(chosen, [environment.python_of(place), "-B", source], threads, seconds, epochs)
