#!/usr/bin/env python3
"""mlp-bench init, optimizer, monitor, regularize, prefetch and data: their lines of JSON, their rows, what they leave behind. TAP on standard output.

usage: test_init_optimizer_data.py MLP_BENCH
"""

import json
import os
import subprocess
import sys
import tempfile


def run(*arguments, **variables):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, env={**os.environ, **variables})


def rows_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []


def positive(row, *keys):
    return all(type(row[key]) is float and row[key] > 0 for key in keys)


def deviates():
    rows = rows_of(run("init", "--filter", "deviates", "--time", "0.01", "--json"))
    return ([row["name"] for row in rows] == ["uniform", "normal", "truncated"] and
            all(row["what"] == "deviates" and positive(row, "per_second") for row in rows))


def matrices():
    listed = [line.split()[1] for line in run("init", "--list").stdout.splitlines() if line.startswith("matrix")]
    rows = rows_of(run("init", "--filter", "matrix he", "--time", "0.01", "--json"))
    return ({"zeros", "xavier-uniform", "orthogonal", "identity"} <= set(listed) and "custom" not in listed and
            [row["name"] for row in rows] == [name for name in listed if name.startswith("he")] and
            all(row["what"] == "matrix" and positive(row, "ms") for row in rows))


def orthogonal():
    rows = [row for row in rows_of(run("init", "--filter", "orthogonal", "--time", "0.01", "--json"))
            if row["what"] == "orthogonal"]
    return (len(rows) == 1 and positive(rows[0], "ms", "lapack_ms", "ratio") and
            abs(rows[0]["ratio"] - rows[0]["ms"] / rows[0]["lapack_ms"]) < 1e-3 * rows[0]["ratio"])


def optimizer():
    rules = run("optimizer", "--list").stdout.split()
    adams = [rule for rule in rules if "adam" in rule]
    rows = rows_of(run("optimizer", "--filter", "adam", "--threads", "2", "--time", "0.01", "--json"))
    passes, steps = rows[:2 * len(adams)], rows[2 * len(adams):]
    return ([row["rule"] for row in passes] == 2 * adams and
            passes[0]["parameters"] > 1000 * passes[-1]["parameters"] > 0 and
            all(row["threads"] == 2 and positive(row, "parameters_per_second", "share") and
                abs(row["share"] - row["bytes_per_second"] / row["triad_bytes_per_second"]) < 1e-3 * row["share"] and
                abs(row["bytes_per_second"] / row["parameters_per_second"] - 28) < 1e-2 for row in passes) and
            [row["rule"] for row in steps] == adams and
            all(row["workload"] == "mnist" and positive(row, "step_us", "gemm_us") and
                abs(row["ratio"] - row["step_us"] / row["gemm_us"]) < 1e-3 * row["ratio"] for row in steps))


def every_rule_has_a_step():
    rules = run("optimizer", "--list").stdout.split()
    rows = [row for row in rows_of(run("optimizer", "--workload", "tiny", "--threads", "1", "--time", "0.001", "--json"))
            if "workload" in row]
    return len(rules) > 16 and [row["rule"] for row in rows] == rules and all(row["workload"] == "tiny" for row in rows)


def monitor():
    rows = rows_of(run("monitor", "--filter", "tiny", "--threads", "1", "--time", "0.01", "--json"))
    return len(rows) == 1 and rows[0]["network"] == "tiny" and positive(rows[0], "step_seconds", "every_100", "every_10")


def cluster():
    rows = rows_of(run("cluster", "--filter", "tiny", "--threads", "1", "--time", "0.01", "--json"))
    return [row["parts"] for row in rows] == [1, 2, 4, 8] and rows[0]["ratio"] == 1.0


def regularize():
    rows = rows_of(run("regularize", "--filter", "tiny", "--threads", "1", "--time", "0.01", "--json"))
    return (len(rows) == 7 and rows[0]["regularizer"] == "none" and rows[0]["ratio"] == 1.0 and
            all(row["network"] == "tiny" and positive(row, "step_us", "ratio") for row in rows))


def prefetch():
    with tempfile.TemporaryDirectory() as folder:
        rows = rows_of(run("prefetch", "--filter", "tiny", "--threads", "1", "--time", "0.01", "--json", TMPDIR=folder))
        return (len(rows) == 7 and rows[0]["ratio"] == 1.0 and {row["prefetch"] for row in rows} >= {"bytes, ahead", "file of bytes, ahead"} and
                all(row["network"] == "tiny" and positive(row, "step_us", "ratio") for row in rows) and os.listdir(folder) == [])


def data():
    with tempfile.TemporaryDirectory() as folder:
        done = run("data", "--time", "0.01", "--json", TMPDIR=folder)
        rows = rows_of(done)
        listed = run("data", "--list").stdout.split()
        return ([row["what"] for row in rows] == listed and {"idx", "csv", "shuffle"} <= set(listed) and
                all(positive(row, "samples_per_second", "bytes_per_second") for row in rows) and
                os.listdir(folder) == [])


def no_folder():
    done = run("data", TMPDIR="/nonexistent/folder")
    return done.returncode == 1 and "/nonexistent/folder" in done.stderr and done.stdout == ""


CHECKS = [
    ("init draws deviates", deviates),
    ("init fills matrices by every initializer", matrices),
    ("init holds orthogonal against LAPACK", orthogonal),
    ("optimizer holds each rule against the triad, and its step against the products", optimizer),
    ("optimizer takes a step with every rule", every_rule_has_a_step),
    ("monitor holds a watched fit against a plain one", monitor),
    ("cluster holds parts against one", cluster),
    ("regularize holds each against a plain step", regularize),
    ("prefetch times who gathers and from where", prefetch),
    ("data times its rows and leaves nothing behind", data),
    ("data says which folder it cannot write to", no_folder),
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
