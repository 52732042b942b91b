"""What is said of two parties' rounds: ratios, medians, spread; as a table or as JSON."""

import json
import statistics

NOISY = 0.15
FIGURES = {
    "sgd": "step, SGD",
    "adam": "step, Adam",
    "one": "predict 1",
    "batch": "predict batch",
    "training": "whole training, Adam",
    "normal": "10⁶ normal deviates",
    "orthogonal": "orthogonal 1024²",
}


def spread_of(timings):
    """The larger of two: the interquartile range of the rounds' medians ÷ their median; the median of the rounds' own
    spreads."""
    own = statistics.median(timing.spread for timing in timings)
    if len(timings) == 1:
        return own
    quartile1, median, quartile3 = statistics.quantiles([t.median for t in timings], n=4, method="inclusive")
    return max(own, (quartile3 - quartile1) / median)


def compare(ours, theirs):
    """The row of two parties' timings, one of each a round. A ratio over 1: the peer takes longer."""
    row = {
        "peer_us": min(t.minimum for t in theirs),
        "ours_us": min(t.minimum for t in ours),
        "peer_median_us": statistics.median(t.median for t in theirs),
        "ours_median_us": statistics.median(t.median for t in ours),
    }
    if ours[0].first is not None:
        for name, timings in ("peer", theirs), ("ours", ours):
            best = min(timings, key=lambda timing: timing.minimum)
            row |= {f"{name}_first_us": best.first, f"{name}_last_us": best.last}
    return {**row, "ratio": row["peer_us"] / row["ours_us"],
            "median_ratio": row["peer_median_us"] / row["ours_median_us"],
            "spread": max(spread_of(ours), spread_of(theirs)), "rounds": len(ours)}


def print_header(threads, blas_core, versions, rounds):
    peers = ", ".join(f"{name} {version}" for name, version in versions.items())
    print(f"{threads} thread{'s' if threads > 1 else ''}, OpenBLAS core {blas_core}; {peers}; {rounds} interleaved "
          "rounds\nmicroseconds; ratio: peer ÷ libmlp, minimum against minimum, then median against median\n")
    print(f"{'workload':9}{'figure':21}{'peer':19}{'peer':>12}{'libmlp':>12}{'ratio':>9}{'medians':>9}")


def microseconds(value):
    return f"{value:12.2f}" if value < 100.0 else f"{value:12.1f}"


def print_row(row, as_json):
    if as_json:
        print(json.dumps(row), flush=True)
        return
    remark = "  (noisy: spread over 15 %)" if row["spread"] > NOISY else ""
    if "ours_first_us" in row:
        remark += "  last ÷ first epoch: {:.2f}, {:.2f}".format(row["peer_last_us"] / row["peer_first_us"],
                                                              row["ours_last_us"] / row["ours_first_us"])
    print(f"{row['workload'] or '':9}{FIGURES[row['figure']]:21}{row['peer']:19}{microseconds(row['peer_us'])}"
          f"{microseconds(row['ours_us'])}{row['ratio']:9.2f}{row['median_ratio']:9.2f}{remark}", flush=True)
