#!/bin/sh
# The options of the command: every name is known, every wrong value is refused by the name of its option.
# Usage: test_command_options.sh PATH-OF-MLP PATH-OF-DIGITS.CSV
# Prints TAP.
mlp=$(realpath "$1")
digits=$(realpath "$2")
. "$(dirname "$0")/tap.sh"

"$mlp" train --data digits --validation 0.2 --epochs 12 --seed 3 --quiet --output model >out 2>err || exit 1

# ---- every strategy by name
# every HEADING OPTION: each name below the heading of --help is taken
every() {
    for name in $("$mlp" train --help | sed -n "/^$1:/,/^\$/s/^  \([a-z-]*\)  .*/\1/p" | grep -vx softmax); do
        exits 0 "$2 $name" train --data digits --epochs 1 --train-first 200 "$2" "$name" --quiet
    done
}
every Activations --activation
every Initializers --init
every Losses --loss
every Optimizers --optimizer
every 'Clipping rules' --clip
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
echo "1..$count"
