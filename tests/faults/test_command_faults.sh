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
{
    echo 'town,area,day,price'
    seq 1 40 | awk '{ printf "%s,%d,2024-%02d-%02d,%g\n", $1 % 3 ? "Ulm" : "Rom", $1 * 7 % 19, 1 + $1 % 12, 1 + $1 % 28, $1 * 2.5 }'
} >houses.csv
"$mlp" train --data houses.csv --dates --regression --hidden 4 --epochs 2 --quiet --output price >out 2>err
result $? 'a model of a table'
printf '%s' '{"w.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}' >bare.json
python3 -c 'import sys
header = open("bare.json", "rb").read()
open("bare.safetensors", "wb").write(len(header).to_bytes(8, "little") + header + bytes(8))'

# ---- every allocation of the command and the library, once and for good

# memory MOST ARGUMENT...: at MOST of the allocations, unless all are wanted
memory() {
    most=$1
    shift
    with_fault memory:0 "$@"
    code=$?
    calls=$(cat calls)
    bad=
    [ $code -eq 0 ] || bad=" 0:$code"
    for number in $(numbers "$calls" "$most"); do
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
memory 6 train $common --epochs 1 --validation 0.2 --log l.csv --history h.csv --output m --checkpoint points --resume
memory 6 train $common --epochs 1 --folds 2 --stratified
memory 6 train $common --epochs 1 --json --class-weights balanced --layer-rate 0:0.5 --clip global-norm:1 --schedule cosine
memory 6 evaluate model --data some.csv --json
memory 6 evaluate model --data some.csv
memory 6 predict model --data some.csv --label last --json
memory 6 inspect model --json
memory 6 diagnose model --data some.csv --gradient-check
memory 4 info --json
memory 4 train --data houses.csv --dates --regression --hidden 4 --epochs 1 --quiet --output m --validation 0.2
memory 2 predict price --data houses.csv --append
memory 2 importance price --data houses.csv --json
memory 2 importance price --data houses.csv --dependence area
memory 2 inspect price --settings
memory 2 export price m.onnx
memory 2 export price price.c --int8 --data houses.csv
memory 2 import bare.safetensors m --layers identity
"$mlp" export model digits.onnx >out 2>err
memory 2 import digits.onnx m
memory 1 completion bash
if command -v gnuplot >/dev/null; then
    memory 1 report model log.csv --data some.csv --output r.html
    memory 1 plot log.csv --output c.svg
fi

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

# ---- writes that take half, the third of which is that to the temporary file of streamed features
"$mlp" train $common --epochs 1 --stream --output streamed >out 2>err
bad=
for number in 1 2 3; do
    with_fault "short:$number" train $common --epochs 1 --stream --output m && cmp -s m streamed || bad="$bad $number"
done
[ -z "$bad" ] || echo "short:$bad" >>err
[ -z "$bad" ]
result $? "short writes of streamed features"

# ---- the same of whatever else writes a file

# written FILE ARGUMENT...: the file is the old one or the whole new one, and the exit code says so
written() {
    file=$1
    shift
    rm -f "$file"
    with_fault EIO:0 "$@"
    code=$?
    calls=$(cat calls)
    cp "$file" expected 2>>err
    bad=
    { [ $code -eq 0 ] && [ "${calls:-0}" -gt 0 ]; } || bad=" 0:$code"
    for kind in EIO ENOSPC short kill; do
        for number in $(numbers "$calls" 1); do
            echo old >"$file"
            with_fault "$kind:$number" "$@"
            code=$?
            case $code:$kind in
                0:*) cmp -s "$file" expected || bad="$bad $kind:$number:torn" ;;
                1:*) grep -q '^mlp: ' err || bad="$bad $kind:$number:silent" ;;
                137:kill) ;;
                *) bad="$bad $kind:$number:$code" ;;
            esac
            [ "$(cat "$file")" = old ] || cmp -s "$file" expected || bad="$bad $kind:$number:half"
        done
    done 2>/dev/null
    "$mlp" "$@" >out 2>err </dev/null && cmp -s "$file" expected || bad="$bad afterwards"
    for left in "$file".*; do
        [ ! -e "$left" ] || bad="$bad $left"
    done
    [ -z "$bad" ] || echo "$bad" >>err
    [ -z "$bad" ]
    result $? "mlp $*: each of $calls calls fails"
}
written o.safetensors export model o.safetensors
written o.onnx export model o.onnx
written o.c export model o.c
written imported import digits.onnx imported
if command -v gnuplot >/dev/null; then
    written o.html report model log.csv --data some.csv --output o.html
    written o.svg plot log.csv --output o.svg
    written o.svg diagnose model --data some.csv --plot o.svg
    written o.svg importance price --data houses.csv --dependence area --plot o.svg
fi
# what goes to standard output, or to a table that is written line by line, has no old file
printed() {
    with_fault EIO:0 "$@"
    calls=$(cat calls)
    bad=
    for number in $(numbers "$calls" 2); do
        with_fault "EIO:$number" "$@"
        code=$?
        { [ $code -eq 1 ] && grep -q '^mlp: ' err; } || bad="$bad $number:$code"
    done
    [ -z "$bad" ] || echo "$bad" >>err
    [ -z "$bad" ] && [ "${calls:-0}" -gt 0 ]
    result $? "mlp $*: each of $calls calls fails"
}
printed predict price --data houses.csv --append
printed predict price --data houses.csv --append --output p.csv
printed predict model --data some.csv --label last --json
printed evaluate model --data some.csv
printed importance price --data houses.csv
printed inspect price --settings
printed diagnose model --data some.csv
printed completion zsh
printed info
printed train --help
printed train $common --epochs 2 --history h.csv --monitor-history d.csv
echo "1..$count"
