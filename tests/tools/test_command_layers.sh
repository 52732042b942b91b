#!/bin/sh
# Options of single layers, and a saved model to start from.
# Usage: test_command_layers.sh PATH-OF-MLP PATH-OF-DIGITS.CSV
# Prints TAP.
mlp=$(realpath "$1")
digits=$(realpath "$2")
. "$(dirname "$0")/tap.sh"

# What is trained further below: classes of digits, classes by name, numbers.
"$mlp" train --data digits --validation 0.2 --epochs 12 --seed 3 --quiet --output model >out 2>err || exit 1
awk 'BEGIN { srand(1); print "width;height;kind"
     for (i = 0; i < 200; i++) { x = rand(); y = rand(); print x ";" y ";" (x + y > 1 ? "large, \"L\"" : "small") } }' |
    sed 's/large, "L"/"large, ""L"""/' >kinds.csv
cut -d ';' -f 1,2 kinds.csv >features.csv
awk -F ';' 'NR > 1 { print $1 ";" $2 ";" $1 + 2 * $2 }' kinds.csv >sums.csv
"$mlp" train --data kinds.csv --delimiter ';' --label kind --epochs 20 --batch 8 --quiet -o kinds >out 2>err || exit 1
"$mlp" train --data sums.csv --delimiter ';' --regression --epochs 20 --batch 8 --quiet -o sums >out 2>err || exit 1

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
echo "1..$count"
