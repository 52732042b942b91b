#!/bin/sh
# The mlp command's models in other formats: what it exports, and what compilers make of it.
# Usage: test_exchange.sh PATH-OF-MLP COMPILER...
# Prints TAP.
mlp=$(realpath "$1")
recorded=$(realpath "$(dirname "$0")/../io/pytorch")
shift
compiler=$*
. "$(dirname "$0")/tap.sh"

# runs NAME COMMAND...: exits with 0
runs() {
    name=$1
    shift
    "$@" >out 2>err </dev/null
    result $? "$name"
}

# rejects CODE PATTERN ARGUMENT...: exits so, and the message has the pattern
rejects() {
    code=$1 pattern=$2
    shift 2
    "$mlp" "$@" >out 2>err </dev/null
    [ $? -eq "$code" ] && grep -q -e "^mlp: .*$pattern" err
    result $? "refused: $*"
}

same() { # same NAME FILE FILE
    cmp -s "$2" "$3"
    result $? "$1"
}

runs 'a model to export' "$mlp" train --data digits --hidden 12 --epochs 2 --seed 1 --output model.safetensors
"$mlp" predict model.safetensors --data digits >expected 2>err

# ---- safetensors and ONNX
runs 'safetensors' "$mlp" export model.safetensors copy.safetensors
same '  the same bytes' model.safetensors copy.safetensors
if "$mlp" export model.safetensors model.onnx >out 2>err; then
    result 0 'ONNX'
    runs '  and back' "$mlp" export model.onnx back.safetensors
    "$mlp" predict back.safetensors --data digits >got 2>err
    same '  predicts the same' expected got
    runs '  with the class as an output' "$mlp" export model.safetensors label.onnx --class-output
    grep -q label label.onnx
    result $? '  the output has its name'
else
    grep -q 'option onnx' err
    result $? 'ONNX is refused by a build without it'
fi

# ---- C
runs 'C' "$mlp" export model.safetensors model.c
runs 'C in 8 bits' "$mlp" export model.safetensors small.c --int8 --name tiny --data digits
grep -q '^float .*accuracy' out && grep -q '^int8 .*accuracy' out
result $? '  says what they cost'
printf 'age,job,member,since,income\n30,clerk,yes,2024-01-01,5\n,nurse,no,2024-02-01T12:00,6\n50,nurse,no,2024-03-01,8\n' >people.csv
runs 'a table' "$mlp" train --data people.csv --regression --missing impute --dates --hidden 4 --epochs 2 --output people.mlp
runs '  as C' "$mlp" export people.mlp people.c
for flags in '-x c -std=c99' '-x c++ -std=c++11'; do
    # shellcheck disable=SC2086
    if echo 'int main() { return 0; }' | $compiler $flags - -o nothing >out 2>err; then
        runs "model.c with $flags" $compiler $flags -Wall -Wextra -pedantic -Wconversion -Werror -DMODEL_TEST model.c -o model -lm
        runs '  tests itself' ./model
        runs "small.c with $flags" $compiler $flags -Wall -Wextra -pedantic -Wconversion -Werror -DTINY_TEST small.c -o small -lm
        runs '  tests itself' ./small
        runs "people.c with $flags" $compiler $flags -Wall -Wextra -pedantic -Wconversion -Wshadow -Werror -DPEOPLE_TEST people.c -o people -lm
        runs '  tests itself' ./people
    else
        skipped "model.c with $flags" 'no such compiler'
    fi
done

# ---- import
cp "$recorded/named.safetensors" "$recorded/norm-unclear.safetensors" .
runs 'a state_dict' "$mlp" import named.safetensors named.mlp --layers relu,tanh,identity
[ "$(cat out)" = '5 -> 7 relu -> 4 tanh -> 3 identity' ]
result $? '  says its layers'
runs '  is a model' "$mlp" inspect named.mlp
rejects 1 'needs --layers' import named.safetensors other.mlp
rejects 1 '3 layers, expected 2' import named.safetensors other.mlp --layers relu,softmax
rejects 1 'BatchNorm1d' import norm-unclear.safetensors other.mlp --layers relu,identity
rejects 2 'expected a file and the model' import named.safetensors
rejects 2 '--layers: ' import named.safetensors other.mlp --layers what
printf '\211HDF\r\n\032\n....' >model.h5
rejects 1 'HDF5.*ONNX' import model.h5 other.mlp
! grep -q -e --layers err
result $? '  and not for want of --layers'
printf 'PK\003\004............' >model.keras
rejects 1 'zip.*ONNX' import model.keras other.mlp
printf '\200\002............' >model.pt
rejects 1 'pickle.*safetensors' evaluate model.pt --data digits
[ ! -e other.mlp ]
result $? '  nothing is written'

# ---- refusals
rejects 2 'expected a model and the file' export model.safetensors
rejects 2 'ends in .onnx, .c or .safetensors' export model.safetensors model.h5
rejects 2 'ends in .onnx, .c or .safetensors' export model.safetensors .c
rejects 1 "'2' cannot begin names of C" export model.safetensors 2.c
rejects 1 'cannot open' export missing.safetensors model.c
rejects 1 'no-such' export model.safetensors no-such/model.c

# Loading takes the file's size once (a sanitizer's shadow is an eighth of it more), also where one matrix is nearly all of it.
"$mlp" train --data digits --hidden 3000,3000 --epochs 0 --quiet --output wide.safetensors >out 2>err &&
    "$mlp" export wide.safetensors wide.onnx >out 2>err
for model in wide.safetensors wide.onnx; do
    if [ ! -e $model ]; then
        skipped "$model is loaded into its own size of memory" "built without ONNX"
        continue
    fi
    python3 - "$mlp" $model >out 2>err <<'END'
import os, resource, subprocess, sys
def peak(*arguments):  # in bytes; the largest so far
    subprocess.run([sys.argv[1], *arguments], stdout=subprocess.DEVNULL, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
least, size = peak("version"), os.path.getsize(sys.argv[2])
taken = (peak("inspect", sys.argv[2]) - least) / size
print(f"{taken:.2f} times the file")
sys.exit(not taken < 1.5)
END
    result $? "$model is loaded into its own size of memory"
done

echo "1..$count"
