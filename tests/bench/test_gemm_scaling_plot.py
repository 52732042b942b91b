#!/usr/bin/env python3
"""mlp-bench gemm, scaling and plot: their lines of JSON, the second run with the right BLAS kernels, the pictures, usage
errors. TAP on standard output.

usage: test_gemm_scaling_plot.py MLP_BENCH
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

GEMM = {"product": str, "m": int, "n": int, "k": int, "threads": int, "library_gflops": float, "blas_gflops": float,
        "ratio": float, "peak_share": float, "bytes": int, "blas_core": str, "spread": float}
SCALING = {"what": str, "sweep": str, "workload": str, "threads": int, "batch": int, "us": float, "speedup": float,
           "efficiency": float, "spread": float}
SHORT = ("--time", "0.01", "--json")
PICTURE = ("plot", "--filter", "step", "--workload", "tiny", "--time", "0.01")


def run(*arguments, **changes):
    """`changes` are of the environment; None removes a variable."""
    environment = {**os.environ, **{name: value for name, value in changes.items() if value is not None}}
    for name in (name for name, value in changes.items() if value is None):
        environment.pop(name, None)
    # bytes in names and figures alike must come through in any locale
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, encoding="utf-8", env=environment)


def rows_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def typed(rows, keys):
    return rows != [] and all(list(row) == list(keys) and all(type(row[key]) is kind for key, kind in keys.items())
                              for row in rows)


def near(a, b):
    return abs(a - b) <= 1e-4 * abs(b)  # six digits are printed


# ---- gemm ----

def gemm_keys():
    rows = rows_of(run("gemm", "--layers", "20,30,5", "--batch", "7", *SHORT, OPENBLAS_CORETYPE="Haswell"))
    shapes = [(row["product"], row["m"], row["n"], row["k"]) for row in rows]
    return (typed(rows, GEMM) and
            shapes == [("nn", 30, 7, 20), ("nt", 30, 20, 7), ("nn", 5, 7, 30), ("tn", 30, 7, 5), ("nt", 5, 30, 7)] and
            all(near(row["ratio"], row["library_gflops"] / row["blas_gflops"]) for row in rows) and
            all(row["bytes"] == 4 * (row["m"] * row["k"] + row["k"] * row["n"] + row["m"] * row["n"]) for row in rows) and
            all(row["threads"] == 1 and row["peak_share"] > 0 for row in rows))


def gemm_shapes():
    rows = []
    for product in ("nn", "tn", "nt"):
        for shape in ("48x40x33", "1x1x1", "70x1x600"):
            rows += rows_of(run("gemm", "--product", product, "--shape", shape, "--threads", "2", *SHORT,
                                OPENBLAS_CORETYPE="Haswell"))
    return len(rows) == 9 and typed(rows, GEMM) and all(row["threads"] == 2 for row in rows)


def gemm_filters():
    rows = rows_of(run("gemm", "--workload", "tiny", "--filter", "nt 16x", *SHORT, OPENBLAS_CORETYPE="Haswell"))
    return {(row["product"], row["m"]) for row in rows} == {("nt", 16)}


def wrong_core():
    """Where this processor has better kernels than Prescott's, a warning names them; a core that the user has chosen stays."""
    done = run("gemm", "--shape", "8x8x8", *SHORT, OPENBLAS_CORETYPE="Prescott")
    rows = rows_of(done)
    warned = "OPENBLAS_CORETYPE=" in done.stderr
    return done.returncode == 0 and len(rows) == 1 and (warned or rows[0]["blas_core"] != "Prescott")


def right_core():
    """Left to itself the library takes the kernels of the processor, by whatever way OpenBLAS had chosen."""
    done = run("gemm", "--shape", "8x8x8", *SHORT, OPENBLAS_CORETYPE=None, MLP_BLAS_CORE=None)
    return done.returncode == 0 and len(rows_of(done)) == 1 and "OPENBLAS_CORETYPE=" not in done.stderr


def gemm_lists():
    names = run("gemm", "--list").stdout.splitlines()
    return "nn 128x64x256" in names and "nn 4096x4096x4096 square" in names and len(set(names)) == len(names)


# ---- scaling ----

def scaling_keys():
    done = run("scaling", "--layers", "8,16,4", "--batch", "32", "--threads", "3", *SHORT)
    rows = rows_of(done)
    threads = [(row["what"], row["threads"], row["batch"]) for row in rows if row["sweep"] == "threads"]
    batches = sorted({row["batch"] for row in rows if row["sweep"] == "batch"})
    return (done.returncode == 0 and typed(rows, SCALING) and
            threads == [(what, count, 32) for what in ("step", "predict") for count in (1, 2, 3)] and
            batches == [8, 16, 32, 64, 128, 256, 512, 1024] and
            {row["threads"] for row in rows if row["sweep"] == "batch"} == {1, 3} and
            all(row["workload"] == "8,16,4" for row in rows) and
            all(near(row["efficiency"], row["speedup"] / row["threads"]) for row in rows) and
            all(row["speedup"] == 1.0 for row in rows if row["threads"] == 1))


def scaling_widths():
    rows = rows_of(run("scaling", "--filter", "width 64,", "--threads", "1", *SHORT))
    return typed(rows, SCALING) and [(row["what"], row["workload"]) for row in rows] == [
        ("step", "64,64,64,64"), ("predict", "64,64,64,64")]


def scaling_lists():
    names = run("scaling", "--list").stdout.splitlines()
    return all(any(f"{what} {sweep} " in name for name in names)
               for what in ("step", "predict") for sweep in ("threads", "batch", "width"))


# ---- plot ----

def picture(folder, name, beginning):
    path = pathlib.Path(folder) / name
    done = run(*PICTURE, "--output", str(path), COLUMNS="100")
    lines = done.stdout.splitlines()
    return (done.returncode == 0 and path.read_bytes().startswith(beginning) and "tiny" in done.stdout and
            "OpenBLAS core" in done.stdout and 80 < max(map(len, lines)) <= 100)


def png(folder):
    return picture(folder, "curves.png", b"\x89PNG")


def svg(folder):
    return picture(folder, "curves.svg", b"<?xml")


def hostile_names(folder):
    """Names that a shell or gnuplot would take for something else. gnuplot runs in the folder: a hole would leave a file."""
    names = ["it's.svg", '"1`touch hole`7.svg', "|touch hole;.svg", "$(touch hole).svg", "a\nsystem('touch hole')\n.svg", "~.svg"]
    for name in names:
        done = subprocess.run([os.path.abspath(sys.argv[1]), *PICTURE, "--output", name], cwd=folder, capture_output=True)
        if done.returncode != 0 or not (pathlib.Path(folder) / name).read_bytes().startswith(b"<?xml"):
            return False
    return not (pathlib.Path(folder) / "hole").exists()


def several_threads(folder):
    path = pathlib.Path(folder) / "scaling.svg"
    done = run("plot", "--filter", "scaling", "--layers", "8,16,4", "--threads", "3", "--time", "0.01", "--output", str(path))
    return done.returncode == 0 and "1 to 3 threads" in path.read_text() and "8,16,4" in path.read_text()


def unwritable(folder):
    done = run(*PICTURE, "--output", f"{folder}/none/curves.png")
    (pathlib.Path(folder) / "folder.png").mkdir()
    occupied = run(*PICTURE, "--output", f"{folder}/folder.png")
    return all(d.returncode == 1 and "cannot write" in d.stderr and d.stdout == "" for d in (done, occupied))


def without_gnuplot(folder):
    path = pathlib.Path(folder) / "never.png"
    done = run(*PICTURE, "--output", str(path), PATH="/nonexistent")
    return done.returncode == 1 and "gnuplot-nox" in done.stderr and not path.exists()


def plot_rows(folder):
    """--json without --output needs no gnuplot."""
    done = run(*PICTURE, "--json", PATH="/nonexistent")
    rows = rows_of(done)
    return done.returncode == 0 and [(row["plot"], row["workload"]) for row in rows] == [("step", "tiny")]


def plot_lists():
    return [line.split()[0] for line in run("plot", "--list").stdout.splitlines()] == ["gemm", "step", "scaling"]


def in_folder(check):
    def wrapped():
        with tempfile.TemporaryDirectory() as folder:
            return check(folder)
    return wrapped


# ---- all ----

def refused(*arguments):
    done = run(*arguments)
    return done.returncode == 2 and done.stderr.strip() != "" and done.stdout == ""


def helps():
    return all(all(key in run(command, "--help").stdout for key in keys)
               for command, keys in (("gemm", GEMM), ("scaling", SCALING), ("plot", ("--output", "plot"))))


# (name, check, whether it needs gnuplot)
CHECKS = [
    ("gemm prints its keys, layer by layer", gemm_keys, False),
    ("gemm takes shapes of every product", gemm_shapes, False),
    ("gemm filters", gemm_filters, False),
    ("gemm warns of a chosen core and keeps to it", wrong_core, False),
    ("gemm takes the processor's kernels by itself", right_core, False),
    ("gemm lists its rows", gemm_lists, False),
    ("scaling prints its keys, over threads and batch", scaling_keys, False),
    ("scaling goes over widths", scaling_widths, False),
    ("scaling lists its rows", scaling_lists, False),
    ("plot draws a PNG and the terminal's width", in_folder(png), True),
    ("plot draws an SVG", in_folder(svg), True),
    ("plot takes any file name", in_folder(hostile_names), True),
    ("plot draws the speed-up", in_folder(several_threads), True),
    ("plot refuses what cannot be written", in_folder(unwritable), True),
    ("plot says where gnuplot comes from", in_folder(without_gnuplot), False),
    ("plot prints its rows", in_folder(plot_rows), False),
    ("plot lists its drawings", plot_lists, False),
    ("help names every key", helps, False),
    ("gemm refuses a shape of two sizes", lambda: refused("gemm", "--shape", "3x3"), False),
    ("gemm refuses a shape and a network", lambda: refused("gemm", "--shape", "3x3x3", "--workload", "tiny"), False),
    ("gemm refuses a batch of no network", lambda: refused("gemm", "--batch", "3"), False),
    ("gemm refuses a filter that admits nothing", lambda: refused("gemm", "--filter", "nonsense"), False),
    ("scaling refuses a filter that admits nothing", lambda: refused("scaling", "--filter", "nonsense"), False),
    ("plot refuses a filter that admits nothing", lambda: refused("plot", "--filter", "nonsense"), False),
    ("plot refuses another ending", lambda: refused("plot", "--output", "curves.pdf"), False),
    ("plot refuses no ending", lambda: refused("plot", "--output", "png"), False),
]


def main():
    failures = 0
    gnuplot = shutil.which("gnuplot") is not None
    print(f"1..{len(CHECKS)}")
    for number, (name, check, needs_gnuplot) in enumerate(CHECKS, 1):
        if needs_gnuplot and not gnuplot:
            print(f"ok {number} - {name} # SKIP gnuplot is not installed (Debian package gnuplot-nox)")
            continue
        try:
            good = check()
        except Exception as error:
            good = False
            print(f"# {type(error).__name__}: {error}")
        print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
        failures += not good
    return failures


if __name__ == "__main__":
    sys.exit(main())
