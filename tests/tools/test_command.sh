#!/bin/sh
# The mlp command from outside: what it prints, what it writes, how it exits.
# Usage: test_command.sh PATH-OF-MLP PATH-OF-DIGITS.CSV
# Prints TAP.
mlp=$(realpath "$1")
digits=$(realpath "$2")
. "$(dirname "$0")/tap.sh"

# exits CODE NAME ARGUMENT...: runs mlp; its output lies in out and err
exits() {
    expected=$1 name=$2
    shift 2
    "$mlp" "$@" >out 2>err </dev/null
    code=$?
    [ "$code" -eq "$expected" ]
    result $? "$name (exit $expected, got $code)"
}

# holds PATTERN FILE: the last run wrote this
holds() {
    grep -q -e "$1" "$2"
    result $? "  $2 has '$1'"
}

# refuses PATTERN ARGUMENT...: wrong usage; the message begins with mlp: and has the pattern, stdout stays empty
refuses() {
    pattern=$1
    shift
    exits 2 "refused: $*" "$@"
    grep -q -e "^mlp: .*$pattern" err && [ ! -s out ]
    result $? "  the message has '$pattern'"
}

# fails PATTERN ARGUMENT...: work that fails
fails() {
    pattern=$1
    shift
    exits 1 "fails: $*" "$@"
    grep -q "^mlp: .*$pattern" err
    result $? "  the message has '$pattern'"
}

json_is_valid() {
    if command -v python3 >/dev/null 2>&1; then
        python3 -m json.tool "$1" >/dev/null 2>err
        result $? "  $1 is JSON"
    else
        head -c 1 "$1" | grep -q '[[{]'
        result $? "  $1 begins like JSON"
    fi
}

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

# ---- every strategy by name
for name in $("$mlp" train --help | sed -n '/^Activations:/,/^$/s/^  \([a-z-]*\)  .*/\1/p' | grep -v softmax); do
    exits 0 "activation $name" train --data digits --epochs 1 --train-first 200 --activation "$name" --quiet
done
for name in $("$mlp" train --help | sed -n '/^Initializers:/,/^$/s/^  \([a-z-]*\)  .*/\1/p'); do
    exits 0 "initializer $name" train --data digits --epochs 1 --train-first 200 --init "$name" --quiet
done
for name in $("$mlp" train --help | sed -n '/^Losses:/,/^$/s/^  \([a-z-]*\)  .*/\1/p'); do
    exits 0 "loss $name" train --data digits --epochs 1 --train-first 200 --loss "$name" --quiet
done
for name in $("$mlp" train --help | sed -n '/^Optimizers:/,/^$/s/^  \([a-z-]*\)  .*/\1/p'); do
    exits 0 "optimizer $name" train --data digits --epochs 1 --train-first 200 --optimizer "$name" --quiet
done
for name in $("$mlp" train --help | sed -n '/^Clipping rules:/,/^$/s/^  \([a-z-]*\)  .*/\1/p'); do
    exits 0 "clip $name" train --data digits --epochs 1 --train-first 200 --clip "$name" --quiet
done
exits 0 'every option at once' train --data digits --validation-last 300 --train-first 900 --no-standardize \
    --hidden 20,15 --activation leaky-relu:0.2,tanh --output-activation softmax --output-units 10 \
    --init uniform:-0.1,0.1,he-normal:gain=1.5,fan=out,normal:0.05 \
    --bias-init normal:0.1 --output-bias-init constant:0.2 \
    --loss cross-entropy --reduction sum --label-smoothing 0.1 --class-weights 1,1,1,1,1,1,1,1,1,2 \
    --optimizer adamw --learning-rate 1e-3 --beta1 0.8 --beta2 0.99 --epsilon 1e-7 --weight-decay 0.1 \
    --decay decoupled --decay-biases --clip global-norm:0.5 --nonfinite skip:3 \
    --epochs 3 --batch 17 --seed 18446744073709551615 \
    --patience 2 --minimum-improvement 0.001 --keep-last --keep-order --top-k 2 --threads 2 --quiet -o all
exits 0 'a published experiment' train --data digits --hidden 30 --activation sigmoid --output-activation sigmoid \
    --loss binary-cross-entropy --init normal:1 --bias-init normal:1 --optimizer sgd --learning-rate 0.5 --l2 0.0001 \
    --epochs 2 --batch 10 --quiet -o sigmoids
exits 0 '  is evaluated' evaluate sigmoids --data digits

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

# ---- wrong usage: the message names the option
refuses "no command 'trian'" trian
refuses '--data is missing' train
refuses "'--frobnicate'" train --frobnicate
refuses "'-x'" train -x
refuses '--data: expected' train --data
refuses 'takes no value' train --json=yes
refuses 'the model.s file is missing' evaluate --data digits
refuses "unexpected 'b'" inspect a b
refuses "unexpected 'extra'" train --data digits extra
refuses "unexpected 'extra'" info extra
for option in epochs batch seed patience top-k threads train-first validation-last output-units; do
    for value in -1 1.5 x '' 99999999999999999999999; do
        refuses "--$option: expected .*, got '$value'" train --data digits --$option="$value"
    done
done
for option in batch top-k threads train-first validation-last output-units; do
    refuses "--$option: expected .*, got '0'" train --data digits --$option 0
done
for option in learning-rate momentum beta1 beta2 epsilon weight-decay l2 huber-delta label-smoothing validation \
    init-gain minimum-improvement; do
    for value in -1 x nan inf 1e999 '1 ' ''; do
        refuses "--$option: expected .*, got '$value'" train --data digits --$option="$value"
    done
done
for value in 0 -3 1.5 a 10,,5 10, ,; do
    refuses '--hidden: expected' train --data digits --hidden="$value"
done
refuses '--activation' train --data digits --activation rleu
refuses '--activation' train --data digits --activation leaky-relu:x
refuses '--activation' train --data digits --activation custom
refuses '--activation: got 3 choices' train --data digits --hidden 5,5 --activation relu,relu,relu
refuses '--output-activation' train --data digits --output-activation relu,relu
refuses '--init' train --data digits --init he
refuses '--init: normal' train --data digits --init normal:0
refuses '--init: uniform' train --data digits --init uniform:1,0
refuses '--init' train --data digits --init normal:1,2,3
refuses '--init' train --data digits --init he-normal:gain=0
refuses '--init' train --data digits --init he-normal:gian=1
refuses '--init-fan' train --data digits --init-fan outside
refuses '--init-distribution' train --data digits --init-distribution cauchy
refuses '--bias-init' train --data digits --bias-init none
refuses '--loss' train --data digits --loss hinge
refuses '--reduction' train --data digits --reduction median
refuses '--optimizer' train --data digits --optimizer newton
refuses '--decay' train --data digits --decay half
refuses '--clip' train --data digits --clip norm
refuses '--clip' train --data digits --clip global-norm:0
refuses '--clip' train --data digits --clip none:1
refuses '--nonfinite' train --data digits --nonfinite skip:0
refuses '--nonfinite' train --data digits --nonfinite error:3
refuses '--class-weights: expected 10' train --data digits --class-weights 1,2
refuses '--class-weights' train --data digits --class-weights 1,-2
refuses '--label' train --data digits --label -5
refuses '--delimiter' train --data digits --delimiter ab
refuses '--header' train --data digits --header maybe
refuses '--patience' train --data digits --patience 3
refuses 'one of --validation' train --data digits --validation 0.1 --validation-last 5
refuses '--validation-last: the data has 1797' train --data digits --validation-last 1797
refuses '--train-first: there are 1797' train --data digits --train-first 1798
refuses 'momentum' train --data digits --optimizer sgd --momentum 0.9
refuses 'sigmoid' train --data digits --output-activation sigmoid --loss cross-entropy
refuses 'no test part' evaluate model --data digits --part test
refuses '--part: expected' evaluate model --data digits --part third
refuses 'needs labels' train --data digits --label none
refuses 'one of --probabilities' predict model --data digits --probabilities --json

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

# ---- diagnosis
exits 0 'diagnose a trained model' diagnose model --data digits --samples 100
holds '^ *0 .*relu' out
exits 0 'diagnose a start' diagnose --data digits --seed 2
holds 'healthy: per layer' out
[ "$(awk 'length > 80' out | wc -l)" -eq 0 ]
result $? '  no line is longer than 80 columns'
deep=64,64,64,64,64,64,64
exits 0 'sigmoid in depth vanishes' diagnose --data digits --hidden $deep --activation sigmoid
holds 'vanishing: layers 0' out
holds 'relu' out
exits 1 'and is a failure with --check' diagnose --data digits --hidden $deep --activation sigmoid --check
exits 0 'no weights' diagnose --data digits --hidden 20,20 --init zeros
holds 'symmetric: layers 0-1' out
exits 0 'unscaled weights in depth' diagnose --data digits --hidden $deep --init normal:1
holds 'exploding: layers' out
exits 0 'biases far below' diagnose --data digits --hidden 30,30 --bias-init constant:-90
holds 'dead: layers\? 0' out
exits 0 'saturation' diagnose --data digits --hidden 64,64 --activation tanh --init normal:1
holds 'saturated: layers' out
exits 0 'as JSON' diagnose --data digits --hidden 9 --json
json_is_valid out
exits 0 'a start fitted to the data' diagnose --data digits --hidden 30,30 --data-init lsuv
holds 'layer' out
exits 0 'training from it' train --data digits --hidden 30,30 --data-init weight-norm --epochs 2 --quiet
refuses 'data-init' train --data digits --data-init data
printf 'a,b,c\n1,2,x\n1,2,y\n1,2,x\n' >constant.csv
fails 'data-init: layer 0' train --data constant.csv --data-init lsuv
exits 0 'a gradient check' diagnose --data digits --hidden 9 --activation tanh --gradient-check --check --learning-rate 0.1
holds '^ *1  b  *10 ' out
holds '^gradients: right$' out
[ "$(awk 'length > 80' out | wc -l)" -eq 0 ]
result $? '  no line is longer than 80 columns'
exits 0 '  and a step as JSON' diagnose --data digits --hidden 9 --gradient-check --optimizer adam --json
json_is_valid out
grep -q '"relative_error": [0-9.e-]*,' out && grep -q '"update_ratio": 0.0' out && grep -q '"passed": true' out
result $? '  its figures are there'
if command -v gnuplot >/dev/null 2>&1; then
    exits 0 'charts' diagnose --data digits --hidden 9,9 --plot charts.svg
    holds '</svg>' charts.svg
    fails 'nothing/there.svg: cannot write' diagnose --data digits --plot nothing/there.svg
fi
refuses '--plot: expected a file name that ends in .svg or .png' diagnose --data digits --plot charts.txt
refuses '--learning-rate: expected a number above 0' diagnose --data digits --learning-rate 0
refuses '--data is missing' diagnose
refuses '--samples' diagnose --data digits --samples 0
fails 'cannot open' diagnose nothing --data digits
if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import json, struct
whole = bytearray(open("model", "rb").read())
start = 8 + struct.unpack("<Q", whole[:8])[0]
first = json.loads(whole[8:start])["layers.1.weight"]["data_offsets"][0]
whole[start + first:start + first + 4] = struct.pack("<f", float("nan"))
open("model-nan", "wb").write(whole)'
    fails "'layers.1.weight' has the value nan at row 0, column 0" diagnose model-nan --data digits
    holds 'non-finite: .*train it again' err
fi

# ---- gains and the maximal update parametrization
exits 0 'a gain by rule' train --data digits --activation tanh --init orthogonal:gain=pytorch --epochs 1 --quiet --output gained
exits 0 '  which the model keeps' inspect gained
holds ' orthogonal  *128 *1.667 ' out
refuses 'gain: expected a number' train --data digits --init orthogonal:gain=some
exits 0 'mup' train --data digits --hidden 256,256 --mup 64 --epochs 2 --quiet --output scaled
exits 0 '  and what it draws' inspect scaled
holds ' mup  *1024 *1 *0.03125$' out
holds 'sigma_w^2 .* chi_1' out
refuses '--mup: chooses' train --data digits --mup 64 --init zeros
refuses '--mup' train --data digits --mup 0.5

# ---- single layers, and a saved model to start from
# tensor FILE NAME: its bytes as hexadecimal digits
tensor() {
    python3 -c 'import json, struct, sys
whole = open(sys.argv[1], "rb").read()
start = 8 + struct.unpack("<Q", whole[:8])[0]
first, last = json.loads(whole[8:start])[sys.argv[2]]["data_offsets"]
print(whole[start + first:start + last].hex())' "$1" "$2"
}

# same FILE FILE NAME: both have the tensor, with the same bits; differ: with others
same() {
    [ -n "$(tensor "$1" "$3")" ] && [ "$(tensor "$1" "$3")" = "$(tensor "$2" "$3")" ]
    result $? "  $3 of $1 and $2 is the same"
}
differ() {
    [ -n "$(tensor "$2" "$3")" ] && [ "$(tensor "$1" "$3")" != "$(tensor "$2" "$3")" ]
    result $? "  $3 of $1 and $2 differs"
}

# step OUTPUT OPTION...: one step of gradient descent on all samples
step() {
    output=$1
    shift
    exits 0 "a step: $*" train --data digits --batch 1797 --epochs 1 --optimizer sgd --quiet --output "$output" "$@"
}

if command -v python3 >/dev/null 2>&1; then
    step plain
    step doubled --learning-rate 0.02
    step rates --layer-rate 0:2,1:2:1
    same rates doubled layers.0.weight
    same rates doubled layers.0.bias
    same rates doubled layers.1.weight
    same rates plain layers.1.bias
    step frozen --freeze 0 --layer-rate 1:2
    same frozen doubled layers.1.weight
    differ frozen plain layers.0.weight
    step weights-frozen --layer-rate 0:0:1
    same weights-frozen frozen layers.0.weight
    same weights-frozen plain layers.0.bias
    step scaled-rates --mup 64 --layer-rate 0:2,1:2
    step scaled-rate --mup 64 --learning-rate 0.02
    same scaled-rates scaled-rate layers.0.weight
    same scaled-rates scaled-rate layers.1.weight
    step mup --mup 64
    differ scaled-rates mup layers.0.weight
    step mup-again --mup 64 --from mup
    differ mup-again mup layers.0.weight
    step decayed --l2 0.5
    step decays --l2 0.25 --layer-decay 0:2,1:0
    same decays decayed layers.0.weight
    same decays plain layers.1.weight
    differ decays plain layers.0.weight
    step clipped --clip value:0.001
    step clips --layer-clip 0:value:0.001
    same clips clipped layers.0.weight
    same clips plain layers.1.weight
    step spared --clip value:0.001 --layer-clip 1:none,0:value:1e9
    same spared plain layers.0.weight
    same spared plain layers.1.weight
    differ clips plain layers.0.weight

    exits 0 'fine-tuning' train --from model --data digits --freeze 0 --epochs 1 --quiet --output tuned
    same tuned model layers.0.weight
    same tuned model layers.0.bias
    differ tuned model layers.1.weight
    exits 0 'starting from a model' train --from kinds --data kinds.csv --delimiter ';' --learning-rate 1e-30 --epochs 1 --quiet \
        --output kinds-again
    for name in layers.0.weight layers.1.bias standardization.mean standardization.scale; do
        same kinds kinds-again $name
    done
fi
exits 0 'classes are the model.s' train --from kinds --data kinds.csv --delimiter ';' --epochs 1 --quiet --output kinds-again
exits 0 '  in its order' predict kinds-again --data features.csv --delimiter ';' --probabilities
holds '^label,"large, ""L""",small$' out
awk -F ';' 'NR == 1 || $3 == "small"' kinds.csv >small.csv
exits 0 '  also where some are missing' train --from kinds --data small.csv --delimiter ';' --epochs 1 --quiet
sed 's/small$/tiny/' kinds.csv >tiny.csv
fails "label 'tiny' is none of the 2 known classes" train --from kinds --data tiny.csv --delimiter ';'
exits 0 'numbers from a model' train --from sums --data sums.csv --delimiter ';' --epochs 1 --validation 0.2 --quiet --output sums-again
exits 0 '  stay numbers' evaluate sums-again --data sums.csv --delimiter ';'
exits 0 'folds from a model' train --from model --data digits --folds 2 --epochs 1 --quiet
printf 'a,b,c\n1,2,1\n2,3,0\n' >narrow.csv
fails "column 'pixel_0_0' is missing" train --from model --data narrow.csv
fails 'cannot open' train --from nothing --data digits
fails 'not a safetensors file' train --from "$digits" --data digits
refuses '--regression: the model' train --from kinds --data kinds.csv --delimiter ';' --regression
for option in --hidden=9 --activation=tanh --output-activation=softmax --output-units=10 --init=zeros --output-init=zeros --init-gain=2 \
    --init-fan=in --init-distribution=normal --bias-init=zeros --output-bias-init=zeros --data-init=lsuv --loss=cross-entropy \
    --reduction=mean --label-smoothing=0 --huber-delta=2 --class-weights=balanced --standardize --no-standardize; do
    refuses "${option%%=*}: cannot be given with --from" train --from model --data digits $option
done

refuses '--freeze: there is no layer 2: the network has 2 layers' train --data digits --freeze 2
refuses '--freeze, --layer-rate: every layer is frozen, all 2' train --data digits --freeze 0,1
refuses '--freeze: layer 0 is there twice' train --data digits --freeze 0,0
refuses '--layer-rate: there is no layer 18446744073709551615' train --data digits --layer-rate 18446744073709551615:1
refuses '--layer-rate: layer 0 is frozen' train --data digits --freeze 0 --layer-rate 0:2
refuses '--layer-decay: there is no decay' train --data digits --layer-decay 0:2
refuses "--layer-clip: clip: unknown name 'norm'" train --data digits --layer-clip 0:norm:1
refuses '--layer-clip: layer 0: the clipping rule global-norm' train --data digits --layer-clip 0:global-norm:1
refuses '--layer-clip: expected RULE:THRESHOLD' train --data digits --layer-clip 0:value:0
refuses '--layer-clip: none takes no threshold' train --data digits --layer-clip 0:none:1
refuses '--layer-clip: custom' train --data digits --layer-clip 0:custom
refuses 'layer 1: learning rate times decay is 1.5' train --data digits --optimizer adamw --learning-rate 0.5 --layer-rate 1:300
for item in x 0: -1 1.5 '' 0,,1 99999999999999999999999; do
    refuses '--freeze: expected LAYER,\.\.\.' train --data digits --freeze="$item"
done
for item in 0 0: 0:x 0:-1 0:inf 0:1: 0:1:2:3 :1 '' 0:1,; do
    refuses '--layer-rate: expected LAYER:FACTOR' train --data digits --layer-rate="$item"
done
for item in 0 0: 0:-1 0:1:2 x:1 0:1,,1:1; do
    refuses '--layer-decay: expected LAYER:FACTOR' train --data digits --l2 0.1 --layer-decay="$item"
done
for item in 0 x:value:1 :value:1 ''; do
    refuses '--layer-clip: expected LAYER:RULE' train --data digits --layer-clip="$item"
done
refuses '--optimizer momentum' train --data digits --optimizer sgd --momentum 0.9
for rule in lamb muon adamw; do
    exits 0 "--weight-decay 0 with $rule" train --data digits --optimizer $rule --learning-rate 0.001 --weight-decay 0 \
        --epochs 1 --quiet --output undecayed
done
exits 0 'adam' train --data digits --optimizer adam --learning-rate 0.001 --epochs 1 --quiet --output adam
same_bits undecayed adam
result $? '  adamw without decay is adam, bit for bit'

# ---- schedules
exits 0 'a schedule' train --data digits --schedule step:period=2,factor=0.5,per=epoch --learning-rate 0.01 --epochs 5 \
    --history paced.csv --quiet
[ "$(cut -d, -f10 paced.csv | tail -n 5 | tr '\n' ' ')" = '0.01 0.01 0.005 0.005 0.0025 ' ]
result $? '  halves the rate every second epoch'
for schedule in constant multi-step:milestones=20+40,factor=0.3 exponential polynomial:power=2,minimum=0.1 cosine cosine-restarts \
    triangular triangular2 exp-range one-cycle inverse-sqrt warmup-stable-decay plateau:patience=1; do
    exits 0 "  $schedule" train --data digits --schedule $schedule --optimizer momentum --epochs 3 --quiet
done
exits 0 '  a warm-up' train --data digits --schedule cosine --warmup 10 --epochs 2 --quiet
refuses '--schedule: .*unknown name' train --data digits --schedule slow
refuses '--schedule: expected period=' train --data digits --schedule cosine:speed=3
refuses '--schedule: period: expected a whole number' train --data digits --schedule step:period=0
refuses '--schedule: expected NAME:KEY=VALUE' train --data digits --schedule step:3
refuses 'schedule cosine takes no period' train --data digits --schedule cosine:period=3 --quiet
refuses 'one-cycle: warmup is 5' train --data digits --schedule one-cycle --warmup 5 --quiet

# ---- the log, and its charts
exits 0 'a log' train --data digits --epochs 3 --clip global-norm:0.3 --log clipped.csv --log-steps 10 --history clipped-epochs.csv --quiet
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
         { s = $at["clip_scale"]; if (!(s > 0.1 && s < 1 && $at["clipped"] > 0.9)) bad = 1 } END { exit bad || NR != 10 }' clipped.csv
result $? '  nine lines, with the mean scale of the clipped steps'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
         { s = $at["clip_scale"]; if (!(s > 0.1 && s < 1)) bad = 1 } END { exit bad || NR != 4 }' clipped-epochs.csv
result $? '  the history has it, too'
exits 0 'as lines of JSON' train --data digits --epochs 2 --log free.jsonl --quiet
[ "$(grep -c '"clip_scale":1.0,"clipped":0.0,"skipped":0.0}$' free.jsonl)" -eq 2 ]
result $? '  nothing was scaled'
if command -v gnuplot >/dev/null 2>&1; then
    exits 0 'charts of a log' plot clipped.csv free.jsonl --output clipped.svg
    holds '>clip scale<' clipped.svg
    exits 0 'without what never happened' plot free.jsonl --output free.svg
    ! grep -q '>clip scale<\|>share of steps<' free.svg && grep -q '>gradient norm<' free.svg
    result $? '  clipping has no chart'
fi
refuses 'plot: expected 1 to 8 logs' plot
fails 'line 1 is no heading of a log' plot kinds.csv

# ---- the monitor
exits 0 'a watched training' train --data digits --hidden 64,64,64,64,64,64 --activation sigmoid --monitor --epochs 6 \
    --monitor-history watched.csv --quiet
holds '^found: vanishing$' out
holds '^mlp: step 1: vanishing: layer 0' err
[ "$(awk 'length > 80' out | tail -n 10 | grep -c rms)" -eq 0 ] && [ "$(wc -l <watched.csv)" -eq 15 ] &&
    head -n 1 watched.csv | grep -q '^step,epoch,layer,loss,' && grep -q '^101,4,0,.*,vanishing$' watched.csv
result $? '  two looks at seven layers are in the table'
exits 0 'a healthy one' train --data digits --monitor-interval 10 --epochs 2 --quiet --json
json_is_valid out
grep -q '"update_ratio"' out && ! grep -q 'vanishing\|exploding\|dead": [1-9]\|step' err
result $? '  its records are there, and no warning'
exits 0 'an unwatched one' train --data digits --epochs 1 --quiet --json
holds '"monitor": null' out
fails '--monitor-history: cannot write' train --data digits --monitor-history nothing/there.csv
refuses '--monitor-interval' train --data digits --monitor-interval 0

# ---- studies
exits 0 'a study' study zeros --seeds 2 --samples 300
holds '^verdict: ' out
holds '^| tanh, zeros ' out
exits 0 'as JSON' study zeros --seeds 2 --samples 300 --json
json_is_valid out
[ "$(wc -l <out)" -eq 1 ] && grep -q '"as_predicted":' out
result $? '  one line, with the verdict'
exits 0 'a grid' study compare --init he-normal,normal:1 --activation tanh --depths 2,3 --seeds 2 --samples 200 --output page
holds '^| tanh, 3 ' out
holds '^verdict: ' page/studies.md
[ ! -e page/studies.md.part ]
result $? '  the page is whole'
if command -v gnuplot >/dev/null 2>&1; then
    grep -q '<svg' page/compare-1.svg && holds '(compare-1.svg)' page/studies.md
    result $? '  its picture is there'
fi
refuses 'no study' study nothing
refuses 'name of one study' study
refuses 'name of one study' study zeros --all
refuses '--depths' study compare --depths 3,0
refuses '--seeds' study zeros --seeds 1
printf 'a,b\n1,x\n2,x\n3,x\n4,x\n5,x\n' >one-class.csv
refuses 'at least 2 classes' study zeros --data one-class.csv
fails 'cannot make the folder' study zeros --output "$digits/below"
"$mlp" study depth --output stopped-page >out 2>err &
process=$!
tries=0
while [ ! -e stopped-page/studies.md.part ] && [ $tries -lt 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -TERM $process
wait $process
[ $? -eq 1 ] && [ ! -e stopped-page/studies.md.part ] && [ ! -e stopped-page/studies.md ] && grep -q 'interrupted' err
result $? 'SIGTERM stops a study and leaves no half page'

# ---- Ctrl-C: the model reached so far is kept
for signal in INT TERM; do
    rm -f stopped
    # a shell in the background ignores SIGINT; env gives it back its default where it can
    env --default-signal=INT,TERM "$mlp" train --data digits --epochs 1000000 --patience 1000000 --validation 0.2 \
        --output stopped >out 2>err &
    process=$!
    tries=0
    while ! grep -q '^epoch 2/' err && [ $tries -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -$signal $process
    tries=0
    while kill -0 $process 2>/dev/null && [ $tries -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL $process 2>/dev/null # one that did not stop fails below
    wait $process
    code=$?
    [ $code -eq 1 ] && grep -q "^mlp: stopped by .* saved in 'stopped'" err
    result $? "SIG$signal stops the training (exit 1, got $code)"
    exits 0 '  the model loads and works' evaluate stopped --data digits
done
echo "1..$count"
