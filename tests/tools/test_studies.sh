#!/bin/sh
# Studies with the embedded digits: verdict, table and, where gnuplot is there, pictures.
# Usage: test_studies.sh PATH-OF-MLP STUDY...    or --all: every study, too small to judge by, on one page
# Prints TAP.
mlp=$(realpath "$1")
shift
. "$(dirname "$0")/tap.sh"

# has_picture STUDY: on the page and beside it; the study of zeros has none
has_picture() {
    if command -v gnuplot >/dev/null 2>&1 && [ "$1" != zeros ]; then
        grep -q '</svg>' "page/$1-1.svg" && grep -q "($1-1.svg)" page/studies.md
        result $? "$1: its picture is on the page"
    fi
}

# Seeds that are enough for the verdict of a study that takes long with its own number of them.
seeds_of() {
    case $1 in
    clipping | exploding | scaling) echo '--seeds 3' ;;
    esac
}

# on one thread: other tests run beside it, and threads that wait for a core take many times as long
if [ "$1" = --all ]; then
    "$mlp" study --all --quiet --threads 1 --seeds 2 --samples 64 --output page >out 2>err
    studies=$("$mlp" study --help | sed -n '/^Studies:/,/^$/ s/^  \([a-z]*\) .*/\1/p')
    [ "$(echo "$studies" | wc -w)" -ge 9 ] && [ "$(grep -c '^verdict: ' page/studies.md)" -eq "$(echo "$studies" | wc -w)" ]
    result $? 'mlp study --all: a verdict of each'
    for study in $studies; do
        has_picture "$study"
    done
    set --
fi
for study in "$@"; do
    "$mlp" study "$study" --quiet --threads 1 $(seeds_of "$study") --output page >out 2>err
    result $? "mlp study $study"
    grep -q '^verdict: as predicted$' page/studies.md
    result $? "$study: as predicted"
    grep '^|' page/studies.md | sed 's/^/# /'
    has_picture "$study"
done
echo "1..$count"
