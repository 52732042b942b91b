#!/usr/bin/env python3
"""The rules that the shape of the code must keep: layers, doors, sizes, headers, symbols. TAP on standard output.

usage: structure.py SOURCE_FOLDER BUILD_FOLDER
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])

# A file may include public headers, its own folder, and folders to the left.
LAYERS = ["base", "linalg", "strategy", "theory", "model", "optim", "diagnose", "data", "io", "session"]
STRATEGIES = ["activation", "init", "loss", "schedule", "dropout"]
MAX_FUNCTION, MAX_FILE, MAX_COLUMNS = 70, 450, 110
MAX_TEST_FUNCTION, MAX_TEST_FILE = 80, 500
TOP_LEVEL = {"include", "src", "tests", "bench", "pkgconfig", "meson.build", "meson_options.txt", "README.md", "examples",
             "tools", "docs", "mpi", "cmake", "debian", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}

# What only one file may call: pattern, the file, what it is.
DOORS = [
    (r"\bcblas_[a-z]", "src/linalg/gemm.c", "CBLAS"),
    (r"\bLAPACKE_[a-z]", "src/linalg/lapack.c", "LAPACKE"),
    (r"\bopenblas_[a-z]", ("src/linalg/blas_openblas.c", "src/linalg/blas_any.c", "src/linalg/blas_core.c"), "OpenBLAS"),
    (r"\b(malloc|calloc|realloc|aligned_alloc|strdup|posix_memalign)\s*\(", "src/base/platform_posix.c", "the allocator"),
    (r"\bplatform_allocate\s*\(", ("src/base/memory.c", "src/base/platform.h", "src/base/platform_posix.c", "src/base/platform_windows.c"),
     "the allocator"),
    (r"#\s*pragma omp|\bomp_[a-z]", ("src/base/team.c", "src/linalg/blas_section.c"), "OpenMP"),
]
FORBIDDEN = r"\b(printf|fprintf|puts|perror|exit|abort|assert|rand|srand|setlocale)\s*\("


def without_comments(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    text = re.sub(r"//[^\n]*", blank, text)
    return re.sub(r'"(?:[^"\\\n]|\\.)*"', blank, text)


def relative(path):
    return path.relative_to(source).as_posix()


def files(folders, endings):
    found = []
    for folder in folders:
        found += [p for p in (source / folder).rglob("*") if p.suffix in endings]
    return sorted(found)


def layers():
    for path in files(["src"], {".c", ".h"}):
        own = path.relative_to(source / "src").parts[0]
        for include in re.findall(r'^#\s*include\s+"([^"]+)"', path.read_text(), flags=re.M):
            folder = include.split("/")[0]
            if "/" not in include or folder not in LAYERS:
                yield f'{relative(path)} includes "{include}": expected "folder/file.h" of {", ".join(LAYERS)}'
            elif LAYERS.index(folder) > LAYERS.index(own):
                yield f'{relative(path)} includes "{include}", which is above it'
    for path in files(["src/strategy"], {".c", ".h"}):
        own = next(s for s in STRATEGIES if path.name.startswith(s))
        for include in re.findall(r'^#\s*include\s+"strategy/([^"]+)"', path.read_text(), flags=re.M):
            if not include.startswith(own):
                yield f"{relative(path)} includes strategy/{include}: a strategy knows no other"


def doors():
    for path in files(["src"], {".c", ".h"}):
        code = without_comments(path.read_text())
        for pattern, allowed, what in DOORS:
            if re.search(pattern, code) and relative(path) not in (allowed if isinstance(allowed, tuple) else (allowed,)):
                yield f"{relative(path)} uses {what}, which is for {allowed} alone"
        found = re.search(FORBIDDEN, code)
        if found and relative(path) != "src/base/assert.h":
            yield f"{relative(path)} calls {found.group(1)}"


def sizes():
    for path in files(["src", "tools", "bench", "include", "mpi", "tests", "examples"], {".c", ".h", ".cpp", ".hpp"}):
        lines = path.read_text().splitlines()
        is_test = path.relative_to(source).parts[0] == "tests"
        most, longest = (MAX_TEST_FILE, MAX_TEST_FUNCTION) if is_test else (MAX_FILE, MAX_FUNCTION)
        if len(lines) > most:
            yield f"{relative(path)} has {len(lines)} lines, at most {most} are allowed"
        if path.suffix in (".h", ".hpp") and "include" in path.parts:
            continue
        start = None
        code = without_comments(path.read_text()).splitlines()
        for number, line in enumerate(code, 1):
            if line.startswith("{") and start is None:
                start = number
            elif line.startswith("}") and start is not None:
                if number - start + 2 > longest:
                    yield f"{relative(path)}:{start}: a function of {number - start + 2} lines, at most {longest}"
                start = None


def tracked(patterns):
    run = subprocess.run(["git", "ls-files", *patterns], cwd=source, capture_output=True, text=True)
    return [source / line for line in run.stdout.splitlines() if (source / line).exists()]


def layout():
    """110 columns (but for tables in comments), laid out as .clang-format says, where clang-format 14 is installed."""
    paths = tracked(["*.c", "*.h", "*.cpp", "*.hpp"])
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > MAX_COLUMNS and not (line.startswith(" *") and "clang-format off" in path.read_text()):
                yield f"{relative(path)}:{number}: {len(line)} columns, at most {MAX_COLUMNS} are allowed"
    formatter = shutil.which("clang-format-14")
    if formatter and paths:
        run = subprocess.run([formatter, "--dry-run", *map(str, paths)], cwd=source, capture_output=True, text=True)
        for warning in re.findall(r"^(.*?:\d+):\d+: warning", run.stderr, flags=re.M):
            yield f"{warning}: not as .clang-format has it: clang-format-14 -i"


def closing(code, start):
    """Where the bracket at `start` is closed."""
    depth = 0
    for place in range(start, len(code)):
        depth += (code[place] in "([{") - (code[place] in ")]}")
        if depth == 0:
            return place
    return len(code)


def conjuncts(condition):
    """a && b && c: [a, b, c]; a condition with || at the top is one."""
    found, depth, start = [], 0, 0
    for place, c in enumerate(condition):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and condition.startswith("||", place):
            return [condition]
        if depth == 0 and condition.startswith("&&", place):
            found.append(condition[start:place])
            start = place + 2
    return found + [condition[start:]]


def may_change(name, path, code):
    """Whether the code assigns to the variable, takes its address, or, where the condition looks through it, passes it on."""
    assigned = rf"(?<![\w.>]){name}\b[\w.\->\[\] +*]*?(=(?!=)|[-+*/|&]=|<<=|>>=|\+\+|--)|(\+\+|--|&)\(?{name}\b"
    return re.search(assigned, code) or path and re.search(rf"\b\w+\([^;]*\b{name}\b(?!->)", code)


def loop_ifs(code):
    """Loops with a condition that no turn changes: for (i = 0; p != NULL && i < n; i++)."""
    for loop in re.finditer(r"\b(for|while) \(", code):
        end = closing(code, loop.end() - 1)
        parts = code[loop.end():end].split(";")
        if len(parts) != (3 if loop.group(1) == "for" else 1) or code.startswith(";", end + 1):
            continue
        conditions = conjuncts(parts[1 if len(parts) == 3 else 0])
        brace = code.find("{", end)
        turn = ";".join(parts[-2:]) + ";" + code[brace:closing(code, brace)]
        for condition in conditions if len(conditions) > 1 else []:
            names = [n for n in re.findall(r"[A-Za-z_]\w*", re.sub(r"(->|\.)\s*\w+", "", condition)) if not n.isupper()]
            path = re.search(r"->|\.|\*\w", condition)
            if names and not re.search(r"\w\(|\berrno\b|\+\+|--", condition) and not any(may_change(n, path, turn) for n in names):
                yield loop.start(), f"a loop that is an if: write if ({condition.strip()}) before it"


def nested_choices(code):
    """a ? b : c ? d : e, also in parentheses; not in a macro, which can hold no statement."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), code, flags=re.M)
    code = re.sub(r"'(?:\\.|[^'\\\n])'", "' '", code)
    open_choices = [0]
    for place, c in enumerate(code):
        if c in "([{":
            inside = c == "(" and not re.search(r"[\w\])]\s*$", code[max(0, place - 80):place])
            open_choices.append(open_choices[-1] if inside else 0)
        elif c in ")]}":
            open_choices = open_choices[:-1] or [0]
        if c in ",;}":
            open_choices[-1] = 0
        elif c == "?":
            if open_choices[-1]:
                yield place, "a ?: within another: write the if"
            open_choices[-1] += 1


def conditions():
    for path in files(["src", "tools", "bench", "include", "mpi", "examples", "tests"], {".c", ".h", ".cpp"}):
        code = without_comments(path.read_text())
        found = list(loop_ifs(code)) + ([] if "tests" in path.relative_to(source).parts else list(nested_choices(code)))
        for place, what in sorted(found):
            yield f"{relative(path)}:{code.count(chr(10), 0, place) + 1}: {what}"


def headers():
    for path in sorted((source / "include/mlp").glob("*.h*")):
        in_c, in_cpp = ("cc", "c11", ".c"), ("c++", "c++17", ".cpp")
        for compiler, standard, ending in (in_c, in_cpp) if path.suffix == ".h" else (in_cpp,):
            with tempfile.NamedTemporaryFile("w", suffix=ending) as unit:
                unit.write(f"#include <mlp/{path.name}>\ntypedef int a_translation_unit_is_not_empty;\n")
                unit.flush()
                run = subprocess.run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Werror",
                                      "-fsyntax-only", f"-I{source / 'include'}", unit.name], capture_output=True, text=True)
            if run.returncode != 0:
                yield f"{relative(path)} alone as {standard}: {run.stderr.strip()}"
        for include in re.findall(r"^#\s*include\s+[<\"]([^>\"]+\.h)", path.read_text(), flags=re.M):
            if not include.startswith("mlp/") and include not in ("stddef.h", "stdint.h"):
                yield f"{relative(path)} includes {include}"


def declared():
    names = set()
    for path in (source / "include/mlp").glob("*.h"):
        for declaration in re.findall(r"MLP_API([^;]*);", without_comments(path.read_text())):
            names.add(re.search(r"\b(mlp_\w+)\s*\(", declaration).group(1))
    return names


def defined(library, options):
    text = subprocess.run(["nm", *options, str(library)], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in text.splitlines() if len(line.split()) == 3 and line.split()[1] in "TDBRVW"}


def symbols():
    public = declared()
    for library, options in ((build / "src/libmlp.so", ["-D", "--defined-only"]), (build / "src/libmlp.a", ["-g", "--defined-only"])):
        found = {name for name in defined(library, options) if not name.startswith(("__asan", "__odr_asan", "__tsan"))}
        for name in sorted(found - public):
            yield f"{library.name} defines {name}, which no public header declares"
        for name in sorted(public - found):
            yield f"{library.name} lacks {name}"
    dynamic = subprocess.run(["readelf", "-d", str(build / "src/libmlp.so")], capture_output=True, text=True).stdout
    major = re.search(r"MLP_VERSION_MAJOR (\d+)", (source / "include/mlp/version.h").read_text()).group(1)
    if f"[libmlp.so.{major}]" not in dynamic:
        yield f"libmlp.so's soname is not libmlp.so.{major}"


def defaults():
    """Every options struct has its initializer as a function, and a row in the test of these."""
    test = (source / "tests/base/test_options_default.c").read_text()
    for path in sorted((source / "include/mlp").glob("*.h")):
        for name in re.findall(r"^typedef struct (mlp_\w+) \{\s*size_t struct_size;", without_comments(path.read_text()), flags=re.M):
            if f"{name}_default" not in declared():
                yield f"{relative(path)}: no {name}_default()"
            if f"EACH({name}," not in test:
                yield f"tests/base/test_options_default.c: no row of {name}"


def version():
    text = (source / "include/mlp/version.h").read_text()
    parts = [re.search(rf"MLP_VERSION_{p} (\d+)", text).group(1) for p in ("MAJOR", "MINOR", "PATCH")]
    if f'MLP_VERSION "{".".join(parts)}"' not in text:
        yield "version.h: MLP_VERSION is not made of its three numbers"


def top_level():
    for name in sorted({path.relative_to(source).parts[0] for path in tracked([])}):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield f"{name}: not one of {', '.join(sorted(TOP_LEVEL))}"


def main():
    rules = [layers, doors, sizes, layout, conditions, headers, symbols, defaults, version, top_level]
    failures = 0
    print(f"1..{len(rules)}")
    for number, rule in enumerate(rules, 1):
        broken = list(rule())
        print(f"{'not ok' if broken else 'ok'} {number} - {rule.__name__.replace('_', ' ')}")
        for line in broken:
            print(f"# {line}")
        failures += bool(broken)
    return failures


if __name__ == "__main__":
    sys.exit(main())
