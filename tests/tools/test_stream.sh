#!/bin/sh
# Data larger than memory: the same model as from memory, and room for a batch is enough.
# Usage: test_stream.sh PATH-OF-MLP PATH-OF-DIGITS.CSV [none]    a third argument other than "none": a sanitizer, which needs memory
# Prints TAP.
mlp=$(realpath "$1")
digits=$(realpath "$2")
sanitizer=${3:-none}
. "$(dirname "$0")/tap.sh"

# bytes NUMBER: big-endian, four of them
bytes() {
    for shift in 24 16 8 0; do
        printf "\\$(printf %03o $(($1 >> shift & 255)))"
    done
}

# ---- a CSV file, plain and gzip'd
train="train --data $digits --validation 0.2 --epochs 4 --shuffle-window 256 --quiet"
"$mlp" $train --output memory >out 2>err && "$mlp" $train --stream --output stream >out 2>err && cmp memory stream >>err
result $? "a streamed CSV file gives the model of one in memory"
gzip <"$digits" >digits.csv.gz
"$mlp" train --data digits.csv.gz --validation 0.2 --epochs 4 --shuffle-window 256 --quiet --stream --output stream >out 2>err &&
    same_bits memory stream
result $? "so does a gzip'd one"
"$mlp" evaluate memory --data "$digits" >expected 2>err && "$mlp" evaluate memory --data "$digits" --stream >out 2>err && cmp out expected >>err
result $? "evaluate --stream says the same"
"$mlp" predict memory --data "$digits" --label last >expected 2>err &&
    "$mlp" predict memory --data "$digits" --label last --stream >out 2>err && cmp out expected >>err
result $? "predict --stream says the same"
TMPDIR=/no/such/folder "$mlp" $train --stream --output stream >out 2>err
[ $? -eq 1 ] && grep -q "^mlp: .*csv: cannot create a temporary file in '/no/such/folder'" err
result $? "a folder for temporary files that is not there is named"

# ---- 600 MB of features (a file with a hole) in 500 MB of address space
samples=12000 inputs=50000
{ printf '\0\0\010\002'; bytes $samples; bytes $inputs; } >features.idx
truncate -s $((12 + samples * inputs)) features.idx
{ printf '\0\0\010\001'; bytes $samples; } >labels.idx
truncate -s $((8 + samples)) labels.idx
printf '\001' | dd of=labels.idx bs=1 seek=100 conv=notrunc 2>err
small="train --data features.idx,labels.idx --hidden 2 --epochs 1 --batch 16 --threads 1 --quiet"
if [ "$sanitizer" = none ]; then
    (ulimit -v 500000 && OPENBLAS_NUM_THREADS=1 exec "$mlp" $small --output memory >out 2>err)
    [ $? -eq 1 ] && grep -q 'out of memory' err
    result $? "600 MB of features do not load into 500 MB"
    (ulimit -v 500000 && OPENBLAS_NUM_THREADS=1 exec "$mlp" $small --stream --output stream >out 2>err)
    result $? "streamed they train there"
else
    for test in 'not loaded' 'streamed'; do
        skipped "$test" 'the sanitizer needs the memory'
    done
fi
truncate -s 300000000 features.idx
"$mlp" $small --stream >out 2>err
[ $? -eq 1 ] && grep -q '^mlp: features.idx: the file ends after 299999988 of 600000000 bytes of values' err
result $? "a file that is too short is refused at once"

# ---- a sparse file of 6 million entries, which are 48 MB, and 24 MB of features
# peak COMMAND...: runs it; the most memory that it had, in KiB
peak() {
    python3 -c 'import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)' "$@"
}
python3 -c 'line = " ".join(f"{i}:1" for i in range(1, 10001))
open("entries.svm", "w").writelines(f"{i % 2} {line}\n" for i in range(600))'
if [ "$sanitizer" = none ]; then
    sparse="train --data entries.svm --hidden 2 --epochs 1 --batch 16 --threads 1 --quiet"
    loaded=$(peak "$mlp" $sparse --output memory 2>err) && streamed=$(peak "$mlp" $sparse --stream --output stream 2>err) &&
        echo "loaded $loaded KiB, streamed $streamed KiB" >out && same_bits memory stream && [ $((loaded - streamed)) -gt 36000 ]
    result $? "neither entries nor features of a streamed LIBSVM file lie in memory"
else
    skipped 'the memory of a LIBSVM file' 'the sanitizer needs the memory'
fi

# ---- formats and gzip
printf '\0\0\010\002\0\0\0\003\0\0\0\002\001\002\003\004\005\006' >numbers
"$mlp" train --data numbers --label last --hidden 2 --epochs 1 --quiet >out 2>err
[ $? -eq 2 ] && grep -q "^mlp: --label is for CSV files, and --data is 'numbers'" err
result $? "an IDX file is known by what it begins with"
if gzip -c numbers >packed.gz 2>err && "$mlp" info | grep -q "^gzip'd data *yes"; then
    "$mlp" train --data packed.gz --unpack-limit 17 --hidden 2 --epochs 1 --quiet >out 2>err
    [ $? -eq 1 ] && grep -q '^mlp: packed.gz: the gzip data unpack to more than 17 bytes.*--unpack-limit' err
    result $? "what a gzip'd file unpacks to is limited"
else
    skipped 'unpacking' 'this build has no zlib'
fi
echo "1..$count"
