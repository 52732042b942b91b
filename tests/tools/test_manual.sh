#!/bin/sh
# The manual page against the command: each has every option and every command of the other, and the page renders without a warning.
# Usage: test_manual.sh PATH-OF-MLP PATH-OF-PAGE
# Prints TAP.
mlp=$(realpath "$1")
page=$(realpath "$2")
. "$(dirname "$0")/tap.sh"

long_options() {
    grep -oE -e '--[a-z0-9][a-z0-9-]*' | sort -u
}

# Options that a command lists: lines that begin with one, up to the examples.
listed() {
    "$mlp" "$1" --help | sed '/^Examples:/,$d' | grep -E '^ +(-., )?--' | sed -E 's/^ +(-., )?(--[a-z0-9-]+).*/\2/' | sort -u
}

# A hyphen is \- in roff. A definition is the line after .TP.
sed 's/\\-/-/g; s/\\f[A-Z]//g' "$page" >plain
grep -v '^\.\\"' plain | long_options >mentioned
sed -n '/^\.TP/ { n; p; }' plain | long_options >defined

"$mlp" --help | sed -n '/^Commands:/,/^$/ s/^  \([a-z-]*\) .*/\1/p' >commands
[ "$(wc -l <commands)" -ge 8 ] && for command in $(cat commands); do listed "$command"; done >found 2>err &&
    [ "$(wc -l <found)" -ge 100 ]
result $? 'every command lists its options'

for command in $(cat commands); do
    grep -qx ".B mlp $command.*" plain || echo "$command: not in the synopsis"
    grep -qx ".B $command" plain || echo "$command: not described"
done >err
[ ! -s err ]
result $? 'every command is in the page'

for command in $(cat commands); do
    listed "$command" | grep -vx -e --help >wanted
    comm -23 wanted defined | sed "s/^/mlp $command: /"
done >err
[ ! -s err ]
result $? 'every option of a command has its paragraph in the page'

{ echo --help; echo --version; cat found; } | sort -u >known
comm -13 known mentioned >err
[ ! -s err ]
result $? 'every option in the page is one of a command'

# The worked example: the textbook's network learns as the textbook says, which it does not by the mean over the units.
example=$(sed -n '/^# the network of a textbook/,/^\.EE/p' "$page" | sed '1d; /^\.EE/d; s/\\-/-/g; s/\\e$//' | tr '\n' ' ')
for reduction in sample-mean mean; do
    # shellcheck disable=SC2086 # a command line
    set -- $(echo "$example" | sed "s/sample-mean/$reduction/; s/--epochs 30/--epochs 10/")
    shift
    "$mlp" "$@" --test 0.2 --threads 1 --json --quiet >$reduction 2>err || : >$reduction
done
python3 -c 'import json
accuracy = [json.load(open(name))["test"]["accuracy"] for name in ("sample-mean", "mean")]
assert accuracy[0] > 0.93 > accuracy[1], accuracy' 2>>err
result $? 'the example of the textbook learns'

if command -v groff >/dev/null 2>&1; then
    groff -man -ww -z "$page" >err 2>&1 && [ ! -s err ]
    result $? 'the page renders without a warning'
else
    skipped 'the page renders without a warning' 'needs groff'
fi
echo "1..$count"
