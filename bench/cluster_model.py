#!/usr/bin/env python3
"""Where data parallel training stops scaling: the α–β model of docs/cluster.md, as tables in Markdown.

A step of a node, measured, stays what it is: each node has a batch of its own. The exchange of a step is two collectives in each
of which a rank sends (R − 1)/R of the gradient, and a word to all. A collective takes the better of R − 1 messages, one to each
rank, and ⌈log₂ R⌉ rounds in which half of everything moves (Bruck). Of the exchange, what lasts no longer than --overlap of the
step hides behind it: 0, the default, where nothing does; 2/3 where all of backward would."""

import argparse
import math

# name, samples, parameters, µs of a step of one rank of two threads: mpirun -n 1 mlp-bench-mpi 2 1, Haswell kernels
WORKLOADS = [("tiny", 32, 433, 1.9), ("mnist", 64, 109386, 75), ("lecun", 128, 266610, 332), ("deep", 128, 1315840, 2263),
             ("wide", 512, 8344552, 54700)]
# name, µs of a message, bytes of a µs
NETWORKS = [("10 GbE", 20.0, 1.1e3), ("100 GbE", 8.0, 11e3), ("InfiniBand HDR", 1.5, 23e3)]
NODES = [2, 4, 16, 64, 256]
WANTED = 0.9  # of a node's speed


def exchange(parameters, nodes, alpha, beta):
    """µs. Starts of messages on the critical path: a collective of short messages takes ⌈log₂ R⌉ rounds, one of long ones R − 1."""
    short, long = (nodes - 1).bit_length(), nodes - 1
    bytes_each = 4.0 * parameters * (nodes - 1) / nodes
    one = min(long * alpha + bytes_each / beta, short * (alpha + 2.0 * parameters / beta))
    return 2.0 * one + short * alpha


def share(step, cost, overlap):
    return step / (step + max(0.0, cost - overlap * step))


def factor(step, cost, overlap):
    """How many times the batch must be as large for WANTED: the step grows with it, the exchange does not."""
    return max(1.0, cost / step / (1.0 / WANTED - 1.0 + overlap))


def print_table(heading, columns, cell):
    print(f"\n| {heading} | over | " + " | ".join(columns) + " |")
    print("|---|---|" + "---|" * len(columns))
    for name, samples, parameters, step in WORKLOADS:
        for network, alpha, beta in NETWORKS:
            costs = [exchange(parameters, nodes, alpha, beta) for nodes in NODES]
            print(f"| {name} | {network} | " + " | ".join(cell(samples, step, cost) for cost in costs) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overlap", metavar="SHARE", type=float, default=0.0, help="of a step (default 0)")
    overlap = parser.parse_args().overlap
    columns = [f"{nodes} nodes" for nodes in NODES]
    print_table("share of a node's speed that is left", columns, lambda _, step, cost: f"{share(step, cost, overlap):.2f}")
    print_table(f"samples of a node that leave {WANTED}", columns,
                lambda samples, step, cost: f"{math.ceil(samples * factor(step, cost, overlap))}")


main()
