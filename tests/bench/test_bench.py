#!/usr/bin/env python3
"""mlp-bench: its lines of JSON, its usage errors. TAP on standard output.

usage: test_bench.py MLP_BENCH
"""

import json
import subprocess
import sys
import tempfile

SAMPLES = 60000
KEYS = {"workload": str, "threads": int, "optimizer": str, "step_us": float, "gemm_us": float, "ratio": float}


def run(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True)


def near(value, expected):
    return abs(value - expected) < 1e-3 * expected


def step():
    done = run("step", "--workload", "tiny", "--threads", "2", "--optimizer", "adam", "--time", "0.05", "--json")
    row = json.loads(done.stdout)
    return (done.returncode == 0 and all(type(row[key]) is kind for key, kind in KEYS.items()) and
            (row["workload"], row["threads"], row["optimizer"]) == ("tiny", 2, "adam") and
            near(row["ratio"], row["step_us"] / row["gemm_us"]))


def denormals():
    done = run("step", "--workload", "tiny", "--threads", "1", "--denormals", "--time", "0.02", "--json")
    return done.returncode == 0 and json.loads(done.stdout)["step_us"] > 0


def own_layers():
    done = run("step", "--layers", "20,30,5", "--batch", "7", "--threads", "1", "--clip", "none", "--time", "0.05", "--json")
    return done.returncode == 0 and json.loads(done.stdout)["workload"] == "20,30,5"


def tiles():
    done = run("tiles", "--product", "nt", "--shape", "64x48x32", "--time", "0.05", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return (done.returncode == 0 and any((row["rows"], row["columns"]) == (64, 48) for row in rows) and
            [row["plan"] for row in rows].count(True) == 1)


def phases():
    done = run("step", "--layers", "20,30,5", "--batch", "40", "--threads", "2", "--phases", "--time", "0.05", "--json")
    names = {"forward", "loss", "backward", "decide", "update", "call", "norm", "barriers"}
    return done.returncode == 0 and set(json.loads(done.stdout)["phases_us"]) == names


def predict():
    done = run("predict", "--layers", "20,30,5", "--batch", "10", "--threads", "2", "--time", "0.05", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    batches = [row for row in rows if "predict_us" in row]
    return (done.returncode == 0 and [row["batch"] for row in batches] == [1, 8, 64, 10] and
            all(row["workload_batch"] == 10 and row["threads"] == 2 and 0 < row["p50_us"] <= row["p99_us"] and
                0 < row["predict_us"] <= row["predict_median_us"] for row in batches) and
            rows[-1]["callers"] == 2 and rows[-1]["samples_per_second"] > 0)


def train():
    """Eight inputs, of which one is always 0 and one hardly ever not; the data has the promised share of zeros."""
    options = ("train", "--layers", "8,6,3", "--batch", "500", "--data", "made")
    with tempfile.NamedTemporaryFile() as file:
        written = run(*options, "--write-data", file.name)
        samples = file.read()
    features, labels = samples[:-SAMPLES], samples[-SAMPLES:]
    if written.returncode != 0 or written.stdout != "" or len(features) != 8 * SAMPLES or set(labels) != {0, 1, 2}:
        return False
    if any(features[0::8]) or not 0 < sum(map(bool, features[1::8])) < SAMPLES // 1000:
        return False
    done = run(*options, "--optimizer", "adam", "--epochs", "2", "--threads", "1", "--json")
    row = json.loads(done.stdout)
    return (done.returncode == 0 and (row["rule"], row["data"], row["epochs"], row["batch"]) == ("adam", "made", 2, 500) and
            row["epoch_s"] == [row["first_s"], row["last_s"]] and row["accuracy"] > 0.5 and
            abs(row["seconds"] - sum(row["epoch_s"])) < 1e-4 * row["seconds"])


def grid():
    """The worst rows first; one that is over 1.10 names what takes the time; what the limit leaves out is told."""
    options = ("grid", "--layers", "20,30,5", "--threads", "1", "--time", "0.01")
    done, cut = run(*options, "--filter", "batch 1", "--json"), run(*options, "--limit", "1e-9")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    bounds = [row["bound_ratio"] for row in rows]
    return (done.returncode == 0 and {row["batch"] for row in rows} == {1, 10, 100} and bounds == sorted(bounds)[::-1] and
            all(near(row["ratio"], row["step_us"] / row["gemm_us"]) and
                near(row["predict_ratio"], row["predict_us"] / row["forward_us"]) and
                near(row["bound_ratio"], row["step_us"] / max(row["gemm_us"], row["bytes_us"] * (row["batch"] < 32))) and
                (row["bound_ratio"] <= 1.0999 or "of the excess" in row["blame"]) for row in rows) and
            cut.returncode == 0 and "9 rows" in cut.stderr)


def lists():
    return all(name in run("step", "--list").stdout for name in ("tiny", "mnist", "lecun", "deep", "wide"))


def refused(*arguments):
    done = run(*arguments)
    return done.returncode == 2 and done.stderr.strip() != "" and done.stdout == ""


CHECKS = [
    ("step prints its keys", step),
    ("step takes denormal inputs", denormals),
    ("step takes layers", own_layers),
    ("tiles prints its keys", tiles),
    ("step breaks down into phases", phases),
    ("predict prints its keys", predict),
    ("train prints its keys, on data with zeros", train),
    ("grid sorts its rows and names what is to blame", grid),
    ("step lists the workloads", lists),
    ("an unknown command is refused", lambda: refused("stepp")),
    ("an unknown workload is refused", lambda: refused("step", "--workload", "huge")),
    ("nonsense for a number is refused", lambda: refused("step", "--threads", "0")),
    ("nonsense for layers is refused", lambda: refused("step", "--layers", "10,,3")),
    ("a training of one class is refused", lambda: refused("train", "--layers", "8,1")),
    ("a training has no time", lambda: refused("train", "--time", "1")),
    ("an unknown rule is refused", lambda: refused("step", "--optimizer", "adamm")),
]


def main():
    failures = 0
    print(f"1..{len(CHECKS)}")
    for number, (name, check) in enumerate(CHECKS, 1):
        good = check()
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        failures += not good
    return failures


if __name__ == "__main__":
    sys.exit(main())
