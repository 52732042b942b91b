#!/usr/bin/env python3
"""Writes pytorch_rules.h: what PyTorch's optimizers make of given gradients, with its own defaults.

usage: pytorch_rules.py > pytorch_rules.h        (needs torch)
"""

import torch

PARAMETERS, STEPS = 8, 40
RULES = [
    ("SGD", lambda p: torch.optim.SGD(p, lr=0.01)),
    ("MOMENTUM", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
    ("NESTEROV", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True)),
    ("RMSPROP", lambda p: torch.optim.RMSprop(p)),
    ("ADAM", lambda p: torch.optim.Adam(p)),
    ("ADAMW", lambda p: torch.optim.AdamW(p)),
    ("ADAGRAD", lambda p: torch.optim.Adagrad(p)),
    ("ADADELTA", lambda p: torch.optim.Adadelta(p)),
    ("ADAMAX", lambda p: torch.optim.Adamax(p)),
    ("AMSGRAD", lambda p: torch.optim.Adam(p, amsgrad=True)),
    ("NADAM", lambda p: torch.optim.NAdam(p)),
    ("RADAM", lambda p: torch.optim.RAdam(p)),
    ("RPROP", lambda p: torch.optim.Rprop(p)),
]


def gradient(t, i):
    return ((7 * i + 5 * t) % 11 - 5) / 8


def run(make):
    parameters = torch.tensor([(i - 3.5) / 4 for i in range(PARAMETERS)], dtype=torch.float64, requires_grad=True)
    optimizer = make([parameters])
    for t in range(STEPS):
        parameters.grad = torch.tensor([gradient(t, i) for i in range(PARAMETERS)], dtype=torch.float64)
        optimizer.step()
    return parameters.tolist()


print(f"""/* What PyTorch {torch.__version__.split('+')[0]}'s optimizers make of {PARAMETERS} parameters in {STEPS} steps, in double and with their own
 * defaults (SGD at rate 0.01, momentum 0.9): parameter i starts at (i - 3.5)/4, its gradient at step t is
 * ((7·i + 5·t) mod 11 - 5)/8. Written by pytorch_rules.py. */
#ifndef OPTIM_PYTORCH_RULES_H
#define OPTIM_PYTORCH_RULES_H

enum {{ PYTORCH_PARAMETERS = {PARAMETERS}, PYTORCH_STEPS = {STEPS} }};

static const struct {{
    mlp_optimizer_rule rule;
    double parameters[PYTORCH_PARAMETERS];
}} pytorch_rules[] = {{""")
for name, make in RULES:
    values = [f"{value:.10g}" for value in run(make)]
    print(f"    {{ MLP_OPTIMIZER_{name},\n      {{ {', '.join(values[:4])},\n        {', '.join(values[4:])} }} }},")
print("};")

MUON_STEPS = 10


def muon(rows, columns):
    w = torch.tensor([[((r * columns + c) - 11.5) / 12 for c in range(columns)] for r in range(rows)], requires_grad=True)
    optimizer = torch.optim.Muon([w], lr=0.02, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for t in range(MUON_STEPS):
        w.grad = torch.tensor([[gradient(t, r * columns + c) for c in range(columns)] for r in range(rows)])
        optimizer.step()
    return [f"{value:.7g}" for value in w.flatten().tolist()]


print(f"""
/* Muon's on a matrix (its step as long as AdamW's), at rate 0.02 and decay 0.01, after {MUON_STEPS} steps: entry i, counted row after row, starts
 * at (i - 11.5)/12, its gradients are as above. PyTorch orthogonalizes in bfloat16, of 8 bits. */
enum {{ PYTORCH_MUON_STEPS = {MUON_STEPS}, PYTORCH_MUON_ENTRIES = 24 }};

static const struct {{
    int rows, columns;
    double parameters[PYTORCH_MUON_ENTRIES];
}} pytorch_muon[] = {{""")
for rows, columns in ((4, 6), (6, 4)):
    values = muon(rows, columns)
    lines = ",\n        ".join(", ".join(values[i:i + 6]) for i in range(0, 24, 6))
    print(f"    {{ {rows}, {columns},\n      {{ {lines} }} }},")
print("};\n\n#endif")
