# Sourced by the tests of mlp-mpi after tap.sh: what mpirun needs here, the processes of a job, its checkpoints.
# Of Open MPI; others ignore them. Root in a container, more ranks than processors, no other process's memory.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none
# Seconds that mpirun sleeps, often twice, between SIGTERM and SIGKILL: by default 1, most of the time of a job that is to fail.
export OMPI_MCA_odls_base_sigkill_timeout=0

# needs_mpi: nothing is tested where $mpi is "" or there is no mpirun
needs_mpi() {
    if [ -z "$mpi" ] || ! command -v mpirun >/dev/null; then
        echo "1..0 # SKIP no MPI: libopenmpi-dev and openmpi-bin, or MPICH, are not installed"
        exit 0
    fi
}

# ranks_of PID: the processes of mlp-mpi among its descendants
ranks_of() {
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
        [ "$(cat "/proc/$child/comm" 2>/dev/null)" = mlp-mpi ] && echo "$child"
        ranks_of "$child"
    done
}

# gone PID…: whether none of these processes runs
gone() {
    for process in "$@"; do
        case $(cut -d ' ' -f 3 "/proc/$process/stat" 2>/dev/null) in
        '' | Z) ;;
        *) return 1 ;;
        esac
    done
}

# within SECONDS COMMAND…: whether the command succeeds once in this time
within() {
    end=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# newest FOLDER: the name of its newest checkpoint, or nothing
newest() {
    ls "$1" 2>/dev/null | grep '^checkpoint-[0-9]*\.safetensors$' | tail -n 1
}

# step_of FOLDER: the step of its newest checkpoint, 0 where it has none
step_of() {
    step=$(newest "$1" | tr -dc 0-9 | sed 's/^0*//')
    echo "${step:-0}"
}

# stands FOLDER STEP: whether it has a checkpoint of this step or of a later one
stands() {
    [ "$(step_of "$1")" -ge "$2" ]
}
