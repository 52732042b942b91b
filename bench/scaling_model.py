#!/usr/bin/env python3
"""A model of the training step's time on many cores: docs/performance.md explains it.

usage: scaling_model.py [CORES…]        (default 1 2 4 8 16 32 64)

The products run at the speed of their tiles and are as uneven as the grids of src/linalg/tiling.c are coarse; the update
runs at the caches' or the memory's speed; a barrier costs what two threads take for one, times log2 of the cores.
"""

import math
import sys

WORKLOADS = {"mnist": ([784, 128, 64, 10], 64), "lecun": ([784, 300, 100, 10], 128), "deep": ([256] * 21, 128),
             "wide": ([1024, 2048, 2048, 1000], 512)}
FLOPS = 110e3           # of a core in a microsecond, in tiles (mlp-bench tiles)
TRIAD = 46e3            # bytes in a microsecond from memory, one core (mlp-bench optimizer)
MEMORY_CORES = 8        # cores after which memory is no faster: an assumption
CACHED = 110e3          # bytes in a microsecond where a core's share of the arena fits its cache
NORM = 10.7e3           # entries in a microsecond (mlp-bench step --phases)
BARRIER = 0.3           # microseconds, two cores (likewise)
CACHE = 1e6             # bytes of a core's own cache


def pieces(length, size):
    return -(-length // size)


def share(tasks, cores):
    """The largest part of the tasks that one core has."""
    return pieces(tasks, cores) / tasks


def gradient_columns(batch):
    return next(columns for columns in (128, 96, 64, 48, 24, 16) if columns <= 1e6 / (64 * batch) or columns == 16)


def step(sizes, batch, cores):
    shards = pieces(batch, 512 if any(size > 976 for size in sizes[:-1]) else 16)
    chained = cores == 1 or share(shards, cores) * cores <= 1.15
    time, barriers, tiles, work, parameters = 0.0, 3, 0, 0.0, 0
    for layer in range(len(sizes) - 1):
        below, rows, units = sizes[layer], pieces(sizes[layer + 1], 16) * 16, sizes[layer + 1]
        halves = 512 <= below <= 976
        count = pieces(rows, 64) * pieces(batch, 512 if below > 976 else 16) * (2 if halves else 1)
        time += 2 * rows * batch * below / FLOPS * share(shards if chained and not halves else count, cores)
        barriers += (0 if chained else 1) + (2 if halves else 0)
        if layer > 0:
            wide = units > 976 or (units < 112 and below * batch >= 2e6 / units)
            count = pieces(below, 64) * pieces(batch, 512 if wide else 16)
            time += 2 * below * batch * units / FLOPS * share(shards if chained else count, cores)
            barriers += 0 if chained else 1
        tiles += pieces(rows, 64) * pieces(below, gradient_columns(batch))
        work += 2 * rows * below * batch
        parameters += rows * (below + 1)
    time += work / FLOPS * share(tiles, cores) + parameters / (NORM * cores)
    fits = 12 * parameters / cores < CACHE
    time += 20 * parameters / (CACHED * cores if fits else TRIAD * min(cores, MEMORY_CORES))
    return time + (BARRIER * barriers * math.log2(cores) if cores > 1 else 0.0)


def main():
    cores = [int(argument) for argument in sys.argv[1:]] or [1, 2, 4, 8, 16, 32, 64]
    print("microseconds of a step (times faster than on one core)")
    print(f"{'workload':10}" + "".join(f"{count:>16}" for count in cores))
    for name, (sizes, batch) in WORKLOADS.items():
        alone = step(sizes, batch, 1)
        times = [step(sizes, batch, count) for count in cores]
        print(f"{name:10}" + "".join(f"{time:9.0f} ({alone / time:4.1f})" for time in times))


if __name__ == "__main__":
    main()
