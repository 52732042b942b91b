#!/bin/sh
# Training on several processes of one machine: the model of one, differences refused, ends that are no success.
# Usage: test_mpi.sh PATH-OF-MLP PATH-OF-MLP-MPI     PATH-OF-MLP-MPI "": it was built without MPI
# Prints TAP.
mlp=$(realpath "$1")
mpi=${2:+$(realpath "$2")}
suppressions=$(realpath "$(dirname "$0")/../mpi.supp")
. "$(dirname "$0")/tap.sh"
if [ -z "$mpi" ] || ! command -v mpirun >/dev/null; then
    echo "1..0 # SKIP no MPI: libopenmpi-dev and openmpi-bin, or MPICH, are not installed"
    exit 0
fi
# Of Open MPI; others ignore them. Root in a container, more ranks than processors, no other process's memory.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none
# In a build with AddressSanitizer: Open MPI's leaks are not ours.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:fast_unwind_on_malloc=0" LSAN_OPTIONS="suppressions=$suppressions:print_suppressions=0"

# ranks N OPTION…
ranks() {
    number=$1
    shift
    timeout 60 mpirun -n "$number" "$mpi" train --data digits "$@"
}

# ---- the model of one process, for any number of ranks and threads
small="--hidden 48,24 --epochs 2 --parts 8 --validation 0.2 --quiet"
plain="$small --batch 50"
noisy="--hidden 32 --activation tanh --optimizer muon --clip auto --dropout 0.2 --mixup 0.2 --average ema --patience 1
    --schedule plateau --epochs 2 --batch 50 --parts 7 --validation 0.2 --quiet"
for options in "$plain" "$noisy"; do
    "$mlp" train --data digits $options --output alone >expected 2>err
    numbers="1 2 4"
    [ "$options" = "$noisy" ] && numbers="3 8"
    for number in $numbers; do
        ranks "$number" $options --threads $((1 + number % 2)) --output "of-$number" >out 2>err && cmp alone "of-$number" >>err &&
            sed -e '/^training/d' -e '/^saved/d' expected >a && sed -e '/^training/d' -e '/^saved/d' out >b && cmp a b >>err
        result $? "$number ranks give the model and the figures of one process"
    done
done
ranks 2 $plain --stream --output stream >out 2>err
"$mlp" train --data digits $plain --stream --output alone >out 2>>err && cmp alone stream >>err
result $? "so they do with features that stay in a file"

# ---- gone on by another number of ranks
endless="--hidden 48,24 --batch 50 --parts 6 --validation 0.2 --dropout 0.2 --quiet"
long="$endless --epochs 60" # longer than it takes to find the rank that is killed
"$mlp" train --data digits $long --output alone >out 2>err
ranks 3 $long --checkpoint run --checkpoint-steps 5 --output of-3 >out 2>err &
job=$!
for turn in $(seq 300); do
    ls run/checkpoint-*.safetensors >list 2>/dev/null && break
    sleep 0.02
done
# timeout's child is mpirun, whose children are the ranks
ranks_of() {
    for parent in $(cat "/proc/$1/task/$1/children"); do
        [ "$(cat "/proc/$parent/comm")" = mlp-mpi ] && echo "$parent"
        ranks_of "$parent"
    done
}
victim=$(ranks_of "$job" | tail -n 1)
[ -n "$victim" ] && kill -KILL "$victim"
wait "$job"
[ $? -ne 0 ] && ls run/checkpoint-*.safetensors >list
result $? "a rank that is killed ends the job"
ranks 2 $long --checkpoint run --resume --output of-2 >out 2>err && cmp alone of-2 >>err
result $? "another number of ranks goes on to the same model"

# ---- differences
timeout 60 mpirun -n 2 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data digits $small --batch 60 >out 2>err
[ $? -ne 0 ] && grep -q 'rank 2: .*batch 50.* 60' err
result $? "a rank with another option is named, with the option"
timeout 60 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data digits $plain --seed 5 >out 2>err
[ $? -ne 0 ] && grep -q 'rank 1: ' err
result $? "so is one with another seed"
timeout 60 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 "$mpi" train --data no-such.csv $plain >out 2>err
[ $? -ne 0 ] && grep -q "rank 1: .*no-such" err
result $? "so is one without its data"
ranks 3 --epochs x >out 2>err
[ $? -ne 0 ] && [ "$(grep -c '^mlp-mpi: ' err)" -eq 1 ]
result $? "what is wrong on every rank is said once"
if "$mlp" info | grep -q 'baseline'; then
    skipped "another vector level is refused" 'this processor has one'
else
    timeout 60 mpirun -n 1 "$mpi" train --data digits $plain : -n 1 env MLP_VECTOR_LEVEL=baseline "$mpi" train --data digits $plain >out 2>err
    [ $? -ne 0 ] && grep -q 'rank 1: .*vector_level' err
    result $? "another vector level is refused"
fi
timeout 60 mpirun -n 1 "$mpi" train --data digits $plain --allow-other-bits : -n 1 env \
    MLP_VECTOR_LEVEL=baseline "$mpi" train --data digits $plain --allow-other-bits >out 2>err
result $? "or allowed"

# ---- a rank that does not answer
ranks 2 $endless --epochs 10000 --exchange-timeout 1 >out 2>err &
job=$!
victim=
for turn in $(seq 100); do
    victim=$(ranks_of "$job" 2>/dev/null | tail -n 1)
    [ -n "$victim" ] && break
    sleep 0.02
done
sleep 0.5
kill -STOP "$victim"
for turn in $(seq 200); do
    grep -q 'nothing from another rank for 1 s' err && break
    sleep 0.05
done
grep -q 'nothing from another rank for 1 s' err
result $? "ranks wait for another as long as --exchange-timeout"
kill -KILL "$victim" 2>/dev/null
wait "$job"
[ $? -ne 0 ]
result $? "and then the job fails"
echo "1..$count"
