#!/usr/bin/env python3
"""PyTorch's DistributedDataParallel over gloo, as one of the ranks of a job: its training step, and an all-reduce of as
many floats as the network has parameters.

`bench/peers/cluster` starts one process a rank: ddp_peer.py RANK RANKS FOLDER THREADS; the ranks find each other by a file in the
folder. Rank 0 answers each line "WORKLOAD SECONDS" of its standard input with {"step_us": …, "exchange_us": …}, minima
within this time, and passes it on to the others."""

import datetime
import json
import os
import sys
import time

import peer


class Job:
    def __init__(self, rank, ranks, folder, threads):
        import torch
        import torch.distributed
        self.torch, self.rank, self.ranks = torch, rank, ranks
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/ranks", rank=rank, world_size=ranks,
                                             timeout=datetime.timedelta(minutes=10))

    def share(self, line):
        """Rank 0's line, on all ranks."""
        held = [line]
        self.torch.distributed.broadcast_object_list(held, src=0)
        return held[0]

    def step(self, workload):
        """Each rank trains on its share of the batch; DDP averages the gradients while backward runs."""
        torch, nn = self.torch, self.torch.nn
        layers = []
        for inputs, units in zip(workload.sizes, workload.sizes[1:]):
            layers += [nn.Linear(inputs, units), nn.ReLU()]
        network = nn.parallel.DistributedDataParallel(nn.Sequential(*layers[:-1]), gradient_as_bucket_view=True)
        parameters = list(network.parameters())
        optimizer = torch.optim.SGD(parameters, lr=peer.LEARNING_RATE, momentum=0.9, fused=True)
        count, classes = workload.batch // self.ranks, workload.sizes[-1]
        x = torch.randn(count, workload.sizes[0])
        if classes == 1:
            y, loss = torch.ones(count, 1), nn.MSELoss()
        else:
            y, loss = torch.arange(count) % classes, nn.CrossEntropyLoss()

        def work():
            optimizer.zero_grad(set_to_none=True)
            loss(network(x), y).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        return work

    def exchange(self, workload):
        size = sum((inputs + 1) * units for inputs, units in zip(workload.sizes, workload.sizes[1:]))
        gradient = self.torch.zeros(size)
        return lambda: self.torch.distributed.all_reduce(gradient)

    def fastest(self, work, seconds):
        """Microseconds of the fastest call, which all ranks begin together, within so many seconds of rank 0: those of
        rank 0, which each call ends together with the others."""
        for _ in range(5):
            work()
        best, end, goes_on = float("inf"), time.perf_counter() + seconds, self.torch.ones(1)
        while goes_on.item() > 0:
            for _ in range(10):
                self.torch.distributed.barrier()
                start = time.perf_counter()
                work()
                best = min(best, time.perf_counter() - start)
            goes_on[0] = float(time.perf_counter() < end)
            self.torch.distributed.broadcast(goes_on, src=0)
        return 1e6 * best


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not mix with the replies

    def reply(values):
        if job is None or job.rank == 0:
            print(json.dumps(values), file=replies, flush=True)

    job = None
    try:
        job = Job(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    except ImportError as error:
        reply({"missing": str(error)})
        return
    reply({"version": job.torch.__version__})
    while line := job.share(sys.stdin.readline() if job.rank == 0 else None):
        name, seconds = line.split()
        workload = peer.WORKLOADS[name]
        reply({"step_us": job.fastest(job.step(workload), float(seconds)),
               "exchange_us": job.fastest(job.exchange(workload), float(seconds) / 4)})
    job.torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
