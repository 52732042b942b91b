#!/bin/sh
# Every study with the embedded digits: its verdict, its table and, where gnuplot is there, its pictures.
# Usage: test_studies.sh PATH-OF-MLP
# Prints TAP.
mlp=$(realpath "$1")
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
count=0

result() {
    count=$((count + 1))
    [ "$1" -eq 0 ] && echo "ok $count - $2" || echo "not ok $count - $2"
}

# on one thread: other tests run beside it, and threads that wait for a core take many times as long
"$mlp" study --all --quiet --threads 1 --output page >out 2>err
result $? 'mlp study --all'
for study in zeros vanishing exploding activations scaling clipping biases depth compare; do
    sed -n "/^## $study:/,/^## /p" page/studies.md >one
    grep -q '^verdict: as predicted$' one
    result $? "$study: as predicted"
    grep '^|' one | sed 's/^/# /'
    if command -v gnuplot >/dev/null 2>&1 && [ $study != zeros ]; then
        grep -q '</svg>' "page/$study-1.svg" && grep -q "($study-1.svg)" one
        result $? "$study: its picture is on the page"
    fi
done
echo "1..$count"
