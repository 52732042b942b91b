#!/bin/sh
# Programs of release 0.1.0 on this library: its recorded headers (mlp-0.1.0.inc), the same with a made-up member in every
# options struct, and today's; one source, one output. TAP on standard output.
#
# usage: older.sh SOURCE_FOLDER BUILD_FOLDER SANITIZERS
set -eu
source=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
consumer=$source/tests/consumer
if [ "$3" != none ]; then
    echo "1..0 # SKIP a program without sanitizers cannot use a library with them"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LD_LIBRARY_PATH="$build/src${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
printf 'a,b,class\n1,2,0\n3,4,1\n' >data.csv
number=0
failures=0

# check NAME COMMAND…: one line of TAP; what the command printed when it fails.
check() {
    what=$1
    shift
    number=$((number + 1))
    if "$@" >log 2>&1; then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
        head -n 40 log | sed 's/^/# /'
        failures=$((failures + 1))
    fi
}

# program NAME FLAGS…: compiles older.c and keeps what it prints in NAME.txt.
program() {
    name=$1
    shift
    ${CC:-cc} -std=c11 -O1 "$@" "$consumer/older.c" -o "$name" -L"$build/src" -lmlp &&
        { "./$name" "$work/$name.checkpoints" data.csv >"$name.txt" || { cat "$name.txt"; return 1; }; }
}

# The recorded headers as those of a later release may be: options and layers have members more, the last beyond what they have
# grown by today.
sed -E 's/^\} mlp_(.*_options|regularization|data_arrays|layer);/    double room[16], made_up;\n&/' "$consumer/mlp-0.1.0.inc" >newer.h

check "a program of 0.1.0 runs" program older "-DHEADER=\"$consumer/mlp-0.1.0.inc\""
check "one of today's headers gives the same" eval 'program today -DTODAY -I"$source/include" && cmp older.txt today.txt'
check "one of newer headers gives the same" eval "program newer '-DHEADER=\"$work/newer.h\"' && cmp older.txt newer.txt"
check "what newer headers alone know is refused" program made_up "-DHEADER=\"$work/newer.h\"" -DMADE_UP

# Sizes of structs and values of enums. Those that a caller allocates and that say no size of their own stay as they are;
# options may grow, and so may what the library hands out.
structs=$(sed -n 's/^} \(mlp_[a-z_]*\);/\1/p' "$consumer/mlp-0.1.0.inc" | grep -Ev '_options$|^mlp_(regularization|data_arrays|progress)$')
values=$(grep -Eo 'MLP_[A-Z0-9_]+ = ' "$consumer/mlp-0.1.0.inc" | sed 's/ = //')
cat >shapes.c <<'C'
#include <stdio.h>
#define SIZE(type) printf("sizeof " #type " %zu\n", sizeof(type));
#define VALUE(name) printf(#name " %d\n", (int)name);
int main(void)
{
C
for struct in $structs; do printf 'SIZE(%s)\n' "$struct"; done >>shapes.c
for value in $values; do printf 'VALUE(%s)\n' "$value"; done >>shapes.c
echo '}' >>shapes.c
shapes() {
    ${CC:-cc} -std=c11 -include "$consumer/mlp-0.1.0.inc" shapes.c -o shapes && ./shapes >shapes_then &&
        ${CC:-cc} -std=c11 -I"$source/include" -include mlp/mlp.h shapes.c -o shapes && ./shapes >shapes_now &&
        diff shapes_then shapes_now
}
check "sizes and values are those of 0.1.0" shapes
echo "1..$number"
exit "$failures"
