#!/bin/sh
# Programs of release 0.1.0 on this library: its recorded headers (mlp-0.1.0.inc), the same with a made-up
# member in every options struct, and today's; one source, one output. TAP on standard output.
#
# usage: older.sh SOURCE_FOLDER BUILD_FOLDER SANITIZERS
set -eu
source=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
consumer=$source/tests/consumer
. "$consumer/stub.sh"
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

# The recorded headers as those of a later release may be: options and layers have members more, the last
# beyond what they have grown by today.
sed -E 's/^\} mlp_(.*_options|regularization|data_arrays|layer);/    double room[16], made_up;\n&/' "$consumer/mlp-0.1.0.inc" >newer.h

check "a program of 0.1.0 runs" program older "-DHEADER=\"$consumer/mlp-0.1.0.inc\""

# Linked against a library without symbol versions, as that of 0.1.0 was.
unversioned() {
    mkdir -p then && stub then/libmlp.so "$consumer/mlp-0.1.0.inc" "$consumer/mlp-0.1.0.inc" &&
        ${CC:-cc} -std=c11 -O1 "-DHEADER=\"$consumer/mlp-0.1.0.inc\"" "$consumer/older.c" -o unversioned -Lthen -lmlp &&
        ./unversioned unversioned.checkpoints data.csv >unversioned.txt && cmp older.txt unversioned.txt
}
check "and one linked before there were symbol versions" unversioned

# A struct that the library fills grows as docs/abi.md says, in a library made for the purpose: the
# function's name moves to the new version, and 0.1.0's programs reach one that fills what they have.
grown_library() { # grown_library OUTPUT: with or without older.part
    mkdir -p include/mlp "$1"
    sed 's/^} mlp_info;/    size_t made_up[8];\n&/' "$source/include/mlp/info.h" >include/mlp/info.h
    { cat "$source/src/linalg/info.c" "$1.part"; } >info.c
    # shellcheck disable=SC2046
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -DMLP_HAVE_ZLIB=1 -fPIC -fvisibility=hidden -Iinclude -I"$source/include" -I"$source/src" -c info.c &&
        ${CC:-cc} -shared info.o -Wl,--whole-archive "$build/src/libmlp-core.a" -Wl,--no-whole-archive -Wl,-z,muldefs \
            -Wl,-soname,libmlp.so.0 -Wl,--version-script,"$1.map" -o "$1/libmlp.so.0" \
            $(readelf -d "$build/src/libmlp.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/-l:\1/p')
}
grown() {
    sed '/ mlp_info_get;/d' "$source/src/libmlp.map" >with.map
    cat >with.part <<'C'
#include <stddef.h>
#include <string.h>
/* 0.1's struct: as many bytes as it had then. */
MLP_API void info_get_0_1(void *info);
__asm__(".symver info_get_0_1, mlp_info_get@MLP_0.1");
void info_get_0_1(void *info)
{
    mlp_info now;
    mlp_info_get(&now);
    memcpy(info, &now, offsetof(mlp_info, made_up));
}
C
    cp "$source/src/libmlp.map" without.map
    : >without.part
    grown_library with && grown_library without || return 1
    LD_LIBRARY_PATH=$work/with ./unversioned with.checkpoints data.csv && LD_LIBRARY_PATH=$work/with ./older with.again data.csv || return 1
    LD_LIBRARY_PATH=$work/without ./unversioned without.checkpoints data.csv >log.without && return 1
    grep -q '^info: byte 0 behind it was written' log.without
}
check "a struct that is filled grows" grown
check "one of today's headers gives the same" eval 'program today -DTODAY -I"$source/include" && cmp older.txt today.txt'
check "one of newer headers gives the same" eval "program newer '-DHEADER=\"$work/newer.h\"' && cmp older.txt newer.txt"
check "what newer headers alone know is refused" program made_up "-DHEADER=\"$work/newer.h\"" -DMADE_UP

# Sizes of structs and values of enums. Those that a caller allocates and that say no size of their own stay
# as they are; options may grow, and so may what the library hands out.
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
