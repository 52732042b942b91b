#!/bin/sh
# The command where memory cannot be had, calls of the system fail, or the process is killed, at the N-th of each.
# Usage: test_command_faults.sh PATH-OF-MLP PATH-OF-SHIM; MLP_TEST_FAULTS=all tries every N, else about a dozen of each kind are.
# Prints TAP.
mlp=$(realpath "$1")
shim=$(realpath "$2")
. "$(dirname "$0")/../tools/tap.sh"
export OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1

# with_fault FAULT ARGUMENT...: the command under the shim; MLP_FAULT_COUNT receives the number of calls
with_fault() {
    fault=$1
    shift
    MLP_FAULT=$fault MLP_FAULT_COUNT=$folder/calls LD_PRELOAD=$shim MLP_BLAS_CORE_SET=1 "$mlp" "$@" >out 2>err </dev/null
}

# numbers COUNT MOST: 1 to COUNT, or about MOST of them, evenly
numbers() {
    if [ "$MLP_TEST_FAULTS" = all ] || [ "$1" -le "$2" ]; then seq 1 "$1"; else seq 1 $((($1 + $2 - 1) / $2)) "$1"; fi
}

head -n 120 "$(dirname "$mlp")/digits.csv" >some.csv
common='--data some.csv --hidden 8 --threads 1 --quiet'
"$mlp" train $common --epochs 2 --log log.csv --output model >out 2>err
result $? 'a model to work with'

# ---- every allocation of the command and the library, once and for good
memory() {
    with_fault memory:0 "$@"
    calls=$(cat calls)
    bad=
    for number in $(numbers "$calls" 12); do
        for onwards in '' +; do
            with_fault "memory:$number$onwards" "$@"
            code=$?
            # what may fail without harm (a faster way, a leftover that stays) leaves the work as it was
            { [ $code -eq 1 ] && grep -q '^mlp: ' err; } || { [ $code -eq 0 ] && [ -z "$onwards" ]; } ||
                bad="$bad $number$onwards:$code"
        done
    done
    [ -z "$bad" ] || echo "N:exit code:$bad" >>err
    [ -z "$bad" ] && [ "$calls" -gt 0 ]
    result $? "mlp $*: each of $calls allocations fails"
}
memory train $common --epochs 1 --validation 0.2 --log l.csv --history h.csv --output m --checkpoint points --resume
memory train $common --epochs 1 --folds 2 --stratified
memory train $common --epochs 1 --json --class-weights balanced --layer-rate 0:0.5 --clip global-norm:1 --schedule cosine
memory evaluate model --data some.csv --json
memory evaluate model --data some.csv
memory predict model --data some.csv --label last --json
memory inspect model --json
memory diagnose model --data some.csv --gradient-check
memory info --json

# ---- calls of the system: a save leaves the old file or the new one, a checkpoint that one can go on from
logged="$common --epochs 3 --validation 0.2 --batch 16 --log-steps 4"
options="$logged --checkpoint points --checkpoint-steps 1 --resume --log l.csv --output m"
"$mlp" train $logged --log whole.csv --output whole >out 2>err
cut -d , -f 1,2,4- whole.csv >whole.cut
rm -rf points l.csv m
with_fault EIO:0 train $options
calls=$(cat calls)
[ "${calls:-0}" -gt 10 ] && cmp -s m whole
result $? "$calls calls of the system that may fail"
for kind in EIO ENOSPC EINTR short kill; do
    bad=
    for number in $(numbers "$calls" 6); do
        rm -rf points l.csv
        cp model m
        with_fault "$kind:$number" train $options
        code=$?
        case $code in
            0) cmp -s m whole || bad="$bad $number:bits" ;;
            1) grep -q '^mlp: ' err || bad="$bad $number:silent" ;;
            137) [ $kind = kill ] || bad="$bad $number:$code" ;;
            *) bad="$bad $number:$code" ;;
        esac
        cmp -s m model || cmp -s m whole || "$mlp" inspect m >/dev/null 2>&1 || bad="$bad $number:torn"
        "$mlp" train $options >out 2>err </dev/null && cmp -s m whole || bad="$bad $number:resumed"
        cut -d , -f 1,2,4- l.csv | cmp -s - whole.cut || bad="$bad $number:log"
        [ "$(ls m.*.tmp points/*.tmp 2>/dev/null | wc -l)" -eq 0 ] || bad="$bad $number:leftover"
    done 2>/dev/null # the shell tells of each kill
    [ -z "$bad" ] || echo "$bad" >>err
    [ -z "$bad" ]
    result $? "$kind at any of them: files whole, the same bits and log after --resume"
done
echo "1..$count"
