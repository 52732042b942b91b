#!/bin/sh
# Training over a network stack: four network namespaces joined by a bridge, TCP between them, delay and loss by tc netem or,
# where the kernel has none, by a bridge in user space; then a namespace that is cut off in mid-training, each in turn, and a
# rank that is killed. A command of its own: it needs root, iproute2 and Open MPI, and takes a minute or two.
# Usage: mpi_network.sh PATH-OF-MLP PATH-OF-MLP-MPI
# Prints TAP.
mlp=$(realpath "$1")
mpi=$(realpath "$2")
here=$(realpath "$(dirname "$0")")
. "$here/tap.sh"
. "$here/mpi_ranks.sh"
nodes="1 2 3 4"
name=mlp-$$
bridge=mlp$(($$ % 10000))

remove() {
    [ -n "$slow" ] && kill "$slow"
    for node in $nodes; do
        ip netns delete "$name-$node" 2>/dev/null
    done
    ip link delete "$bridge" 2>/dev/null
    rm -rf "$folder"
}
trap remove EXIT

ip link add "$bridge" type bridge 2>err && ip link set "$bridge" up || {
    echo "1..0 # SKIP no bridge can be made: this needs root and iproute2 ($(cat err))"
    exit 0
}
for node in $nodes; do
    ip netns add "$name-$node" &&
        ip link add "$bridge-$node" type veth peer name eth0 netns "$name-$node" &&
        ip link set "$bridge-$node" master "$bridge" up &&
        ip -n "$name-$node" addr add "10.213.7.$node/24" dev eth0 &&
        ip -n "$name-$node" link set eth0 up && ip -n "$name-$node" link set lo up || exit 1
done

# What mpirun takes for ssh: ADDRESS COMMAND… A node has no memory in common with another.
cat >agent <<END
#!/bin/sh
node=\${1##*.}
shift
exec ip netns exec $name-\$node sh -c "mount -t tmpfs tmpfs /dev/shm; \$*"
END
chmod +x agent

export OMPI_MCA_plm_rsh_agent="$folder/agent" OMPI_MCA_btl=self,tcp OMPI_MCA_pml=ob1 OMPI_MCA_btl_tcp_if_include=10.213.7.0/24
# mpirun notices a node that does not answer within 8 s, not 8 min
export OMPI_MCA_oob_tcp_keepalive_time=5 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
export OMPI_MCA_oob_tcp_if_include=10.213.7.0/24 OMPI_MCA_plm_rsh_no_tree_spawn=1 PMIX_MCA_gds=hash

# on NODES OPTION…: a rank on each of these nodes ("1 3"), each with an address of its own; mpirun is on the first
on() {
    hosts=
    for node in $1; do
        hosts=$hosts${hosts:+,}10.213.7.$node
    done
    first=10.213.7.${1%% *}
    number=$(echo "$1" | wc -w)
    shift
    timeout -k 5 300 ./agent "$first" exec mpirun --host "$hosts" -n "$number" "$mpi" train --data digits "$@"
}

# empty: whether no rank is left on any node
empty() {
    for node in $nodes; do
        for process in $(ip netns pids "$name-$node"); do
            [ "$(cat "/proc/$process/comm" 2>/dev/null)" != mlp-mpi ] || return 1
        done
    done
}

options="--batch 50 --parts 8 --validation 0.2 --dropout 0.2 --quiet"
short="$options --hidden 48,24 --epochs 2"
for units in 520 48,24; do # on one node the gradient of the first would go through common memory
    "$mlp" train --data digits $options --hidden $units --epochs 2 --output alone >out 2>err
    on "$nodes" $options --hidden $units --epochs 2 --output four >out 2>err && cmp alone four >>err
    result $? "four ranks over TCP give the model of one process, $units hidden units"
done

# ---- delay and loss
netem=yes
for node in $nodes; do
    ip netns exec "$name-$node" tc qdisc add dev eth0 root netem delay 2ms 1ms loss 1% 2>err || netem=no
done
how='by netem'
if [ "$netem" = no ] && command -v python3 >/dev/null; then
    how='by a bridge in user space: this kernel has no netem'
    for node in $nodes; do
        ip link set "$bridge-$node" nomaster
        ip -n "$name-$node" link set eth0 gso_max_segs 1 # frames are lost, not trains of them
    done
    python3 "$here/slow_bridge.py" 2 1 0.01 "$bridge-1" "$bridge-2" "$bridge-3" "$bridge-4" 2>slow &
    slow=$!
fi
if [ "$netem" = yes ] || [ -n "$slow" ]; then
    on "$nodes" $short --output lossy >out 2>err && cmp alone lossy >>err
    result $? "and so they do with 2 ms of delay and 1 % of loss ($how)"
    ip netns exec "$name-1" awk '$1 == "Tcp:" { again = $13 } END { print again; exit !(again > 0) }' /proc/net/snmp >out
    result $? "  in which segments were lost and sent again ($(cat out))"
else
    skipped "delay and loss" 'this kernel has no netem, and there is no python3'
fi

# ---- a node that is cut off, and a rank that is killed; the line stays as bad as it is
long="$options --hidden 48,24 --epochs 5"
"$mlp" train --data digits $long --output whole >out 2>err

# disturbed NAME REST COMMAND…: four ranks train until the command disturbs them, and a rank on each of the nodes of REST goes on
disturbed() {
    what=$1
    rest=$2
    shift 2
    rm -rf run
    on "$nodes" $long --checkpoint run --checkpoint-steps 7 --exchange-timeout 6 >out 2>err &
    job=$!
    within 200 stands run 14
    start=$(date +%s)
    "$@"
    wait "$job"
    code=$?
    seconds=$(($(date +%s) - start))
    [ $code -ne 0 ] && [ $seconds -lt 30 ] &&
        grep -q 'nothing from another rank for 6 s\|lost connection\|ORTE has lost\|lost communication\|exited on signal 9\|failed' err
    result $? "$what ends the job with a message, in $seconds s"
    within 30 empty
    result $? "  no rank is left on any node"
    "$mlp" evaluate "run/$(newest run)" --data digits >out 2>err
    result $? "  the newest checkpoint is whole"
    on "$rest" $long --checkpoint run --resume --output rest >out 2>err && cmp whole rest >>err
    result $? "  ranks on the nodes $rest go on to the bits of one process"
}
kill_rank() {
    for process in $(ip netns pids "$name-$1"); do
        [ "$(cat "/proc/$process/comm")" = mlp-mpi ] && kill -KILL "$process"
    done
}
for cut in $nodes; do
    disturbed "node $cut, cut off," "$(echo "$nodes" | tr -d "$cut" | xargs)" ip link set "$bridge-$cut" down
    ip link set "$bridge-$cut" up
done
disturbed "a rank that is killed" "1 4" kill_rank 3
echo "1..$count"
