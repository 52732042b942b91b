#!/bin/sh
# Experiments that a person repeats: files of settings, repetitions, folds, grids, rules of stopping.
# Usage: test_experiments.sh PATH-OF-MLP
# Prints TAP.
mlp=$(realpath "$1")
. "$(dirname "$0")/tap.sh"

train() { "$mlp" train --threads 1 "$@" >out 2>err </dev/null; }

# refused WORDS OPTION...: wrong usage, in one line with the words
refused() {
    words=$1
    shift
    train "$@"
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q -e "$words" err
    result $? "$* is refused"
}

# json EXPRESSION: whether it holds of the JSON in `out`, j
json() { python3 -c 'import json, math, sys; j = json.load(open("out")); sys.exit(not eval(sys.argv[1]))' "$1" 2>>err; }

# ---- files of settings
printf '\357\273\277# a comment\r\n\r\n  data = digits\r\ntrain-first=320\nhidden = 16\nepochs = 2\n#epochs = 7\nno-standardize\n' >a.conf
printf 'optimizer = "sgd"\nschedule = step:period=5,factor=0.5\n' >>a.conf
train --config a.conf --output a.model && mv out first && train --data digits --train-first 320 --hidden 16 --epochs 2 \
    --no-standardize --optimizer sgd --schedule step:period=5,factor=0.5 --output b.model && cmp a.model b.model >>err
result $? '--config FILE is what its options are'
train --config a.conf --epochs 3 --print-config && mv out b.conf && grep -qx 'epochs = 3' b.conf && grep -qx 'hidden = 16' b.conf &&
    grep -qx '# batch = N' b.conf && train --config b.conf --print-config && cmp out b.conf >>err
result $? '  the command line counts, and --print-config is read again'
for option in $("$mlp" train --help | sed -n '/^Examples/q; s/^ *\(-., \)\{0,1\}--\([a-z0-9-]*\).*/\2/p'); do
    grep -qE "^(# )?$option = " b.conf || echo "$option"
done | grep -vx -e help -e config -e print-config >err
[ ! -s err ]
result $? '  which has every option'
printf 'data = digits\nhidden = 16\nl2 = 0.1\n' >c.conf
train --config c.conf --train-first 320 --epochs 1 --weight-decay 0.2 --output a.model && train --data digits --hidden 16 \
    --train-first 320 --epochs 1 --weight-decay 0.2 --output b.model && cmp a.model b.model >>err
result $? '  also where another option of the file sets the same'
line() { # line WORDS TEXT: a file with the text in line 2 is refused, with file, line and words
    printf 'data = digits\n%s\n' "$2" >d.conf
    refused "d.conf:2: $1" --config d.conf
}
line "no setting 'hiden': did you mean hidden" 'hiden = 3'
line "no setting 'xyzzy'" 'xyzzy = 3'
line "'data' is in line 1" 'data = digits'
line "expected 'epochs = N'" epochs
line "--epochs: .* got 'x'" 'epochs = x'
line 'centralize: expected yes or no' 'centralize = 1'
line "no setting 'config'" 'config = d.conf'
printf 'data = digits\0\n' >e.conf
for file in e.conf missing.conf .; do
    train --config $file
    [ $? -eq 1 ] && grep -q -e "--config.*$file" err
    result $? "--config $file"
done
echo "1..$count"
