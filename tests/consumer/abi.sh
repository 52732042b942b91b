#!/bin/sh
# The interface of 0.1.0, from its recorded headers, against today's, by libabigail: nothing may go or change
# but structs that say their size, and what the library hands out, which may grow at their ends. TAP on
# standard output.
#
# usage: abi.sh SOURCE_FOLDER
set -eu
source=$(cd "$1" && pwd)
consumer=$source/tests/consumer
command -v abidiff >/dev/null || { echo "1..0 # SKIP there is no abidiff (Debian: abigail-tools)"; exit 0; }
. "$consumer/stub.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
versions=-Wl,--version-script,$source/src/libmlp.map
cat >growth <<'S'
[suppress_type]
name_regexp = ^mlp_(.*_options|regularization|data_arrays|progress)$
type_kind = struct
has_data_member_inserted_at = end
S
number=0
failures=0

# expect RESULT NAME HEADER DECLARATIONS FLAG…: whether these headers' interface is one that programs of
# 0.1.0 can use.
expect() {
    expected=$1
    name=$2
    shift 2
    number=$((number + 1))
    stub now.so "$@" "$versions"
    if abidiff --no-added-syms --suppressions growth then.so now.so >log 2>&1; then result=same; else result=other; fi
    if [ "$result" = "$expected" ]; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        head -n 60 log | sed 's/^/# /'
        failures=$((failures + 1))
    fi
}

stub then.so "$consumer/mlp-0.1.0.inc" "$consumer/mlp-0.1.0.inc" "$versions"
expect same "today's interface has all of 0.1.0's" mlp/mlp.h "$source/include/mlp/*.h" -I"$source/include"

# What must be noticed: headers with a member in the middle, a struct without a size that grew, a function
# less.
changed() {
    sed -E "$2" "$consumer/mlp-0.1.0.inc" >changed.h
    expect other "noticed: $1" changed.h "$work/changed.h" -I"$work"
}
changed "a member in the middle of options" 's/^typedef struct mlp_fit_options \{/&\n    size_t made_up;/'
changed "more in a struct without a size" 's/^\} mlp_metrics;/    double made_up;\n&/'
changed "a function that has gone" '/ mlp_model_save\(/d'
changed "a parameter of another type" '/ mlp_backward\(/s/float/double/'
echo "1..$number"
exit "$failures"
