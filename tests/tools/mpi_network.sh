#!/bin/sh
# Training over a network stack: four network namespaces joined by a bridge, TCP between them, delay and loss by
# tc netem; then a namespace that is cut off in mid-training. A command of its own: it needs root, iproute2 and
# Open MPI, and takes some twenty seconds.
# Usage: mpi_network.sh PATH-OF-MLP PATH-OF-MLP-MPI
# Prints TAP.
mlp=$(realpath "$1")
mpi=$(realpath "$2")
. "$(dirname "$0")/tap.sh"
nodes="1 2 3 4"
name=mlp-$$
bridge=mlp$(($$ % 10000))

remove() {
    for node in $nodes; do
        ip netns delete "$name-$node" 2>/dev/null
    done
    ip link delete "$bridge" 2>/dev/null
    rm -rf "$folder"
}
trap remove EXIT

ip link add "$bridge" type bridge && ip link set "$bridge" up || {
    echo "1..0 # SKIP no bridge can be made: this needs root and iproute2"
    exit 0
}
for node in $nodes; do
    ip netns add "$name-$node" &&
        ip link add "$bridge-$node" type veth peer name eth0 netns "$name-$node" &&
        ip link set "$bridge-$node" master "$bridge" up &&
        ip -n "$name-$node" addr add "10.213.7.$node/24" dev eth0 &&
        ip -n "$name-$node" link set eth0 up && ip -n "$name-$node" link set lo up || exit 1
done

# What mpirun takes for ssh: ADDRESS COMMAND…
cat >agent <<END
#!/bin/sh
node=\${1##*.}
shift
exec ip netns exec $name-\$node sh -c "\$*"
END
chmod +x agent

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_plm_rsh_agent="$folder/agent" OMPI_MCA_btl=self,tcp OMPI_MCA_pml=ob1 OMPI_MCA_btl_tcp_if_include=10.213.7.0/24
# mpirun notices a node that does not answer within 8 s, not 8 min
export OMPI_MCA_oob_tcp_keepalive_time=5 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
export OMPI_MCA_oob_tcp_if_include=10.213.7.0/24 OMPI_MCA_plm_rsh_no_tree_spawn=1 PMIX_MCA_gds=hash

# over_network OPTION…: four ranks, each on an address of its own
over_network() {
    timeout 120 ip netns exec "$name-1" mpirun --host 10.213.7.1,10.213.7.2,10.213.7.3,10.213.7.4 -n 4 "$mpi" train --data digits "$@"
}

options="--hidden 48,24 --epochs 2 --batch 50 --parts 8 --validation 0.2 --dropout 0.2 --quiet"
"$mlp" train --data digits $options --output alone >out 2>err
over_network $options --output four >out 2>err && cmp alone four >>err
result $? "four ranks over TCP give the model of one process"

for node in $nodes; do
    ip netns exec "$name-$node" tc qdisc add dev eth0 root netem delay 2ms 1ms loss 1% 2>err || netem=no
done
if [ "${netem:-yes}" = yes ]; then
    over_network $options --output lossy >out 2>err && cmp alone lossy >>err
    result $? "and so they do with 2 ms of delay and 1 % of loss"
    for node in $nodes; do
        ip netns exec "$name-$node" tc qdisc del dev eth0 root
    done
else
    skipped "delay and loss" 'this kernel has no netem'
fi

over_network $options --epochs 10000 --checkpoint run --checkpoint-steps 20 --exchange-timeout 3 >out 2>err &
job=$!
for turn in $(seq 200); do
    [ -e run/checkpoint-000000000040.safetensors ] && break
    sleep 0.05
done
ip link set "$bridge-3" down
start=$(date +%s)
wait $job
code=$?
seconds=$(($(date +%s) - start))
[ $code -ne 0 ] && [ $seconds -lt 30 ] && grep -q 'nothing from another rank for 3 s\|lost connection\|ORTE has lost\|failed' err
result $? "a node that is cut off ends the job within seconds ($seconds s)"
ip link set "$bridge-3" up
newest=$(ls run/checkpoint-* | tail -n 1)
"$mlp" evaluate "$newest" --data digits >out 2>err
result $? "the newest checkpoint is whole"
echo "1..$count"
