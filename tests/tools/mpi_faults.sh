#!/bin/sh
# How a training on several ranks ends that is killed, interrupted, out of disk or waits for a rank that hangs: with a message,
# within seconds, no rank left, the newest checkpoint whole; another number of ranks goes on from it to the bits of one process.
# Usage: mpi_faults.sh PATH-OF-MLP PATH-OF-MLP-MPI [KILLS]     PATH-OF-MLP-MPI "": it was built without MPI; KILLS: 24
# The full disk needs root, who may mount a small one. Prints TAP.
mlp=$(realpath "$1")
mpi=${2:+$(realpath "$2")}
kills=${3:-24}
here=$(realpath "$(dirname "$0")")
. "$here/tap.sh"
. "$here/mpi_ranks.sh"
needs_mpi
mounted=
trap '[ -n "$mounted" ] && umount "$mounted"; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
limit=60 # seconds from the fault to the end, on a machine that may be busy
grace=0  # seconds that mpirun leaves ranks that it ends
steps=8  # of an epoch
options="--data digits --hidden 48,24 --batch 200 --parts 8 --validation 0.2 --dropout 0.2 --quiet"

# start N OPTION…: an endless training, as from a terminal, in the background; $job is mpirun
start() {
    number=$1
    shift
    OMPI_MCA_odls_base_sigkill_timeout=$grace setsid env --default-signal=INT mpirun -n "$number" "$mpi" train $options --epochs 1000000 "$@" >out 2>err </dev/null &
    job=$!
}

# fails [PID…]: whether the job ends with a failure, within the limit from now, and no rank is left, nor any of the processes;
# it is killed otherwise
fails() {
    members="$(ranks_of "$job") $job $*"
    within $limit gone $members || {
        kill -s KILL -- "-$job" $members
        return 1
    }
    ! wait "$job"
}

# goes_on N FOLDER: some epochs more, on N ranks, or by `mlp` for 0, have the bits of one process
goes_on() {
    epochs=$(($(step_of "$2") / steps + 3))
    "$mlp" train $options --epochs $epochs --output alone >out 2>err || return 1
    if [ "$1" -eq 0 ]; then
        "$mlp" train $options --epochs $epochs --checkpoint "$2" --resume --output more >out 2>err
    else
        mpirun -n "$1" "$mpi" train $options --epochs $epochs --checkpoint "$2" --resume --output more >out 2>err </dev/null
    fi && cmp alone more >>err
}

newest_is_whole() {
    "$mlp" evaluate "$1/$(newest "$1")" --data digits >out 2>err
}

# random BELOW
random() {
    echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

# kill_one N FOLDER: N ranks go on; one of them, by chance, is killed: before or while they find each other, or some steps later
kill_one() {
    start "$1" --checkpoint "$2" --checkpoint-steps 5 --resume
    [ "$(random 5)" -eq 0 ] || within 60 stands "$2" $(($(step_of "$2") + 1 + $(random 150)))
    sleep "0.$(printf %03d "$(random 300)")"
    within 60 has_ranks "$1"
    kill -KILL "$(ranks_of "$job" | sed -n "$((1 + $(random "$1")))p")"
    fails && { newest_is_whole "$2" || [ -z "$(newest "$2")" ]; }
}
has_ranks() {
    [ "$(ranks_of "$job" | wc -l)" -eq "$1" ]
}

# ---- a rank that hangs; what is waited for is looked at below
start 3 --checkpoint hung --checkpoint-steps 5 --exchange-timeout 2
hung=$job
within 60 stands hung 5
mv err hung.err
hung_ranks=$(ranks_of "$hung")
kill -STOP "$(echo "$hung_ranks" | tail -n 1)"

# ---- random ranks killed at random moments, each time of another number of ranks; every third time a last number of them ends it
set -- 2 4 3 8 1
killed=0 ended=0 wrong=
while [ $killed -lt "$kills" ] && [ -z "$wrong" ]; do
    kill_one "$1" killed || wrong="one of $1 is killed"
    killed=$((killed + 1))
    if [ -z "$wrong" ] && [ $((killed % 3)) -eq 0 ]; then
        goes_on "$2" killed || wrong="$2 go on"
        ended=$((ended + 1))
        rm -rf killed
    fi
    set -- "$2" "$3" "$4" "$5" "$1"
done
[ -z "$wrong" ]
result $? "killed $killed times, went on to the bits of one process $ended times${wrong:+; ranks that fail: $wrong}"

# ---- mpirun itself, Ctrl-C, and the rank that hangs
start 3 --checkpoint orphan --checkpoint-steps 5
within 60 stands orphan 5
members=$(ranks_of "$job")
kill -KILL "$job"
wait "$job" 2>/dev/null
within $limit gone $members
result $? 'mpirun is killed: no rank is left'
goes_on 2 orphan
result $? '  two ranks go on'

for grace in 1 20; do # Ctrl-C becomes SIGTERM, upon which ranks have something to write: on a busy machine for longer
    rm -rf stopped reached
    start 2 --checkpoint stopped --checkpoint-steps 50 --output reached
    within 60 stands stopped 50
    kill -s INT -- "-$job"
    fails && grep -q "'stopped/checkpoint-[0-9]*.safetensors'; the same command with --resume goes on" err && [ -e reached ] && break
done
result $? 'Ctrl-C at mpirun: a checkpoint and the model are written'
goes_on 4 stopped
result $? '  four ranks go on'

job=$hung
fails $hung_ranks && grep -q 'nothing from another rank for 2 s; it has ended, hangs or cannot be reached' hung.err
result $? 'a rank that hangs is waited for as long as --exchange-timeout'
goes_on 0 hung
result $? '  one process goes on'

# ---- a full disk on rank 0
mkdir disk
if mount -t tmpfs -o size=300k tmpfs disk 2>err; then
    mounted=disk
else
    skipped 'a full disk' 'no file system can be mounted'
fi
# fill_until COMMAND…: takes all that is left, and what a file that could not be written gives back
fill_until() {
    dd if=/dev/zero of=disk/filler bs=1k oflag=append conv=notrunc 2>/dev/null
    "$@"
}
is_full() {
    grep -q 'checkpoint-[0-9]*.safetensors: cannot write: No space left on device' err && grep -q -e '--log: cannot write' err
}
for policy in ${mounted:+continue stop}; do
    start 2 --checkpoint disk/run --checkpoint-steps 5 --checkpoint-failure $policy --log disk/log --output disk/model
    within 60 stands disk/run 5
    if [ $policy = stop ]; then
        within 60 fill_until gone "$job"
        fails
    else
        within 60 fill_until is_full
        fill_until kill -s INT -- "-$job"
        fails && [ ! -e disk/model ] && grep -q 'the model is NOT saved' err
    fi && grep -q 'disk/run/.*safetensors: cannot write: No space left on device' err
    result $? "a full disk, --checkpoint-failure $policy: the job ends with a message"
    newest_is_whole disk/run
    result $? '  the newest checkpoint is whole'
    rm -f disk/filler disk/log
    goes_on 2 disk/run
    result $? '  two ranks go on'
    rm -rf disk/*
done
echo "1..$count"
