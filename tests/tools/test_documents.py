#!/usr/bin/env python3
"""Runs the Python of docs/format.md and docs/exchange.md against the command; follows the links of every page. TAP on standard output.

usage: test_documents.py PATH-OF-MLP

What needs torch, or safetensors, is left out where they are not installed.
"""

import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

mlp = pathlib.Path(sys.argv[1]).resolve()
documents = pathlib.Path(__file__).resolve().parents[2] / "docs"
count = 0


def result(passed, name, *comments):
    global count
    count += 1
    print(f"{'ok' if passed else 'not ok'} {count} - {name}")
    for comment in comments if not passed else ():
        print(f"# {comment}")


def blocks(document):
    return re.findall(r"^```python\n(.*?)^```", (documents / document).read_text(), re.S | re.M)


def command(*arguments):
    done = subprocess.run([mlp, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"Bail out! mlp {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def predictions(model, rows):
    """The command's outputs for rows of numbers, as lists."""
    with open("rows.csv", "w") as file:
        file.write("".join(",".join(repr(value) for value in row) + "\n" for row in rows))
    lines = command("predict", model, "--data", "rows.csv").splitlines()
    return [[float(value) for value in line.split(",")] for line in lines]


def close(got, expected):
    pairs = [pair for a, b in zip(got, expected) for pair in zip(a, b)]
    return len(got) == len(expected) > 0 and all(abs(a - b) <= 1e-5 * max(1, abs(b)) for a, b in pairs)


def dense(weight, bias, x):
    return [b + sum(w * v for w, v in zip(row, x)) for row, b in zip(weight, bias)]


INPUTS, OUTPUTS, ROWS = 3, 2, [[0.5, -1.25, 2.0], [3.0, 0.0, -0.125], [-1.0, 1.0, 1.0]]


def write_and_read(names):
    layers = [("tanh", [[0.5, -1.0, 0.25], [2.0, 0.125, -0.75], [0.0, 1.5, 1.0], [-0.5, 0.5, 0.5]], [0.25, 0.0, -1.0, 0.5]),
              ("identity", [[1.0, -2.0, 0.5, 0.25], [0.125, 3.0, -1.0, 1.0]], [0.5, -0.25])]
    names["write"]("written.safetensors", INPUTS, layers)
    expected = [dense(*layers[1][1:], [math.tanh(z) for z in dense(*layers[0][1:], row)]) for row in ROWS]
    got = predictions("written.safetensors", ROWS)
    result(close(got, expected), "what is written predicts what its numbers say", got, expected)
    command("export", "written.safetensors", "exported.safetensors")
    metadata, tensors = names["read"]("exported.safetensors")
    result(metadata["inputs"] == str(INPUTS) and metadata["format"] == "mlp", "metadata are read", metadata)
    expected = {}
    for l, (_, weight, bias) in enumerate(layers):
        expected[f"layers.{l}.weight"] = [len(bias), len(weight[0])], sum(weight, [])
        expected[f"layers.{l}.bias"] = [len(bias)], bias
    got = {name: (shape, list(values)) for name, (shape, values) in tensors.items()}
    result(got == expected, "tensors come back", got, expected)


def train_standardized(names):
    """A network whose inputs are standardized, and whose outputs are in units of their own."""
    lines = [f"{3 * i % 7},{i % 5 - 1},{i * i % 11},{100 + 20 * (i % 3)},{i % 2 - 5}" for i in range(40)]
    pathlib.Path("train.csv").write_text("a,b,c,y,z\n" + "\n".join(lines) + "\n")
    command("train", "--data", "train.csv", "--label", "y,z", "--regression", "--hidden", "4", "--epochs", "3", "--quiet",
            "--output", "trained.safetensors")
    tensors = names["read"]("trained.safetensors")[1]
    result({"standardization.mean", "output.scale"} <= tensors.keys(), "a network with units of its own", tensors.keys())


def into_torch(names):
    import torch
    train_standardized(names)
    x = torch.tensor(ROWS)
    for model in ("written.safetensors", "trained.safetensors"):
        with torch.no_grad():
            expected = names["load"](model)(x).tolist()
        got = predictions(model, ROWS)
        result(close(got, expected), f"{model} in PyTorch", got, expected)


def from_torch(code):
    import torch
    from torch import nn
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(INPUTS, 5), nn.ReLU(), nn.Linear(5, OUTPUTS))
    exec(code, {"net": net})
    command("import", "state.safetensors", "imported.safetensors", "--layers", "relu,identity")
    with torch.no_grad():
        expected = net(torch.tensor(ROWS)).tolist()
    got = predictions("imported.safetensors", ROWS)
    result(close(got, expected), "a state_dict", got, expected)


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def follow_links():
    root, broken, names = documents.parent, [], set()
    pages = [page for folder in (".", "docs", "examples", "bench", "mpi", "tests") for page in (root / folder).glob("*.md" if folder == "." else "**/*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            names.add(target.name)
            if "://" not in link and (not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))):
                broken.append(f"{page.relative_to(root)}: {link}")
    result(not broken, "links lead somewhere", *broken)
    missed = [page.name for page in documents.glob("*.md") if page.name not in names]
    result(not missed, "a link leads to every guide", *missed)
    lines = (root / "README.md").read_text().count("\n")
    result(lines <= 110, "README.md is two screens", lines)


def where_installed(name, modules, function, *arguments):
    global count
    try:
        for module in modules:
            __import__(module)
    except ImportError as error:
        count += 1
        print(f"ok {count} - {name} # SKIP {error}")
        return
    function(*arguments)


follow_links()
names = {}
standard, pytorch = blocks("format.md")
tensors, = blocks("exchange.md")
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    exec(standard, names)
    write_and_read(names)

    def load_with_torch():
        exec(pytorch, names)
        into_torch(names)
    where_installed("into PyTorch", ["torch"], load_with_torch)
    where_installed("from PyTorch", ["torch", "safetensors.torch"], from_torch, tensors)
    os.chdir("/")
print(f"1..{count}")
