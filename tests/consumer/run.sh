#!/bin/sh
# Installs the library into a prefix of its own and builds programs against it, as a user would: the examples in C11
# and C++17, shared and static, and the first program of the README as it is printed there. TAP on standard output.
#
# usage: run.sh SOURCE_FOLDER BUILD_FOLDER
set -eu
source=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failures=0

# check NAME COMMAND…: one line of TAP; what the command printed when it fails.
check() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$work/log" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$work/log"
        failures=$((failures + 1))
    fi
}

prefix=$work/prefix
DESTDIR= "${MESON:-/usr/bin/meson}" install -C "$build" --no-rebuild --quiet --destdir "$work/stage"
# The stage holds the tree below the configured prefix; a .pc file finds its own prefix from where it lies.
installed=$(dirname "$(dirname "$(find "$work/stage" -path '*/include/mlp' -type d)")")
mv "$installed" "$prefix"
libdir=$(dirname "$(find "$prefix" -name libmlp.so)")
export PKG_CONFIG_PATH="$libdir/pkgconfig"
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
pkg="pkg-config --define-prefix"
flags="-Wall -Wextra -pedantic -Werror"
# Debian's libdir has two levels below the prefix, which --define-prefix does not expect: say it plainly.
sed -i "s|^prefix=.*|prefix=$prefix|" "$PKG_CONFIG_PATH/mlp.pc"
pkg="pkg-config"

static_libraries() {
    $pkg --static --libs mlp | sed 's/-lmlp /-l:libmlp.a /'
}

# build_example LANGUAGE NAME LIBRARIES
build_example() {
    if [ "$1" = c ]; then
        # shellcheck disable=SC2086,SC2046
        ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L $flags "$source/examples/$2.c" -o "$work/$2" \
            $($pkg --cflags mlp) $3 -pthread -lm
    else
        # shellcheck disable=SC2086,SC2046
        ${CXX:-c++} -std=c++17 $flags "$source/examples/$2.cpp" -o "$work/$2" $($pkg --cflags mlp) $3
    fi
}

# Stops train_long after ten epochs by the signal of Ctrl-C, and starts it again: the model of a training in one go.
stop_and_resume() {
    rm -rf "$work/whole" "$work/parts" "$work/stopped" && cd "$work"
    ./train_long "$digits" whole.safetensors whole
    ./train_long "$digits" parts.safetensors parts >stopped &
    process=$!
    while ! [ -s stopped ] && kill -0 $process; do
        sleep 0.01
    done
    kill -INT $process
    wait $process && return 1
    grep 'the same command goes on from parts/checkpoint-' stopped || return 1
    ./train_long "$digits" parts.safetensors parts && cmp whole.safetensors parts.safetensors
}

# Leaves a loop by hand off in its middle, twice, and starts it again: the loss of one in one go.
stop_loop() {
    rm -f "$work/whole.loop" "$work/parts.loop" && cd "$work"
    ./resume_by_hand whole.loop >whole.txt || return 1
    ! ./resume_by_hand parts.loop 137 && ! ./resume_by_hand parts.loop 612 || return 1
    ./resume_by_hand parts.loop >parts.txt 2>from.txt && grep 'from step 600' from.txt && cmp whole.txt parts.txt
}

run_examples() {
    digits=$source/examples/data/digits.csv
    check "$1: train_digits runs" "$work/train_digits" "$digits" "$work/digits.safetensors"
    check "$1: predict_threads runs" "$work/predict_threads" "$work/digits.safetensors" "$digits"
    check "$1: step_by_step runs" "$work/step_by_step"
    check "$1: custom_loss runs" "$work/custom_loss"
    check "$1: real_time runs" "$work/real_time"
    check "$1: resume_by_hand, left off and resumed, comes to the same" stop_loop
    check "$1: embed runs" "$work/embed"
    check "$1: train_long, stopped and resumed, gives the same model" stop_and_resume
}

libraries=$($pkg --libs mlp)
for example in train_digits step_by_step predict_threads custom_loss train_long resume_by_hand real_time; do
    check "shared: $example compiles" build_example c "$example" "$libraries"
done
check "shared: embed compiles" build_example c++ embed "$libraries"
run_examples shared

# The same library, linked otherwise: one program of each language.
libraries=$(static_libraries)
check "static: train_digits compiles" build_example c train_digits "$libraries"
check "static: embed compiles" build_example c++ embed "$libraries"
check "static: train_digits runs" "$work/train_digits" "$source/examples/data/digits.csv" "$work/digits.safetensors"
check "static: embed runs" "$work/embed"

# The static program must not need libmlp.so.
check "static: no libmlp.so needed" sh -c "! ldd '$work/train_digits' | grep -q libmlp"

# A program without any shared library, where those beneath are there as archives, too.
fully_static() {
    # shellcheck disable=SC2086,SC2046
    ${CC:-cc} -static -std=c11 -D_POSIX_C_SOURCE=200809L "$source/examples/train_digits.c" -o "$work/alone" $($pkg --cflags mlp) \
        $(static_libraries | sed 's/-lyajl/-lyajl_s/') -lgfortran -lquadmath -lm &&
        ! ldd "$work/alone" && "$work/alone" "$source/examples/data/digits.csv" "$work/digits.safetensors"
}
if [ "$(${CC:-cc} -print-file-name=libgfortran.a)" != libgfortran.a ]; then
    check "fully static: train_digits compiles and runs" fully_static
fi

# The README's first program: the first block of C, and the command printed below it.
readme_program() {
    mkdir -p "$work/readme" && cd "$work/readme"
    awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$source/README.md" >first.c
    test -s first.c
    command=$(grep -m 1 '^    cc .*first.c' "$source/README.md")
    eval "$command"
    ./first "$source/examples/data/digits.csv"
}
check "README: the first program compiles and runs" readme_program

# A page for beginners: each block of code goes into the file named above it; then its commands, in their order.
page() {
    if [ $# -eq 1 ]; then
        rm -rf "$work/page" && mkdir "$work/page" && cd "$work/page"
    else
        cd "$2"
    fi
    awk '/^```/ { inside = !inside && /^```(c|cpp)$/ && file != ""; next }
         inside { print >file; next }
         { file = match($0, /`[a-z_]+\.(c|cpp)`:$/) ? substr($0, RSTART + 1, RLENGTH - 3) : $0 == "" ? file : "" }' "$source/docs/$1.md"
    grep -E '^    ((cc|c\+\+|mlp) |\./)' "$source/docs/$1.md" | sed 's/^ *//' >commands
    test -s commands || return 1
    while read -r command; do
        MLP_DATA_DIR=$source/examples/data PATH=$prefix/bin:$PATH sh -ec "$command" </dev/null || return 1
    done <commands
}
for page in zero-c zero-cpp real-time embedded; do
    if [ "$page" != embedded ] || [ -e "$prefix/bin/mlp" ]; then
        check "docs/$page.md: its programs compile and run" page "$page"
    fi
done

# What docs/tables.md speaks of: 400 people and houses, of which the last hundred are the others.
make_tables() {
    awk -v folder="$1" 'BEGIN {
        srand(2)
        split("clerk manager farmer ?", jobs, " ")
        people = "age,job,married,hours,income\n"
        houses = "area,rooms,district,price\n"
        for (i = 0; i < 400; i++) {
            name = i < 300 ? "people.csv" : "more-people.csv"
            other = i < 300 ? "houses.csv" : "houses-of-may.csv"
            if (i % 300 == 0) {
                printf "%s", people >(folder "/" name)
                printf "%s", houses >(folder "/" other)
            }
            age = 18 + int(50 * rand()); hours = 20 + int(40 * rand()); job = jobs[1 + int(4 * rand())]
            rich = age + hours + 20 * (job == "manager") + 20 * rand() > 100
            printf "%d,%s,%s,%s,%s\n", age, job, rand() < 0.5 ? "yes" : "no", rand() < 0.1 ? "" : hours, rich ? "high" : "low" >(folder "/" name)
            area = 30 + int(150 * rand()); east = rand() < 0.5
            printf "%d,%d,%s,%d\n", area, 1 + area / 30, east ? "east" : "west", 2000 * area + 50000 * east + 10000 * rand() >(folder "/" other)
        }
    }'
    awk 'BEGIN { srand(3); print "length,width,species"; for (i = 0; i < 90; i++) print 4 + i % 3 + rand() "," 2 + rand() "," (i % 3 ? i % 3 > 1 ? "virginica" : "versicolor" : "setosa") }' >"$1/iris.csv"
    cut -d, -f1-4 "$1/more-people.csv" >"$1/strangers.csv"
    cut -d, -f1-3 "$1/houses-of-may.csv" >"$1/for-sale.csv"
}

# Its programs, then its commands for the shell, but for those that draw where gnuplot is absent, each section's until the next.
tables_page() {
    rm -rf "$work/tables" && mkdir "$work/tables" && make_tables "$work/tables" && page tables "$work/tables" || return 1
    [ "$(ls income.safetensors price.safetensors | wc -l)" -eq 2 ] || return 1
    [ -e "$prefix/bin/mlp" ] || return 0
    rm income.safetensors price.safetensors
    awk '/^## Other files/ { exit } /^```/ { inside = $0 == "```sh"; next } inside' "$source/docs/tables.md" >shell
    command -v gnuplot >/dev/null || sed -i '/--plot/d' shell
    PATH=$prefix/bin:$PATH sh -ex shell && [ "$(wc -l <predictions.csv)" -eq 101 ] &&
        head -n 1 strangers-with-predictions.csv | grep -qx 'age,job,married,hours,predicted income'
}
check "docs/tables.md: its programs compile and run, and its commands" tables_page

for command in mlp mlp-bench; do
    if [ -e "$prefix/bin/$command" ]; then
        check "$command --help runs" "$prefix/bin/$command" --help
    fi
done

# find_package(mlp CONFIG), in C and C++, shared and static; a version that is not there is refused.
cmake_programs() {
    rm -rf "$work/cmake" && mkdir "$work/cmake" && cd "$work/cmake"
    cat >CMakeLists.txt <<'C'
cmake_minimum_required(VERSION 3.16)
project(programs C CXX)
find_package(mlp 0.1 CONFIG REQUIRED)
find_package(mlp 99 CONFIG QUIET)
if(mlp_FOUND)
  message(FATAL_ERROR "found a version that is not there")
endif()
file(WRITE "${CMAKE_BINARY_DIR}/program.c" "#include <mlp/mlp.h>\nint main(void) { return mlp_version()[0] == 0; }\n")
file(WRITE "${CMAKE_BINARY_DIR}/program.cpp" "#include <mlp/mlp.h>\nint main() { return mlp_version()[0] == 0; }\n")
foreach(kind mlp static)
  foreach(language c cpp)
    add_executable(${kind}_${language} "${CMAKE_BINARY_DIR}/program.${language}")
    target_link_libraries(${kind}_${language} PRIVATE mlp::${kind})
  endforeach()
endforeach()
C
    cmake -S . -B build "-DCMAKE_PREFIX_PATH=$prefix" && cmake --build build &&
        build/mlp_c && build/mlp_cpp && build/static_c && build/static_cpp && ! ldd build/static_c | grep libmlp
}
if command -v cmake >/dev/null; then
    check "CMake: find_package" cmake_programs
fi

# What may reorder sums or drop NaN breaks the promises: the compiler stops, and says why.
fast_math() {
    for flag in -ffast-math -Ofast -ffinite-math-only; do
        ! ${CC:-cc} -std=c11 -O1 $flag -DMLP_LEVEL=baseline -fsyntax-only -I"$source/src" -I"$source/include" "$source/src/base/random_blocks.c" 2>"$work/errors" &&
            grep '#error.*same bits' "$work/errors" || return 1
    done
}
check "-ffast-math is refused, with its reason" fast_math

if grep -q '^build docs:' "$build/build.ninja"; then
    check "the reference has no warning" "${NINJA:-/usr/bin/ninja}" -C "$build" docs
fi

echo "1..$number"
exit "$failures"
