#!/bin/sh
# The mlp command from outside: what it prints, what it writes, how it exits.
# Usage: test_command.sh PATH-OF-MLP PATH-OF-DIGITS.CSV
# Prints TAP.
mlp=$(realpath "$1")
digits=$(realpath "$2")
. "$(dirname "$0")/tap.sh"

# ---- completion
for shell in bash zsh fish; do
    exits 0 "completion $shell" completion $shell
    holds train out
    cp out completion.$shell
    if command -v $shell >/dev/null; then
        $shell -n completion.$shell 2>err
        result $? "  $shell reads it"
    fi
done
refuses "expected bash, zsh or fish, got 'csh'" completion csh
refuses 'expected one of' completion
# complete WORD…: what bash offers for the last word
complete() {
    bash -c 'source ./completion.bash; complete -p mlp >/dev/null || exit 1; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mlp
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
if command -v bash >/dev/null; then
    [ "$(complete mlp evaluate --th)" = --threads ] && [ "$(complete mlp tra)" = train ] && complete mlp train --optimizer adam | grep -qx adamw
    result $? 'bash completes commands, options and names'
    for command in $("$mlp" --help | sed -n '/^Commands:/,/^$/ s/^  \([a-z-]*\) .*/\1/p'); do
        "$mlp" $command --help | sed '/^Examples:/,$d' | sed -nE 's/^ +(-., )?(--[a-z0-9-]+).*/\2/p' | sort -u >listed
        complete mlp $command -- | sort -u | cmp -s - listed || echo "$command"
    done >err
    [ ! -s err ]
    result $? 'bash completes every option of every command'
fi

# ---- help and info
for command in train evaluate predict inspect info; do
    exits 0 "$command --help" $command --help
    holds "usage: mlp $command" out
    holds '^Examples:' out
    # columns, not bytes, where the locale knows UTF-8; mlp's own texts are ASCII
    [ "$(awk '{ if (length($0) > 80) n++ } END { print n + 0 }' out)" -eq 0 ]
    result $? '  no line is longer than 80 columns'
done
"$mlp" train --help >out
for name in leaky-relu hard-tanh he-normal orthogonal binary-cross-entropy nesterov global-norm; do
    holds "^  $name  *[^ ]" out
done
exits 0 'help' --help
exits 0 'version' --version
cp out version
exits 0 'version as a command' version
cmp -s out version
result $? '  says the same'
"$mlp" train --help >help
exits 0 'help of a command' help train
cmp -s out help
result $? '  is what its --help prints'
refuses 'did you mean train' help trian
refuses 'did you mean evaluate' evalute
refuses "unknown option '--epohcs': did you mean --epochs" train --epohcs 3
refuses "unknown option '--learning_rate=1': did you mean --learning-rate" train --learning_rate=1
refuses "ambiguous option '--l': it may be .*--label, .*--l2" train --l 3
refuses '--epochs: given twice' train --data digits --epochs 1 --epochs 2
exits 0 'names in any case' train --data digits --epochs 1 --train-first 100 --activation ReLU --optimizer Adam --quiet
exits 0 'info' info
holds '^BLAS core' out
exits 0 'info --json' info --json
json_is_valid out

# ---- train, evaluate, predict, inspect
exits 0 'train' train --data digits --validation 0.2 --epochs 12 --seed 3 --output model --history history.csv
holds '^epoch 12/12  loss' err
holds '^validation ' out
[ "$(wc -l <history.csv)" -eq 13 ]
result $? '  the history has a line for each epoch'
exits 0 'evaluate' evaluate model --data digits
awk '/^accuracy/ { found = $2 >= 0.95 } END { exit !found }' out
result $? '  accuracy is at least 0.95'
holds 'recall  precision' out
holds '^mean of the classes  *1797  *0\.9[0-9]*  *0\.9[0-9]*  *0\.9[0-9]*  *0\.99' out
holds '^calibration  0\.0[0-9]* expected error' out
exits 0 'evaluate --json' evaluate model --data digits --json
json_is_valid out
holds '"roc_auc"' out
awk 'BEGIN { print "a,y"; for (i = 0; i < 200; i++) print i % 20 "," (i % 20 + i % 7 > 12 ? "yes" : "no") }' >two.csv
exits 0 'two classes' train --data two.csv --quiet --output two
! grep -q 'top-' out
result $? '  no top-5 of two classes'
exits 0 'evaluate two classes' evaluate two --data two.csv
holds "^'yes' from a probability of" out
awk '/^      0\.[1-9] / { n++; if ($3 > last && n > 1) bad = 1; last = $3 } END { exit bad || n != 9 }' out
result $? '  nine thresholds, whose recall falls'
refuses 'svg or .png' evaluate two --data two.csv --plot two.pdf
if command -v gnuplot >/dev/null 2>&1; then
    exits 0 'evaluate --plot' evaluate two --data two.csv --plot two.svg
    grep -q 'Reliability' two.svg && grep -q 'ROC' two.svg && grep -q 'Confusion' two.svg
    result $? '  three charts'
fi
awk 'BEGIN { print "a,y"; for (i = 0; i < 100; i++) print i / 50 "," i / 25 }' >line.csv
exits 0 'numbers' train --data line.csv --regression --quiet --output line
exits 0 'evaluate numbers' evaluate line --data line.csv
holds '^target  *RMSE  *MAE  *R2' out
exits 0 'predict' predict model --data digits
[ "$(wc -l <out)" -eq 1797 ]
result $? '  one label for each sample'
cp out labels
sed '1d; s/.*,//; s/\r$//' "$digits" | paste -d ' ' - labels | awk '$1 == $2 { n++ } END { exit !(n >= 1700) }'
result $? '  the labels are those of the samples'
exits 0 'predict --probabilities' predict model --data digits --probabilities
awk -F, 'NR > 1 { s = 0; for (i = 2; i <= NF; i++) s += $i; if (s < 0.9999 || s > 1.0001) bad = 1 }
         END { exit bad || NR != 1798 }' out
result $? '  probabilities add up to 1'
sed 1d out | cut -d, -f1 | cmp -s - labels
result $? '  with the same labels'
exits 0 'predict --json' predict model --data digits --json
json_is_valid out
exits 0 'predict --draw' predict model --data digits --draw 3
[ "$(grep -c '^predicted' out)" -eq 2 ] && grep -q '@@' out
result $? '  three pictures in two rows'
exits 0 'inspect' inspect model
holds 'he-normal' out
holds '^parameters       9610$' out
exits 0 'inspect --json' inspect model --json
json_is_valid out
exits 0 'train --json' train --data digits --epochs 1 --json --quiet
json_is_valid out
[ ! -s err ]
result $? '  --quiet --json leaves standard error empty'

# ---- the same bits for any number of threads
exits 0 'one thread' train --data digits --epochs 3 --seed 5 --threads 1 --quiet --output one
exits 0 'three threads' train --data digits --epochs 3 --seed 5 --threads 3 --quiet --output three
cmp -s one three
result $? '  the models are the same, bit for bit'

# ---- CSV files of one's own
awk 'BEGIN { srand(1); print "width;height;kind"
     for (i = 0; i < 200; i++) { x = rand(); y = rand(); print x ";" y ";" (x + y > 1 ? "large, \"L\"" : "small") } }' |
    sed 's/large, "L"/"large, ""L"""/' >kinds.csv
exits 0 'labels by name' train --data kinds.csv --delimiter ';' --label kind --epochs 60 --batch 8 --quiet -o kinds
exits 0 'evaluate it' evaluate kinds --data kinds.csv --delimiter ';' --label kind
awk '/^accuracy/ { found = $2 >= 0.9 } END { exit !found }' out
result $? '  accuracy is at least 0.9'
cut -d ';' -f 1,2 kinds.csv >features.csv
exits 0 'predict without labels' predict kinds --data features.csv --delimiter ';'
holds '^large, "L"$' out
exits 0 'probabilities quote names' predict kinds --data features.csv --delimiter ';' --probabilities
holds '^label,"large, ""L""",small$' out
exits 0 'two classes, one unit' train --data kinds.csv --delimiter ';' --output-activation sigmoid --epochs 60 \
    --batch 8 --quiet -o unit
exits 0 '  predicts two names' predict unit --data features.csv --delimiter ';' --probabilities
awk -F ';' 'NR > 1 { print $1 ";" $2 ";" $1 + 2 * $2 }' kinds.csv >sums.csv
exits 0 'regression' train --data sums.csv --delimiter ';' --regression --epochs 100 --batch 8 --quiet -o sums
exits 0 '  evaluate' evaluate sums --data sums.csv --delimiter ';'
exits 0 '  predict' predict sums --data sums.csv --delimiter ';' --label last
paste -d ';' sums.csv out | awk -F ';' '{ d = $3 - $4; s += d * d } END { exit !(s / NR < 0.01) }'
result $? '  mean squared error is below 0.01'
refuses 'numbers, not classes' predict sums --data sums.csv --delimiter ';' --label last --probabilities
exits 0 'predict of a table with labels' predict model --data "$digits"

# ---- work that fails
fails 'missing.csv' train --data missing.csv
fails 'missing' train --data missing
holds 'known sets are digits and fashion-mnist' err
fails 'missing' evaluate missing --data digits
fails 'not a safetensors file' evaluate "$digits" --data digits
refuses 'not for format csv' train --data "$digits,$digits"
fails 'no-folder/model' train --data digits --output no-folder/model
fails 'is a folder' train --data digits --output .
mkfifo pipe # never a device: where the check is broken, a save by root would replace it
fails 'not a regular file' train --data digits --output pipe
fails 'no-folder/history' train --data digits --history no-folder/history
[ -p pipe ] && [ -s model ]
result $? '  nothing was overwritten'
fails '' train --data digits --learning-rate 1e30 --optimizer sgd --quiet --output diverged
[ ! -e diverged ]
result $? '  a diverged model is not saved'
if [ -e /dev/full ]; then
    for form in '' --probabilities --json '--draw 5'; do
        "$mlp" predict model --data digits $form >/dev/full 2>err
        [ $? -eq 1 ] && grep -q '^mlp: cannot write' err
        result $? "predict $form to a full disk"
    done
    "$mlp" --help >/dev/full 2>err
    [ $? -eq 1 ]
    result $? 'help to a full disk'
fi
{ "$mlp" predict model --data digits --probabilities --batch 16 2>err; echo $? >code; } | head -n 1 >out
[ "$(cat code)" -eq 1 ] && grep -q '^mlp: ' err
result $? 'predict to a closed pipe'

# ---- Ctrl-C: the model reached so far is kept
for signal in INT TERM; do
    rm -f stopped
    begin train --data digits --epochs 1000000 --patience 1000000 --validation 0.2 --output stopped
    wait_until has_trained
    kill -$signal $process
    wait $process
    code=$?
    [ $code -eq 1 ] && grep -q "^mlp: stopped by .* saved in 'stopped'" err
    result $? "SIG$signal stops the training (exit 1, got $code)"
    exits 0 '  the model loads and works' evaluate stopped --data digits
done
echo "1..$count"
