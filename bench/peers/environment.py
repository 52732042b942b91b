"""The virtual environment that the peers live in, and the cores that everyone is timed on."""

import os
import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
DEFAULT = pathlib.Path("~/.cache/mlp-peers")
MODULES = {"torch": "PyTorch", "jax": "JAX", "optax": "Optax", "onnx": "ONNX", "onnxruntime": "ONNX Runtime",
           "sklearn": "scikit-learn"}


class SetupError(Exception):
    """Says what went wrong, for the user."""


def python_of(environment):
    return environment / "bin" / "python"


def is_set_up(environment):
    return os.access(python_of(environment), os.X_OK)


def run_aloud(*command):
    print("+", shlex.join(map(str, command)), flush=True)
    try:
        done = subprocess.run(command)
    except OSError as error:
        raise SetupError(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise SetupError(f"{command[0]} failed; what it printed above says why")


def check(python):
    """Imports every module and prints its version, or why it does not import. Returns whether all do."""
    good = True
    for module, name in MODULES.items():
        done = subprocess.run([python, "-c", f"import {module}; print({module}.__version__)"],
                              capture_output=True, text=True)
        imports = done.returncode == 0
        said = (done.stdout if imports else done.stderr).strip().splitlines() or ["it says nothing"]
        print(f"{name}: {'' if imports else 'does not import: '}{said[-1]}", flush=True)
        good = good and imports
    return good


def set_up(environment):
    """Makes the environment and installs what requirements.txt names; what is there already stays. Returns whether
    every peer then imports."""
    if environment.is_relative_to(SOURCE):
        raise SetupError(f"--environment {environment}: expected a folder outside the source tree {SOURCE}")
    python = python_of(environment)
    if is_set_up(environment):
        print(f"{environment} is there: installing what it lacks", flush=True)
    else:
        run_aloud(sys.executable, "-m", "venv", environment)
    run_aloud(python, "-m", "pip", "install", "--disable-pip-version-check", "-r", HERE / "requirements.txt")
    return check(python)


def siblings(cpu):
    """The processors that share a core with this one, itself included."""
    path = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list")
    found = set()
    try:
        for part in path.read_text().strip().split(","):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except (OSError, ValueError):
        pass  # a kernel that does not tell: every processor counts as a core
    return found or {cpu}


def choose_processors(count, allowed, siblings=siblings):
    """`count` of the allowed processors: first one of each core, then their siblings. None where there are fewer."""
    first, second, taken = [], [], set()
    for cpu in sorted(allowed):
        (second if cpu in taken else first).append(cpu)
        taken |= siblings(cpu)
    chosen = (first + second)[:count]
    return chosen if len(chosen) == count else None


def variables(threads):
    """The environment variables that keep every library to so many threads, on the processor alone."""
    count = str(threads)
    chosen = {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "NPROC": count,
              "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    if threads == 1:
        chosen["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return {**os.environ, **chosen}
