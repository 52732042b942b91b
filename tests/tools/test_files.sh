#!/bin/sh
# The files of the command at the edges: limits, closed streams, one file for two purposes, links, names, logs that cannot be written.
# Usage: test_files.sh PATH-OF-MLP SANITIZERS
# Prints TAP.
mlp=$(realpath "$1")
sanitize=$2
models=$(realpath "$(dirname "$0")/../io/models")
. "$(dirname "$0")/tap.sh"

train() {
    "$mlp" train --data digits --train-first 320 --hidden 16 --threads 1 "$@" >out 2>err </dev/null
}

# refused PATTERN OPTION...: wrong usage, before anything is trained or written
refused() {
    pattern=$1
    shift
    train --epochs 2 "$@"
    [ $? -eq 2 ] && grep -q -e "$pattern" err && ! grep -q '^epoch' err
    result $? "refused: $*"
}

# ---- a limit on the size of files, and standard streams that are closed
(ulimit -f 1 && train --epochs 1 --output big)
[ $? -eq 1 ] && grep -q 'big: cannot write: File too large' err && [ ! -e big ]
result $? 'a limit on the size of files is an error, no signal'
(cd "$folder" && "$mlp" train --data digits --train-first 320 --epochs 1 --quiet --history closed.csv --output closed \
    --log closed.jsonl <&- >&- 2>&-)
[ $? -eq 0 ] && [ "$(wc -l <closed.csv)" -eq 2 ] && [ "$(wc -l <closed.jsonl)" -eq 1 ] && "$mlp" inspect closed >out 2>err
result $? 'closed standard streams do not become files'

# ---- one file for two purposes
cp "$(dirname "$mlp")/digits.csv" data.csv
ln data.csv hard.csv
ln -s data.csv soft.csv
mkdir folder
touch before.csv
refused "--history: './m' is the same file as 'm' of --output" --output m --history ./m
refused "--log: 'folder/../m' is the same" --output m --log folder/../m
refused "--history: 'before.csv' is the same file as './before.csv' of --test" --test ./before.csv --history before.csv
for name in data.csv ./data.csv hard.csv soft.csv; do
    "$mlp" train --data data.csv --epochs 1 --log $name >out 2>err
    [ $? -eq 2 ] && grep -q "'$name' is the same file as 'data.csv' of --data" err && cmp -s data.csv "$(dirname "$mlp")/digits.csv"
    result $? "--log $name is refused where the data are data.csv"
done
train --epochs 1 --history /dev/null --log /dev/null
result $? 'two outputs may go to /dev/null'
cp closed.csv plotted.svg
"$mlp" plot plotted.svg --output ./plotted.svg >out 2>err
[ $? -eq 2 ] && cmp -s closed.csv plotted.svg
result $? 'mlp plot does not draw over its log'

# ---- '-' is standard input or output where that is said, and nowhere the name of a file
"$mlp" --help | sed -n '/^Commands:/,/^$/ s/^  \([a-z-]*\) .*/\1/p' >commands
for command in $(cat commands); do
    for option in $("$mlp" "$command" --help | sed -nE '/^Examples/q; s/^ *(-., )?--([a-z0-9-]+) (FILE|FOLDER|MODEL)\b.*/\2/p'); do
        [ "$command $option" = 'predict output' ] && continue
        "$mlp" "$command" "--$option" - >out 2>err </dev/null
        [ $? -eq 2 ] && grep -qe "^mlp: --$option: '-' is no file" err || echo "$command --$option"
        echo >>paths
    done
    "$mlp" "$command" - >out 2>err </dev/null
    [ $? -eq 2 ] && grep -q "^mlp: $command: '-' is no file" err || echo "$command -"
done >odd
mv odd err && [ ! -s err ] && [ ! -e ./- ] && [ "$(wc -l <paths)" -ge 12 ]
result $? "'-' is refused wherever a file's name is wanted"
python3 - <<'PYTHON'
import random, struct, zipfile
random.seed(3)
x = [[random.gauss(0, 1) for _ in range(3)] for _ in range(60)]
y = [int(a[0] > a[1]) for a in x]
def npy(kind, shape, body):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    head += ' ' * (-(len(head) + 11) % 64) + '\n'
    return b'\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head.encode() + body
features = npy('<f8', (60, 3), b''.join(struct.pack('<3d', *a) for a in x))
labels = npy('<i4', (60,), struct.pack('<60i', *y))
open('x.npy', 'wb').write(features)
open('y.npy', 'wb').write(labels)
with zipfile.ZipFile('both.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('x.npy', features)
    archive.writestr('y.npy', labels)
open('lines.libsvm', 'w').write(''.join(f'{b} ' + ' '.join(f'{i + 1}:{v!r}' for i, v in enumerate(a)) + '\n' for a, b in zip(x, y)))
rows = [(1.7e9 + random.uniform(0, 60), (1 << 24) + random.randrange(20)) for _ in range(60)] # a float keeps little of these
open('big.npy', 'wb').write(npy('<f8', (60, 2), b''.join(struct.pack('<2d', *a) for a in rows)))
open('big.csv', 'w').write(''.join(f'{a!r},{b},{c}\n' for (a, b), c in zip(rows, y)))
open('lines.csv', 'w').write(''.join(','.join(map(repr, a)) + f',{b}\n' for a, b in zip(x, y)))
PYTHON
zlib=$("$mlp" info | grep "^gzip'd data *yes")
same_from_input() { # same_from_input FILE SPEC SPEC-OF-INPUT: the same model from a redirection, a pipe and a gzip'd pipe
    "$mlp" train --data "$2" --hidden 4 --epochs 2 --threads 1 --output of-file >out 2>err || cat err >>odd
    for way in "<$1" "cat $1 |" ${zlib:+"gzip <$1 |"}; do
        case $way in '<'*) before= after=$way ;; *) before=$way after= ;; esac
        eval "$before \"\$mlp\" train --data '$3' --hidden 4 --epochs 2 --threads 1 --output of-input $after" >out 2>err &&
            same_bits of-file of-input && grep -q '^mlp: \(standard input\|-[:,].*\): 60 samples' err || echo "$way" >>odd
    done
}
for spec in 'lines.csv lines.csv -' 'lines.libsvm lines.libsvm -' 'both.npz both.npz -' 'both.npz both.npz:x,y -:x,y' 'x.npy x.npy,y.npy -,y.npy'; do
    : >odd
    case $spec in *npz*) [ -n "$zlib" ] || continue ;; esac
    # shellcheck disable=SC2086 # split on purpose
    same_from_input $spec
    [ ! -s odd ]
    result $? "$spec: standard input holds what a file may hold"
done
for data in big.csv big.npy,y.npy; do
    "$mlp" train --data $data --hidden 4 --epochs 9 --threads 1 --output of-$data >out 2>err && "$mlp" evaluate of-$data --data $data | grep -v samples >of-$data.figures
done
same_bits of-big.csv of-big.npy,y.npy && cmp of-big.csv.figures of-big.npy,y.npy.figures >>err
result $? 'Unix times and ids of an NPY file are standardized as those of a CSV file'
train --epochs 1 --output m && "$mlp" evaluate m --data digits >expected 2>err &&
    "$mlp" evaluate m --data - <data.csv >out 2>err && cmp out expected >>err && cat data.csv | "$mlp" evaluate m --data - >out 2>err && cmp out expected >>err
result $? 'evaluate from standard input'

# ---- models that earlier versions saved, format 1 and 2, with and without a schema: they predict what these versions predicted
for model in plain table class; do
    data=table.csv probabilities=--probabilities
    case $model in plain) data=plain.csv ;; table) probabilities= ;; esac
    # shellcheck disable=SC2086 # an empty one is none
    "$mlp" predict "$models/$model.safetensors" --data "$models/$data" $probabilities >out 2>err &&
        python3 - "$models/$model.txt" out >>err 2>&1 <<'PYTHON'
import sys
def values(path):
    return [[text if text[0].isalpha() else float(text) for text in line.strip().split(',')] for line in open(path, encoding='utf-8')]
def same(a, b):
    return a == b if isinstance(a, str) or isinstance(b, str) else abs(a - b) <= 1e-5 * max(1, abs(a))
recorded, now = values(sys.argv[1]), values(sys.argv[2])
assert len(recorded) == len(now) > 11 and all(len(a) == len(b) and all(map(same, a, b)) for a, b in zip(recorded, now)), now
PYTHON
    result $? "$model.safetensors of an earlier version"
done

# ---- where a model cannot be saved is known before the training
long=$(printf '%0250d' 0)
train --epochs 1 --output "$long"
[ $? -eq 1 ] && grep -q -e '--output: .*File name too long' err && ! grep -q '^epoch' err
result $? 'a name too long for what is written beside it'
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null 2>&1 && chmod 755 . &&
    setpriv --reuid 65534 --clear-groups "$mlp" --version >out 2>err; then
    mkdir sticky && chmod 1777 sticky && echo old >sticky/model
    setpriv --reuid 65534 --clear-groups "$mlp" train --data digits --epochs 1 --output sticky/model >out 2>err
    [ $? -eq 1 ] && grep -q 'sticky/model: cannot replace: Operation not permitted' err && ! grep -q '^epoch' err
    result $? "another user's file in a sticky folder"
else
    skipped "another user's file in a sticky folder" 'no other user can run the command here'
fi

# ---- links
ln -s folder/model link
train --epochs 1 --output link && [ -h link ] && "$mlp" inspect folder/model >out 2>err && [ "$(ls folder | wc -l)" -eq 1 ]
result $? 'a link at --output stays, and its target is written'

# ---- logs
for part in '' 'step,ep' "$(head -n 1 closed.csv)"; do
    rm -rf points && printf %s "$part" >log.csv
    train --epochs 2 --checkpoint points --resume --log log.csv
    code=$?
    if [ "${part#epoch}" != "$part" ]; then
        [ $code -eq 2 ] && grep -q 'something else than a log' err && [ "$(cat log.csv)" = "$part" ]
        result $? 'what is no log is not written over'
    else
        [ $code -eq 0 ] && head -n 1 log.csv | grep -q '^step,epoch,seconds' && [ "$(wc -l <log.csv)" -eq 3 ]
        result $? "a heading of which '$part' was written is mended"
    fi
done
if [ -e /dev/full ]; then
    train --epochs 3 --log /dev/full
    [ $? -eq 1 ] && sed '/^epoch 2/,$d' err | grep -q "cannot write '/dev/full': No space left" &&
        [ "$(grep -c 'cannot write' err)" -eq 1 ]
    result $? 'a log that cannot be written is reported at once, and once'
fi

# ---- text from files
printf 'x,y,name\n1,2,\342\200\256evil\n2,1,good\n1,3,\342\200\256evil\n3,1,good\n' >names.csv
"$mlp" train --data names.csv --hidden none --epochs 1 --quiet --output names >out 2>err
for command in 'predict names' 'evaluate names' 'inspect names'; do
    case $command in inspect*) data= ;; *) data='--data names.csv --label name' ;; esac
    "$mlp" $command $data >out 2>err && ! grep -q "$(printf '\342\200\256')" out
    result $? "$command: what turns the direction of writing is escaped"
done
"$mlp" train --data "$(printf 'no\033[31m\tsuch.csv')" >out 2>err
[ $? -eq 1 ] && grep -q 'no\\u001B\[31m\\u0009such.csv' err
result $? 'control characters in messages are escaped'

# ---- many classes: no memory for a matrix that is not printed (20,000² counts are 3.2 GB)
if [ "${sanitize:-none}" = none ]; then
    seq 0 19999 | sed 's/.*/&,c&/' >many.csv
    "$mlp" train --data many.csv --hidden none --epochs 1 --batch 256 --threads 1 --quiet --output many >out 2>err
    for form in '' --json; do
        (ulimit -v 2500000 && "$mlp" evaluate many --data many.csv --threads 1 --batch 64 $form >out 2>err)
        [ $? -eq 0 ] && grep -q 'matrix has 20000 classes\|"confusion": null' out
        result $? "mlp evaluate $form at 20,000 classes within 2.5 GB"
    done
fi
echo "1..$count"
