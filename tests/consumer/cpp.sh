#!/bin/sh
# mlp/mlp.hpp as C++17, 20 and 23, by g++ and clang++, with and without exceptions, all warnings being
# errors; where a compiler or a standard is missing that is said. TAP on standard output.
#
# usage: cpp.sh SOURCE_FOLDER BUILD_FOLDER SANITIZERS
set -eu
source=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
if [ "$3" != none ]; then
    echo "1..0 # SKIP a program without sanitizers cannot use a library with them"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LD_LIBRARY_PATH="$build/src${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
number=0
failures=0

# check COMPILER STANDARD FLAG…: compiles and runs the program.
check() {
    number=$((number + 1))
    if "$1" "-std=c++$2" $3 -Wall -Wextra -Wpedantic -Wconversion -Werror -I"$source/include" \
        "$source/tests/consumer/mlp_hpp.cpp" -o "$work/program" -L"$build/src" -lmlp >"$work/log" 2>&1 &&
        "$work/program" >>"$work/log" 2>&1; then
        echo "ok $number - $1 c++$2 $3"
    else
        echo "not ok $number - $1 c++$2 $3"
        head -n 40 "$work/log" | sed 's/^/# /'
        failures=$((failures + 1))
    fi
}

# accept COMPILER STANDARD: compiles it without making a program: what is new in a standard is said by then.
accept() {
    number=$((number + 1))
    if "$1" "-std=c++$2" -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Werror -I"$source/include" \
        "$source/tests/consumer/mlp_hpp.cpp" >"$work/log" 2>&1; then
        echo "ok $number - $1 c++$2"
    else
        echo "not ok $number - $1 c++$2"
        head -n 40 "$work/log" | sed 's/^/# /'
        failures=$((failures + 1))
    fi
}

for compiler in g++ clang++ clang++-14; do
    command -v "$compiler" >/dev/null || continue
    newest=23
    echo 'int main() {}' | "$compiler" -std=c++23 -x c++ -fsyntax-only - 2>/dev/null || newest=2b
    check "$compiler" 17 ""
    accept "$compiler" 20
    check "$compiler" $newest ""
    check "$compiler" 17 "-DMLP_NO_EXCEPTIONS -fno-exceptions"
done
echo "1..$number"
exit "$failures"
