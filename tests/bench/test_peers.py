#!/usr/bin/env python3
"""bench/peers/compare, without any peer: usage, what it says of missing parts, turns and ratios with made-up parties.
TAP on standard output.

usage: test_peers.py COMPARE
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

COMPARE = pathlib.Path(sys.argv[1]).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(COMPARE.parent))
import environment
import peer

# Both parties: what they answer stands in FAKE/plan.json, and they note their turns in FAKE/log.
FAKE = """
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["FAKE"])
plan = json.loads((folder / "plan.json").read_text())
def turn(name):
    with open(folder / "log", "a") as log:
        log.write(name + "\\n")
    return (folder / "log").read_text().splitlines().count(name) - 1
"""
FAKE_BENCH = FAKE + """
command = sys.argv[1]
if "--json" not in sys.argv:
    print("OpenBLAS core Testlake, vector level none")
    sys.exit()
if command not in plan["ours"]:
    sys.exit(f"mlp-bench: no command {command}")
rounds = plan["ours"][command]
for row in rounds[turn("ours") % len(rounds)]:
    print(json.dumps(row))
"""
FAKE_WORKER = FAKE + """
name = pathlib.Path(sys.argv[2]).stem
said = plan[name]
def say(values):
    print(json.dumps(values), flush=True)
if "missing" in said:
    say({"missing": said["missing"]})
    sys.exit()
say({"version": f"{len(os.sched_getaffinity(0))} processors"})
for line in sys.stdin:
    answers = said[line.split()[1]]
    answer = answers[turn(name) % len(answers)]
    if answer is None:
        sys.exit("out of luck")
    say(answer)
"""


def run(*arguments, folder=None):
    variables = {**os.environ, "FAKE": str(folder)}
    return subprocess.run([sys.executable, str(COMPARE), *arguments], capture_output=True, text=True, env=variables)


def script(path, interpreter, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{interpreter}\n{text}")
    path.chmod(0o755)


def play(plan, *arguments):
    """A comparison of the made-up parties. Returns the process and the order of the turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        script(folder / "mlp-bench", sys.executable, FAKE_BENCH)
        script(folder / "worker", sys.executable, FAKE_WORKER)
        script(folder / "environment" / "bin" / "python", "/bin/sh", f'exec "{folder}/worker" "$@"\n')
        (folder / "plan.json").write_text(json.dumps(plan))
        (folder / "log").touch()
        done = run("--mlp-bench", str(folder / "mlp-bench"), "--environment", str(folder / "environment"),
                   "--time", "0.01", *arguments, folder=folder)
        return done, (folder / "log").read_text().split()


def answer(minimum, median, spread=0.0):
    return {"minimum_us": minimum, "median_us": median, "spread": spread}


def step_row(minimum, median, spread=0.0):
    return [{"workload": "mnist", "step_us": minimum, "step_median_us": median, "spread": spread}]


STEPS = {"step": [step_row(10.0, 11.0), step_row(8.0, 9.0), step_row(12.0, 13.0)]}
TORCH = {"sgd": [answer(30.0, 33.0), answer(29.0, 45.0), answer(28.0, 36.0)]}
STEP_OF_MNIST = ("--workload", "mnist", "--what", "sgd", "--rounds", "3")


def near(value, expected):
    return abs(value - expected) <= 1e-9 * abs(expected)  # a few roundings in double


def ratios():
    """Quartiles of three values lie halfway between neighbours: ours 10, 11, 12 of 11; theirs 34.5, 36, 40.5."""
    done, _ = play({"ours": STEPS, "torch_peer": TORCH}, *STEP_OF_MNIST, "--peer", "torch", "--json")
    row = json.loads(done.stdout)
    expected = {"ours_us": 8.0, "peer_us": 28.0, "ratio": 3.5, "ours_median_us": 11.0, "peer_median_us": 36.0,
                "median_ratio": 36.0 / 11.0, "spread": 2.0 / 11.0}
    return (done.returncode == 0 and all(near(row[key], value) for key, value in expected.items()) and
            (row["workload"], row["figure"], row["threads"], row["peer"], row["rounds"], row["blas_core"]) ==
            ("mnist", "sgd", 1, "PyTorch", 3, "Testlake"))


def turns():
    plan = {"ours": STEPS, "torch_peer": TORCH, "jax_peer": TORCH}
    _, order = play(plan, *STEP_OF_MNIST, "--peer", "jax,torch")
    return order == ["ours", "jax_peer", "torch_peer"] * 3


def kept_to_one_processor():
    done, _ = play({"ours": STEPS, "torch_peer": TORCH}, *STEP_OF_MNIST, "--peer", "torch", "--json")
    return json.loads(done.stdout)["version"] == "1 processors"


def noise():
    def table(spread):
        plan = {"ours": {"step": [step_row(10.0, 10.0, spread)]}, "torch_peer": {"sgd": [answer(30.0, 30.0)]}}
        return play(plan, *STEP_OF_MNIST, "--peer", "torch")[0].stdout
    return "noisy" in table(0.151) and "noisy" not in table(0.149) and "3.00" in table(0.0)


def other_figures():
    """The row of the right batch; 2·10⁸ deviates a second are a million in 5000 µs; 3 ms are 3000 µs."""
    batches = [{"batch": b, "workload_batch": 64, "predict_us": 10.0 * b, "predict_median_us": 10.0 * b}
               for b in (1, 8, 64)]
    callers = {"workload": "mnist", "callers": 2, "batch": 1, "samples_per_second": 1e6}
    plan = {"ours": {"predict": [[callers, *batches]],
                     "init": [[{"what": "deviates", "name": "uniform", "per_second": 1.0},
                               {"what": "deviates", "name": "normal", "per_second": 2e8},
                               {"what": "orthogonal", "ms": 3.0}]]},
            "torch_peer": {figure: [answer(6000.0, 6000.0)] for figure in ("one", "batch", "normal", "orthogonal")}}
    done, _ = play(plan, "--workload", "mnist", "--what", "one,batch,normal,orthogonal", "--peer", "torch", "--json")
    found = {row["figure"]: row["ours_us"] for row in map(json.loads, done.stdout.splitlines())}
    return found == {"one": 10.0, "batch": 640.0, "normal": 5000.0, "orthogonal": 3000.0}


def whole_trainings():
    """Seconds of ours are microseconds; first and last epochs are those of the fastest round."""
    ours = [[{"seconds": total, "first_s": total / 8.0, "last_s": total / 4.0}] for total in (4.0, 2.0)]
    peer_rounds = [{**answer(6e6, 6e6), "first_us": 1e6, "last_us": 3e6}, {**answer(9e6, 9e6), "first_us": 2e6, "last_us": 4e6}]
    plan = {"ours": {"train": ours}, "torch_peer": {"training": peer_rounds}}
    done, order = play(plan, "--what", "training", "--peer", "torch", "--rounds", "2", "--json")
    row = json.loads(done.stdout)
    expected = {"ours_us": 2e6, "ours_first_us": 0.25e6, "ours_last_us": 0.5e6, "peer_us": 6e6, "peer_first_us": 1e6,
                "peer_last_us": 3e6, "ratio": 3.0}
    return (all(near(row[key], value) for key, value in expected.items()) and row["workload"] is None and
            order == ["ours", "torch_peer"] * 2)


def epochs_are_timed():
    """Epochs of 1, 2 and 3 ms, of a training that is slept through."""
    def work(epochs):
        for epoch in range(epochs):
            time.sleep(1e-3 * (epoch + 1))
            yield
    found = peer.train(work, 3)
    return (found["first_us"] >= 1e3 and found["last_us"] >= 3e3 and
            found["minimum_us"] >= found["first_us"] + found["last_us"] + 2e3)


def goes_on_without_a_peer():
    plan = {"ours": STEPS, "torch_peer": TORCH, "jax_peer": {"missing": "No module named 'optax'"}}
    done, _ = play(plan, *STEP_OF_MNIST, "--peer", "jax,torch", "--json")
    return (done.returncode == 0 and "JAX: does not import: No module named 'optax'" in done.stderr and
            [json.loads(line)["peer"] for line in done.stdout.splitlines()] == ["PyTorch"])


def goes_on_without_a_failing_peer():
    plan = {"ours": STEPS, "torch_peer": TORCH, "jax_peer": {"sgd": [{"error": "too large"}]}}
    done, _ = play(plan, *STEP_OF_MNIST, "--peer", "jax,torch", "--json")
    dead, _ = play({**plan, "jax_peer": {"sgd": [None]}}, *STEP_OF_MNIST, "--peer", "jax,torch", "--json")
    return ("JAX, step, SGD, mnist: too large" in done.stderr and "has ended: out of luck" in dead.stderr and
            all(json.loads(process.stdout)["peer"] == "PyTorch" for process in (done, dead)))


def goes_on_without_a_command():
    plan = {"ours": STEPS, "torch_peer": {**TORCH, "one": [answer(1.0, 1.0)]}}
    done, _ = play(plan, "--workload", "mnist", "--what", "sgd,one", "--peer", "torch", "--json")
    return (done.returncode == 0 and "not measured: mlp-bench predict" in done.stderr and
            json.loads(done.stdout)["figure"] == "sgd")


def nothing_measured():
    done, _ = play({"ours": {}, "torch_peer": TORCH}, *STEP_OF_MNIST, "--peer", "torch")
    return done.returncode == 1


def environment_missing():
    done = run("--environment", "/nonexistent/peers", "--mlp-bench", sys.executable, "--peer", "jax,torch")
    return (done.returncode == 1 and done.stdout == "" and
            "JAX, PyTorch: no environment in /nonexistent/peers; bench/peers/compare --setup" in done.stderr)


def mlp_bench_missing():
    done = run("--mlp-bench", "/nonexistent/mlp-bench", "--peer", "torch")
    return done.returncode == 1 and "no mlp-bench" in done.stderr


def source_tree_stays_clean():
    inside = COMPARE.parent / "environment-of-the-test"
    done = run("--setup", "--environment", str(inside))
    return done.returncode == 1 and "outside the source tree" in done.stderr and not inside.exists()


def help_is_there():
    done = run("--help")
    return done.returncode == 0 and all(word in done.stdout for word in ("--setup", "--peer", "--json", "median_ratio"))


def refused(*arguments):
    done = run(*arguments)
    return done.returncode == 2 and arguments[0] in done.stderr and done.stdout == ""


def summary():
    found = peer.summarize([5e-6, 1e-6, 4e-6, 2e-6, 3e-6])
    return near(found["minimum_us"], 1.0) and near(found["median_us"], 3.0) and near(found["spread"], 2.0 / 3.0)


def processors():
    """Two threads on each core, 0 with 1, 2 with 3: cores first, then their second threads."""
    def choose(count, allowed):
        return environment.choose_processors(count, allowed, siblings=lambda cpu: {cpu, cpu ^ 1})
    return (choose(2, {0, 1, 2, 3, 4}) == [0, 2] and choose(4, {0, 1, 2, 3, 4}) == [0, 2, 4, 1] and
            choose(3, {6, 7}) is None)


CHECKS = [
    ("--help", help_is_there),
    ("an unknown workload is refused", lambda: refused("--workload", "mnist,huge")),
    ("an unknown peer is refused", lambda: refused("--peer", "caffe")),
    ("an unknown figure is refused", lambda: refused("--what", "")),
    ("nonsense for rounds is refused", lambda: refused("--rounds", "0")),
    ("nonsense for the time is refused", lambda: refused("--time", "nan")),
    ("more threads than processors are refused", lambda: refused("--threads", "1024")),
    ("a missing environment is told", environment_missing),
    ("a missing mlp-bench is told", mlp_bench_missing),
    ("no environment inside the source tree", source_tree_stays_clean),
    ("ratios, medians, spread", ratios),
    ("parties take turns", turns),
    ("one thread is kept to one processor", kept_to_one_processor),
    ("a noisy row says so", noise),
    ("predictions, deviates and orthogonal matrices", other_figures),
    ("whole trainings", whole_trainings),
    ("epochs are timed", epochs_are_timed),
    ("goes on without a peer that does not import", goes_on_without_a_peer),
    ("goes on without a peer that fails", goes_on_without_a_failing_peer),
    ("goes on without a command of mlp-bench", goes_on_without_a_command),
    ("fails when nothing could be measured", nothing_measured),
    ("repeats are summed up", summary),
    ("cores before their second threads", processors),
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
