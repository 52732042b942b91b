#!/bin/sh
# Training on several processes of one machine: the model of one, differences refused, ends that are no success.
# Usage: test_mpi.sh PATH-OF-MLP PATH-OF-MLP-MPI     PATH-OF-MLP-MPI "": it was built without MPI
# Prints TAP.
mlp=$(realpath "$1")
mpi=${2:+$(realpath "$2")}
here=$(realpath "$(dirname "$0")")
. "$here/tap.sh"
. "$here/mpi_ranks.sh"
needs_mpi
# In a build with AddressSanitizer: Open MPI's leaks are not ours.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:fast_unwind_on_malloc=0" LSAN_OPTIONS="suppressions=$here/../mpi.supp:print_suppressions=0"

# ranks N OPTION…
ranks() {
    number=$1
    shift
    timeout 240 mpirun -n "$number" "$mpi" train --data digits "$@"
}

# ---- the model of one process, for any number of ranks and threads; the second network is large enough for memory in common
small="--hidden 48,24 --epochs 2 --parts 8 --validation 0.2 --quiet"
plain="$small --batch 50"
noisy="--hidden 520 --activation tanh --optimizer muon --clip auto --dropout 0.2 --mixup 0.2 --average ema --patience 1
    --schedule plateau --epochs 2 --batch 50 --parts 7 --validation 0.2 --quiet"
for options in "$plain" "$noisy"; do
    "$mlp" train --data digits $options --output alone >expected 2>err
    numbers="1 2 4"
    [ "$options" = "$noisy" ] && numbers="3 8"
    for number in $numbers; do
        sharded=
        [ "$number" -gt 2 ] && sharded=--shard-optimizer
        ranks "$number" $options $sharded --threads $((1 + number % 2)) --output "of-$number" >out 2>err && cmp alone "of-$number" >>err &&
            sed -e '/^training/d' -e '/^saved/d' expected >a && sed -e '/^training/d' -e '/^saved/d' out >b && cmp a b >>err
        result $? "$number ranks give the model and the figures of one process${sharded:+, the optimizer sharded}"
    done
done
ranks 2 $plain --stream --output stream >out 2>err
"$mlp" train --data digits $plain --stream --output alone >out 2>>err && cmp alone stream >>err
result $? "so they do with features that stay in a file"

# ---- gone on by another number of ranks
endless="--hidden 48,24 --optimizer adam --batch 50 --parts 6 --validation 0.2 --dropout 0.2 --quiet"
long="$endless --epochs 60" # longer than it takes to find the rank that is killed
"$mlp" train --data digits $long --output alone >out 2>err
ranks 3 $long --shard-optimizer --checkpoint run --checkpoint-steps 5 --output of-3 >out 2>err &
job=$!
while kill -0 "$job" 2>/dev/null; do
    ls run/checkpoint-*.safetensors >list 2>/dev/null && break
    sleep 0.02
done
victim=$(ranks_of "$job" | tail -n 1)
[ -n "$victim" ] && kill -KILL "$victim"
wait "$job"
[ $? -ne 0 ] && ls run/checkpoint-*.safetensors >list
result $? "a rank that is killed ends the job, whose optimizer is sharded"
ranks 2 $long --checkpoint run --resume --output of-2 >out 2>err && cmp alone of-2 >>err
result $? "another number of ranks goes on to the same model, with all of its state on each"

# ---- differences
timeout 240 mpirun -n 2 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data digits $small --batch 60 >out 2>err
[ $? -ne 0 ] && grep -q 'rank 2: .*batch 50.* 60' err
result $? "a rank with another option is named, with the option"
timeout 240 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data digits $plain --seed 5 >out 2>err
[ $? -ne 0 ] && grep -q 'rank 1: ' err
result $? "so is one with another seed"
timeout 240 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data no-such.csv $plain >out 2>err
[ $? -ne 0 ] && grep -q "rank 1: .*no-such" err
result $? "so is one without its data"
timeout 240 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data digits $plain --shard-optimizer >out 2>err
[ $? -ne 0 ] && grep -q 'rank 1: .*optimizer_shards' err
result $? "so is one whose optimizer alone is sharded"
ranks 2 $plain --optimizer lbfgs --shard-optimizer >out 2>err
[ $? -ne 0 ] && grep -q 'lbfgs' err
result $? "what shards no state is refused by name"
ranks 3 --epochs x >out 2>err
[ $? -ne 0 ] && [ "$(grep -c '^mlp-mpi: ' err)" -eq 1 ]
result $? "what is wrong on every rank is said once"
if "$mlp" info | grep -q 'baseline'; then
    skipped "another vector level is refused" 'this processor has one'
else
    timeout 240 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 env MLP_VECTOR_LEVEL=baseline "$mpi" train --data digits $plain >out 2>err
    [ $? -ne 0 ] && grep -q 'rank 1: .*vector_level' err
    result $? "another vector level is refused"
fi
timeout 240 mpirun -n 1 "$mpi" train --data digits $plain --allow-other-bits : -n 1 env \
    MLP_VECTOR_LEVEL=baseline "$mpi" train --data digits $plain --allow-other-bits >out 2>err
result $? "or allowed"
head -n 1500 "$(dirname "$mlp")/digits.csv" >fewer.csv
sed '1000s/[0-9]/9/' "$(dirname "$mlp")/digits.csv" >changed.csv
cmp "$(dirname "$mlp")/digits.csv" changed.csv >/dev/null && result 1 "a digit was changed"
for data in fewer changed; do
    timeout 240 mpirun -n 2 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data $data.csv $plain >out 2>err
    [ $? -ne 0 ] && grep -q 'rank 2: .*training_data\.[a-z]* .* this fit has' err
    result $? "other data are refused: $data"
done
version=$("$mlp" version | cut -d ' ' -f 2)
library=$(ldd "$mpi" | sed -n 's/.*=> \(.*libmlp\.so[^ ]*\).*/\1/p')
mkdir other
sed "s/\x00$version\x00/\x00$(echo "$version" | tr 0-8 1-9)\x00/" "$library" >"other/$(basename "$library")" # of the same length
timeout 240 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 env LD_LIBRARY_PATH="$folder/other" "$mpi" train --data digits $plain >out 2>err
[ $? -ne 0 ] && grep -q "rank 1: .*library_version \"$version\", this fit has" err
result $? "another version of the library is refused"
core=$("$mlp" info | sed -n 's/^BLAS core *\([^,]*\).*/\1/p')
other=Nehalem
[ "$core" = Nehalem ] && other=Sandybridge
if OPENBLAS_CORETYPE=$other "$mlp" info | grep -q "^BLAS core *$core"; then
    skipped "another BLAS core is refused" "this BLAS has one, $core"
else
    timeout 240 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 env OPENBLAS_CORETYPE=$other "$mpi" train --data digits $plain >out 2>err
    [ $? -ne 0 ] && grep -q "rank 1: .*blas_core \"$core\", this fit has \"$other\"" err
    result $? "another BLAS core is refused"
fi
echo "1..$count"
