#!/usr/bin/env python3
"""Where data parallel training stops scaling: the α–β model of docs/cluster.md, as a table in Markdown.

A step of a node, measured, stays what it is: each node has a batch of its own. The exchange of a step is two collectives in each
of which a rank sends (R − 1)/R of the gradient, and a word to all. A collective takes the better of R − 1 messages, one to each
rank, and ⌈log₂ R⌉ rounds in which half of everything moves (Bruck)"""

# name, parameters, µs of a step of two threads (docs/performance.md)
WORKLOADS = [("tiny", 433, 2.8), ("mnist", 109386, 165), ("lecun", 266610, 774), ("deep", 1315840, 5602), ("wide", 8344552, 115376)]
# name, µs of a message, bytes of a µs
NETWORKS = [("10 GbE", 20.0, 1.1e3), ("100 GbE", 8.0, 11e3), ("InfiniBand HDR", 1.5, 23e3)]
NODES = [2, 4, 16, 64, 256]


def messages(nodes):
    """Starts of messages on the critical path: a collective of short messages takes ⌈log₂ R⌉ rounds, one of long ones R − 1."""
    rounds = (nodes - 1).bit_length()
    return {"short": rounds, "long": nodes - 1}


def exchange(parameters, nodes, alpha, beta):
    bytes_each = 4.0 * parameters * (nodes - 1) / nodes
    m = messages(nodes)
    one = min(m["long"] * alpha + bytes_each / beta, m["short"] * (alpha + 2.0 * parameters / beta))
    return 2.0 * one + m["short"] * alpha


def main():
    print("| network, batch of a node | over | " + " | ".join(f"{n} nodes" for n in NODES) + " |")
    print("|---|---|" + "---|" * len(NODES))
    for name, parameters, step in WORKLOADS:
        for network, alpha, beta in NETWORKS:
            shares = [step / (step + exchange(parameters, n, alpha, beta)) for n in NODES]
            print(f"| {name} | {network} | " + " | ".join(f"{s:.2f}" for s in shares) + " |")


main()
