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
    --train-first 320 --epochs 1 --weight-decay 0.2 --output b.model && same_bits a.model b.model
result $? '  also where another option of the file sets the same'
train --config a.conf --quiet --output a.model --history h.csv && "$mlp" inspect a.model --settings >kept.conf 2>err &&
    grep -qx 'hidden = 16' kept.conf && ! grep -q 'output\|history\|quiet' kept.conf && train --config kept.conf --output b.model &&
    cmp a.model b.model >>err
result $? '  the model keeps what it was made by'
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
printf 'data = digits\ntrain-first = 320\nhidden = 16\nepochs = 1\nquiet = yes\njson = yes\n' >f.conf
train --config f.conf --no-json --no-quiet && grep -q '^network' out && grep -q '^epoch 1' err &&
    train --config f.conf --no-json --print-config && grep -qx 'json = no' out && mv out g.conf && train --config g.conf --print-config && cmp out g.conf >>err
result $? '--no-NAME unsets what a file sets'
train --data digits --json --no-json --print-config && grep -qx 'json = no' out && train --data digits --no-json --json --print-config && grep -qx 'json = yes' out
result $? '  and the last of both counts'
refused "ambiguous option '--no-k': it may be --no-keep-last, --no-keep-order" --data digits --no-k
refused "unknown option '--no-jsn'.*--no-json" --data digits --no-jsn
for command in $("$mlp" --help | sed -n '/^Commands:/,/^$/ s/^  \([a-z-]*\) .*/\1/p'); do
    for flag in $("$mlp" "$command" --help | sed -nE '/^Examples/q; s/^ *(-., )?--([a-z0-9-]+)(  .*)?$/\2/p' | grep -vE '^(help$|no-)'); do
        "$mlp" "$command" "--no-$flag" --nothing-of-it 2>&1 | grep -q "unknown option '--nothing-of-it'" || echo "$command --no-$flag"
    done
done >odd
mv odd err && [ ! -s err ]
result $? '  for every flag of every command'
for file in e.conf missing.conf .; do
    train --config $file
    [ $? -eq 1 ] && grep -q -e "--config.*$file" err
    result $? "--config $file"
done

# ---- repetitions and folds: every run is what it is alone, and mean and deviation are theirs
small='--data digits --train-first 400 --hidden 16 --epochs 3'
# shellcheck disable=SC2086 # split on purpose
{
    train $small --test 0.2 --validation 0.1 --stratified --repeat 3 --seed 5 --json -q && mv out runs.json
    result $? '--repeat 3'
    train $small --test 0.2 --validation 0.1 --stratified --seed 6 --json -q
    result $? '  and one of the seeds alone'
    cat >same.py <<'PYTHON'
import json, statistics
runs, alone = json.load(open('runs.json')), json.load(open('out'))
assert [r['seed'] for r in runs['runs']] == [5, 6, 7], runs
for part in 'validation', 'test':
    assert runs['runs'][1][part]['samples'] == alone[part]['samples']
    for figure in 'loss', 'accuracy', 'top_k_accuracy':
        assert runs['runs'][1][part][figure] == alone[part][figure], (part, figure)
        values = [r[part][figure] for r in runs['runs']]
        spread = runs['summary'][0][part][figure]
        assert abs(spread['mean'] - statistics.mean(values)) < 1e-8
        assert abs(spread['deviation'] - statistics.stdev(values)) < 1e-8
assert alone['test']['samples'] == 359 and alone['validation']['samples'] == 144, alone
PYTHON
    python3 same.py 2>>err
    result $? '  is what the same seed is alone, to the bit; mean and deviation are those of the runs'
    "$mlp" train $small --threads 2 --test 0.2 --validation 0.1 --stratified --repeat 3 --seed 5 --json -q >two.json 2>err &&
        grep -v '"seconds"' runs.json >one && grep -v '"seconds"' two.json | cmp - one >>err
    result $? '  and the same side by side'
    train $small --folds 3 --test digits && [ "$(grep -c '^fold . .*validation' out)" -eq 3 ] &&
        [ "$(grep -c ' test .* 1797 samples' out)" -eq 3 ] && [ "$(grep -c '^mean .* 3 runs' out)" -eq 2 ]
    result $? '--folds with --test tells both'

    # ---- grids
    train $small --validation 0.2 --test 0.2 --hidden '8;16,8' --learning-rate 1e-3,1e-2 --json -q 2>err
    [ $? -eq 2 ] && grep -q -e '--hidden: given twice' err
    result $? 'an option that is given twice is no grid'
}
small='--data digits --train-first 400 --epochs 3'
# shellcheck disable=SC2086 # split on purpose
{
    train $small --validation 0.2 --test 0.2 --hidden '8;16,8' --learning-rate 1e-3,1e-2 --json -q && mv out grid.json
    result $? 'several values are a grid'
    train $small --validation 0.2 --test 0.2 --hidden 16,8 --learning-rate 1e-3 --json -q
    cat >grid.py <<'PYTHON'
import json
grid, alone = json.load(open('grid.json')), json.load(open('out'))
assert [(r['settings']['hidden'], r['settings']['learning-rate']) for r in grid['runs']] == \
    [('8', '1e-3'), ('8', '1e-2'), ('16,8', '1e-3'), ('16,8', '1e-2')]
same = grid['runs'][2]
assert same['validation']['loss'] == alone['validation']['loss'] and same['test']['loss'] == alone['test']['loss']
order = [s['validation']['accuracy']['mean'] for s in grid['summary']]
assert order == sorted(order, reverse=True) and len(set(order)) > 2
PYTHON
    python3 grid.py 2>>err
    result $? '  each run is what it is alone, and the best by validation is first'
    printf 'hidden = 8; 16,8\noptimizer = sgd;adam\n' >grid.conf
    train $small --config grid.conf --folds 2 && [ "$(wc -l <out)" -eq 5 ] &&
        [ "$(grep -c -e '--hidden 16,8 --optimizer' out)" -eq 2 ] && grep -q ' +- ' out && ! grep -q test out
    result $? '  also of a file, and of folds'
    train $small --hidden 8 --validation 0.2 --optimizer sgd --learning-rate '1e-3;1e30' -q && tail -n 1 out | grep -q '1e30 .*diverged'
    result $? '  a training that diverges is last'
    refused 'give --validation' $small --hidden '8;16' -q
    refused 'several values of an option: cannot be given with --output' $small --hidden '8;16' --validation 0.2 --output m
    refused 'separated by commas or by semicolons' $small --learning-rate '1e-3,2e-3;3e-3'
    refused "may be one number or two" $small --l1 0,5
    refused "expected values separated by ';'" $small --hidden '8;'
    refused "'8' is given twice" $small --hidden '8;16;8'
    refused "got 'x'" $small --hidden '8;x' --validation 0.2
}
refused 'above 0 and below 1' --data digits --test 1.5

# ---- groups are never on both sides
python3 - <<'PYTHON'
import random
random.seed(1)
with open('groups.csv', 'w') as f:
    f.write('x,z,who,y\n')
    for who in range(40):
        for _ in range(random.randint(2, 9)):
            f.write(f'{random.random():.4f},{random.random():.4f},p{who},{"ab"[who % 2]}\n')
PYTHON
for how in '--folds 4' '--folds 4 --stratified' '--validation 0.25 --stratified' '--validation 0.25 --test 0.25'; do
    # shellcheck disable=SC2086 # split on purpose
    train --data groups.csv --group who $how --epochs 1 -q
    result $? "--group with $how"
done
printf 'x,who,y\n1,a,1\n2,a,2\n3,b,1\n4,b,2\n' >two.csv
refused 'there are 2 groups, expected at least 3' --data two.csv --group who --folds 3 -q
# ---- length of a training
small='--data digits --train-first 400 --hidden 16,8'
# shellcheck disable=SC2086 # split on purpose
{
    train $small --epochs 9 --validation 0.2 --validate-every 4 --history h.csv &&
        [ "$(awk -F, 'NR > 1 && $4 != "" { printf "%s ", $1 }' h.csv)" = '4 8 9 ' ]
    result $? '--validate-every 4 validates in epochs 4, 8 and the last'
    train $small --epochs 60 --patience 2 --patience-on training-loss --minimum-improvement 0.3 --json &&
        json 'j["stopped_early"] and not j["restored"] and len(j["history"]) < 60'
    result $? '--patience-on training-loss needs no validation'
    train $small --epochs 60 --validation 0.2 --patience 2 --patience-on validation-accuracy --json &&
        json 'j["best_epoch"] == 1 + max(range(len(j["history"])), key=lambda e: (j["history"][e]["validation"]["accuracy"], -e))'
    result $? '--patience-on validation-accuracy keeps the best of it'
    train $small --epochs 2 --dropout 0.5,0 --output a.model && train $small --epochs 2 --dropout 0.5,0.0 --output b.model &&
        train $small --epochs 2 --dropout 0.5 --output c.model && same_bits a.model b.model && ! same_bits a.model c.model
    result $? '--dropout 0.5,0 is of the first layer alone'
    refused 'got 3 numbers, expected 1 or one for each of the 2 hidden layers' $small --dropout 0.1,0.2,0.3
    refused '--patience: needs a validation set' $small --epochs 3 --patience 2
    refused '--validate-every: needs a validation set' $small --epochs 3 --validate-every 2
}
# shellcheck disable=SC2086 # split on purpose
{
    train $small --epochs 0 --output start.model --json && json 'j["history"] == [] and 0 < j["train"]["loss"] < 10' &&
        train $small --epochs 2 --output a.model && train --data digits --train-first 400 --from start.model --epochs 2 --output b.model &&
        same_bits a.model b.model
    result $? '--epochs 0 saves the start, from which --from goes on as a new training does'
    train $small --epochs 3 --batch all --output a.model && train $small --epochs 3 --batch 400 --output b.model && same_bits a.model b.model
    result $? '--batch all is all samples'
    train $small --epochs 1 --optimizer rprop -q && grep -q -e '--optimizer rprop .* 64 of 400 samples .* --batch all' err &&
        train $small --epochs 1 --optimizer rprop --batch all -q && ! grep -q rprop err
    result $? 'rprop on parts of the samples is told'
    train $small --weight-decay 0,0.1 --l2 0.1 --batch 64,all --epochs 1 --validation 0.2 -q && [ "$(wc -l <out)" -eq 5 ]
    result $? 'numbers with a word are numbers, too'
    (
        "$mlp" train $small --epochs 900000 --threads 1 --quiet --log stopped.csv --output stopped.model --test digits >out 2>err &
        while kill -0 $! 2>/dev/null && [ "$(cat stopped.csv 2>/dev/null | wc -l)" -lt 3 ]; do
            sleep 0.1
        done
        kill -TERM $!
        wait $! && exit 1
        grep -q '^train .*accuracy' out && grep -q '^test .*accuracy' out && [ -s stopped.model ] &&
            grep -q "stopped by [A-Z][a-z]* in epoch .* of 900000; the model reached so far is saved in 'stopped.model'" err
    )
    result $? 'a training that a signal stops is saved and evaluated'
    refused '--checkpoint: there is nothing to go on from' $small --epochs 0 --checkpoint ck
}
cp "$(dirname "$mlp")/digits.csv" one.csv && ln -f one.csv two.csv && ln -sf one.csv three.csv
refused "'three.csv' is what the model is tested on" --data digits --test two.csv --validation-data three.csv
train --data one.csv --test three.csv --epochs 0 -q && grep -q -e "--test: 'three.csv' is the training data" err
result $? 'a test on the training data is told'
echo "1..$count"
