#!/usr/bin/env python3
"""Whether the tests notice a change: tries random changes of one token in src/, and says which of them no test notices.

usage: tests/mutants.py [--count N] [--seed S] [--jobs J] [--work FOLDER] [--only PATH…] [--near] [--report]

Each change is built in a copy of the sources under FOLDER (default build-mutants) and tried on the tests of its own folder first,
then on those of the folders above, until one fails; tests that none of the changed objects is linked into are left out. A change that
does not compile, or that compiles to the same objects, does not count. With --near only the tests of the change's own folder are run: what they do not notice is
listed, and is what the same command without --near tries on all tests. Results are kept in FOLDER/results.jsonl: the same command goes on where it was stopped, a larger --count goes further.
Change number i is a function of the seed, i and the sources alone; results of other sources are kept, and their changes not repeated.
"""

import argparse
import difflib
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
MESON, NINJA = "/usr/bin/meson", "/usr/bin/ninja"
SETUP = ["-Dwerror=true", "-Doptimization=2", "-Ddebug=false", "-Dassertions=true", "-Dtools=false", "-Dbench=false"]
FOLDERS = ["base", "linalg", "strategy", "theory", "model", "optim", "diagnose", "data", "io", "session"]
AT_A_TIME = 6  # test programs that are linked before they run
NEAR = "unnoticed in its folder"

# ---- what a change of one token can be ----

TOKEN = re.compile(r"""
    (?P<skip>/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*)
  | (?P<number>\b(?:0[xX][0-9a-fA-F]+[uUlL]*|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[uUlLfF]*))
  | (?P<name>[A-Za-z_]\w*)
  | (?P<operator><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>=!&|^~?:;,.(){}\[\]])
""", re.X | re.S | re.M)

SPACED = {  # operators that clang-format puts between spaces when they take two operands
    "+": ["-"], "-": ["+"], "*": ["+", "/"], "/": ["*"], "%": ["/"], "<": ["<=", ">"], "<=": ["<", ">"], ">": [">=", "<"],
    ">=": [">", "<"], "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"], "&": ["|"], "|": ["&"], "^": ["|"], "<<": [">>"],
    ">>": ["<<"], "+=": ["-="], "-=": ["+="], "*=": ["/=", "+="], "/=": ["*="], "|=": ["&="], "&=": ["|="], "^=": ["|="],
}
WORDS = {"true": ["false"], "false": ["true"], "break": ["continue"], "continue": ["break"]}
SIMPLE_ARGUMENT = re.compile(r"[&*]?[A-Za-z_][\w.\[\]]*(?:->[\w.\[\]]+)*|\d+")


def other_numbers(text):
    match = re.fullmatch(r"(\d+)([uUlL]*)", text)
    if match:
        value = int(match.group(1))
        return [f"{v}{match.group(2)}" for v in {value + 1, max(value - 1, 0)} if v != value]
    match = re.fullmatch(r"(\d+\.\d*(?:[eE][+-]?\d+)?)([fF]?)", text)
    if match:
        value = float(match.group(1))
        return ["1.0" + match.group(2)] if value == 0.0 else [f"{2 * value!r}{match.group(2)}", f"{value / 2!r}{match.group(2)}"]
    return []


def swapped_arguments(text, start):
    """(begin, end, replacement) for each pair of neighbouring simple arguments of the call whose '(' is at start."""
    depth, begin, pieces = 0, start + 1, []
    for at in range(start, min(len(text), start + 400)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        if (text[at] == "," and depth == 1) or depth == 0:
            pieces.append((begin, at))
            begin = at + 1
        if depth == 0:
            break
    pieces = [(b + len(text[b:e]) - len(text[b:e].lstrip()), e) for b, e in pieces]
    for (b1, e1), (b2, e2) in zip(pieces, pieces[1:]):
        first, second = text[b1:e1], text[b2:e2]
        if first != second and SIMPLE_ARGUMENT.fullmatch(first) and SIMPLE_ARGUMENT.fullmatch(second):
            yield b1, e2, second + text[e1:b2] + first


def changes(text):
    """All changes of one token of a file: (begin, end, replacement)."""
    found, before = [], ""
    for match in TOKEN.finditer(text):
        begin, end, token = match.start(), match.end(), match.group(0)
        if match.lastgroup == "skip":
            continue
        spaced = text[begin - 1:begin] in (" ", "\n") and text[end:end + 1] in (" ", "\n")
        if match.lastgroup == "number":
            found += [(begin, end, other) for other in other_numbers(token)]
        elif match.lastgroup == "name":
            found += [(begin, end, other) for other in WORDS.get(token, [])]
            if text[end:end + 1] == "(" and token not in ("if", "for", "while", "switch", "sizeof", "return", "mlp_error"):
                declaration = text.rfind("\n", 0, begin) + 1 == begin or text[text.rfind("\n", 0, begin) + 1].isalpha()
                found += [] if declaration else list(swapped_arguments(text, end))
        elif token in SPACED and spaced:
            found += [(begin, end, other) for other in SPACED[token]]
        elif token == "!" or (token == "-" and before in ("(", "=", ",", "return", "?", ":", "*", "/")):
            found.append((begin, end, ""))
        elif token in ("++", "--"):
            found.append((begin, end, "--" if token == "++" else "++"))
        before = token
    return found


def candidates(only):
    listed = subprocess.run(["git", "ls-files", "src"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout.split()
    paths = [p for p in sorted(listed) if p.endswith((".c", ".h")) and (not only or any(p.startswith(o) for o in only))]
    return [(path, change) for path in paths for change in changes((SOURCE / path).read_text())]


# ---- one copy of the sources, built step by step ----

class Failed(Exception):
    pass


def limits():
    os.setsid()
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, seconds, environment=None, folder=None):
    """Exit status and output; 'timeout' after so many seconds. The whole group of processes ends with it."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                               errors="replace", env=environment, cwd=folder, preexec_fn=limits)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "timeout", ""


class Copy:
    """A copy of the sources with a build folder of its own."""

    def __init__(self, folder):
        self.folder, self.build, self.temporary = folder, folder / "build", folder / "temporary"
        tracked = subprocess.run(["git", "ls-files", "-c", "-o", "--exclude-standard"], cwd=SOURCE, capture_output=True, text=True,
                                 check=True).stdout.splitlines()
        for path in tracked:
            to, origin = folder / path, SOURCE / path
            if not origin.is_file():
                continue
            to.parent.mkdir(parents=True, exist_ok=True)
            if not to.exists() or to.read_bytes() != origin.read_bytes():
                shutil.copy(origin, to)
        if not (self.build / "build.ninja").exists():
            status, output = run([MESON, "setup", str(self.build), str(folder), *SETUP], 600)
            if status != 0:
                sys.exit(f"cannot set up {self.build}:\n{output}")
        status, output = run([NINJA, "-C", str(self.build), "-j2"], 3600)
        if status != 0:
            sys.exit(f"cannot build {self.build}:\n{output[-3000:]}")
        listed = json.loads(run([MESON, "introspect", "--tests", str(self.build)], 600)[1])
        # programs of their own; not those that look at another built file
        self.tests = {t["name"]: t for t in listed if "tests/" in t["cmd"][0] and not t["cmd"][0].endswith((".py", ".sh")) and
                      not any("/" in argument for argument in t["cmd"][1:])}
        self.objects = self.fingerprints()
        self.linked = self.linked_objects()

    def fingerprints(self):
        return {path.relative_to(self.build).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in (self.build / "src").rglob("*.o")}

    def symbols(self, path):
        listed = subprocess.run(["nm", "--defined-only", "--format=posix", *(["-g"] if path.suffix == ".o" else []), str(path)],
                                capture_output=True, text=True, check=True).stdout
        return {line.split()[0] for line in listed.splitlines() if line and not line.endswith(":")}

    def linked_objects(self):
        """For each test the objects of the library that are in its program. One that defines nothing may be in any."""
        defined = {name: self.symbols(self.build / name) for name in self.objects}
        programs = {name: self.symbols(self.build / self.target(name)) for name in self.tests}
        return {test: {name for name, symbols in defined.items() if not symbols or symbols & program}
                for test, program in programs.items()}

    def compile(self, *targets):
        return run([NINJA, "-C", str(self.build), "-j1", *targets], 900)

    def test(self, name, seconds):
        """None, or how the test failed."""
        test = self.tests[name]
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        environment = {**os.environ, **test["env"], "OMP_WAIT_POLICY": "passive", "MLP_TEST_FOLDER": str(self.temporary)}
        status, output = run(test["cmd"], seconds, environment, test.get("workdir"))
        return None if status == 0 else f"{name}: {status}"

    def target(self, name):
        return pathlib.Path(self.tests[name]["cmd"][0]).relative_to(self.build).as_posix()


# ---- trying ----

def order_of_tests(copy, path, seconds, changed, near):
    """The tests for a change in this file: its own, those of its folder, those above; quick ones first in each. None that a
    changed object is not part of: its program is the same, unless it includes the changed header itself."""
    folder, stem = path.split("/")[1], pathlib.Path(path).stem
    rooms = FOLDERS[FOLDERS.index(folder):] + ["plan", "promises", "properties"] + FOLDERS[:FOLDERS.index(folder)]

    def suite_of(name):
        return copy.tests[name]["suite"][0].split(":")[-1]

    def rank(name):
        suite = suite_of(name)
        own = suite == folder and (name in stem or stem in name)
        return (not own, rooms.index(suite) if suite in rooms else len(rooms), seconds[name])
    own_code = path.endswith(".h")  # tests include it, too
    return sorted((name for name in copy.tests if (own_code or changed & copy.linked[name]) and
                   (not near or suite_of(name) == folder)), key=rank)


def try_change(copy, path, change, seconds, near):
    """'equivalent', 'invalid', 'survived', NEAR or the test that failed."""
    begin, end, replacement = change
    file = copy.folder / path
    original = (SOURCE / path).read_text()
    file.write_text(original[:begin] + replacement + original[end:])
    try:
        if copy.compile("src/libmlp-core.a")[0] != 0:
            return "invalid"
        found = copy.fingerprints()
        changed = {name for name in copy.objects.keys() | found.keys() if found.get(name) != copy.objects.get(name)}
        if not changed:
            return "equivalent"
        tests = order_of_tests(copy, path, seconds, changed, near)
        for at in range(0, len(tests), AT_A_TIME):
            some = tests[at:at + AT_A_TIME]
            if copy.compile(*sorted({copy.target(name) for name in some}))[0] != 0:
                return "invalid"
            for name in some:
                failure = copy.test(name, 20.0 * seconds[name] + 20.0)
                if failure == f"{name}: timeout":  # of the change, or of a busy machine?
                    failure = copy.test(name, 60.0 * seconds[name] + 120.0)
                if failure:
                    return failure
        return NEAR if near else "survived"
    finally:
        file.write_text(original)


def difference(path, change):
    begin, end, replacement = change
    text = (SOURCE / path).read_text()
    lines = difflib.unified_diff(text.splitlines(), (text[:begin] + replacement + text[end:]).splitlines(), path, path, "", "", 2, "")
    return "\n".join(lines)


def baseline(copy, work):
    """How long every test takes on the code as it is; all must pass."""
    kept = work / "seconds.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    for name in copy.tests:
        if name not in known:
            begun = time.monotonic()
            failure = copy.test(name, 600)
            if failure:
                sys.exit(f"the code as it is fails: {failure}")
            known[name] = time.monotonic() - begun
            kept.write_text(json.dumps(known))
    return known


def load(work):
    file = work / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return list({(r["seed"], r["index"], tuple(r["only"])): r for r in rows}.values())  # the last of each


def report(results):
    counted = [r for r in results if r["result"] not in ("invalid", "equivalent")]
    survivors = [r for r in counted if r["result"] in ("survived", NEAR)]
    for r in survivors:
        print(f"# change {r['index']} of seed {r['seed']}: {r['result']}\n{r['difference']}\n")
    share = 100.0 * (1.0 - len(survivors) / len(counted)) if counted else 100.0
    print(f"{len(counted)} changes, {len(counted) - len(survivors)} noticed ({share:.1f} %), {len(survivors)} survived; "
          f"{len(results) - len(counted)} more did not compile or compiled to the same code")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="changes that count")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=pathlib.Path, default=SOURCE / "build-mutants")
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of paths, e.g. src/io/csv")
    parser.add_argument("--near", action="store_true", help="run the tests of the change's own folder alone")
    parser.add_argument("--report", action="store_true", help="what has been tried so far, and nothing else")
    options = parser.parse_args()
    options.work.mkdir(exist_ok=True)
    results = load(options.work)
    if not options.report:
        search(options, results)
    report(results)


def search(options, results):
    sites = candidates(options.only)
    copies = []
    for job in range(options.jobs):
        copies.append(Copy(options.work / f"copy-{job}"))
    seconds = baseline(copies[0], options.work)
    if not options.near:
        results[:] = [r for r in results if r["result"] != NEAR]
    tried = {(r["seed"], r["index"], tuple(r["only"])) for r in results}
    lock, state = threading.Lock(), {"next": 0}

    def counted():
        return sum(r["result"] not in ("invalid", "equivalent") for r in results)

    def work(copy):
        while True:
            with lock:
                while (options.seed, state["next"], tuple(options.only)) in tried:
                    state["next"] += 1
                index = state["next"]
                state["next"] += 1
                if counted() >= options.count:
                    return
            path, change = random.Random(f"{options.seed}-{index}").choice(sites)
            shown = difference(path, change)
            result = try_change(copy, path, change, seconds, options.near)
            row = {"seed": options.seed, "index": index, "only": options.only, "path": path, "result": result, "difference": shown}
            with lock:
                results.append(row)
                with open(options.work / "results.jsonl", "a") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{counted()}/{options.count} {path}: {result}", flush=True)

    threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
