#!/usr/bin/env python3
"""Writes pytorch_rules.h: what PyTorch's optimizers make of given gradients, with its own defaults.

usage: pytorch_rules.py > pytorch_rules.h        (needs torch)
"""

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

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


DECAY = 0.1
DECAYS = [
    ("SGD", "L2", lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=DECAY)),
    ("MOMENTUM", "L2", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=DECAY)),
    ("NESTEROV", "L2", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=DECAY)),
    ("RMSPROP", "L2", lambda p: torch.optim.RMSprop(p, weight_decay=DECAY)),
    ("ADAM", "L2", lambda p: torch.optim.Adam(p, weight_decay=DECAY)),
    ("ADAMW", "DECOUPLED", lambda p: torch.optim.AdamW(p, weight_decay=DECAY)),
    ("ADAGRAD", "L2", lambda p: torch.optim.Adagrad(p, weight_decay=DECAY)),
    ("ADADELTA", "L2", lambda p: torch.optim.Adadelta(p, weight_decay=DECAY)),
    ("ADAMAX", "L2", lambda p: torch.optim.Adamax(p, weight_decay=DECAY)),
    ("AMSGRAD", "L2", lambda p: torch.optim.Adam(p, amsgrad=True, weight_decay=DECAY)),
    ("AMSGRAD", "DECOUPLED", lambda p: torch.optim.AdamW(p, amsgrad=True, weight_decay=DECAY)),
    ("NADAM", "L2", lambda p: torch.optim.NAdam(p, weight_decay=DECAY)),
    ("NADAM", "DECOUPLED", lambda p: torch.optim.NAdam(p, weight_decay=DECAY, decoupled_weight_decay=True)),
    ("RADAM", "L2", lambda p: torch.optim.RAdam(p, weight_decay=DECAY)),
    ("RADAM", "DECOUPLED", lambda p: torch.optim.RAdam(p, weight_decay=DECAY, decoupled_weight_decay=True)),
]


def gradient(t, i):
    return ((7 * i + 5 * t) % 11 - 5) / 8


def start(i):
    return (i - 3.5) / 4


def digits(values):
    return [f"{value:.10g}" for value in values]


def run(make):
    parameters = torch.tensor([start(i) for i in range(PARAMETERS)], dtype=torch.float64, requires_grad=True)
    optimizer = make([parameters])
    for t in range(STEPS):
        parameters.grad = torch.tensor([gradient(t, i) for i in range(PARAMETERS)], dtype=torch.float64)
        optimizer.step()
    return parameters.tolist()


version = torch.__version__.split("+")[0]
print(f"""/* What PyTorch {version}'s optimizers make of {PARAMETERS} parameters in {STEPS} steps, in double and with their own
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
    values = digits(run(make))
    print(f"    {{ MLP_OPTIMIZER_{name},\n      {{ {', '.join(values[:4])},\n        {', '.join(values[4:])} }} }},")
print("};")

print(f"""
/* The same with a decay of {DECAY}. */
#define PYTORCH_DECAY {DECAY}

static const struct {{
    mlp_optimizer_rule rule;
    mlp_decay decay;
    double parameters[PYTORCH_PARAMETERS];
}} pytorch_decays[] = {{""")
for name, decay, make in DECAYS:
    values = digits(run(make))
    print(f"    {{ MLP_OPTIMIZER_{name}, MLP_DECAY_{decay},")
    print(f"      {{ {', '.join(values[:4])},\n        {', '.join(values[4:])} }} }},")
print("};")

EMA_DECAY = 0.15


def average(**how):
    """The mean of parameters that are start(i) + gradient(t, i) at step t."""
    model = torch.nn.Linear(PARAMETERS, 1, bias=False, dtype=torch.float64)
    mean = AveragedModel(model, **how)
    for t in range(STEPS):
        with torch.no_grad():
            model.weight.copy_(torch.tensor([[start(i) + gradient(t, i) for i in range(PARAMETERS)]]))
        mean.update_parameters(model)
    return digits(mean.module.weight.flatten().tolist())


print(f"""
/* AveragedModel's means of parameters that are (i - 3.5)/4 + ((7·i + 5·t) mod 11 - 5)/8 at step t, by an EMA of this decay (small
 * enough that a warm-up of the decay leaves it alone from the second step on) and by equal shares. */
#define PYTORCH_EMA_DECAY {EMA_DECAY}

static const double pytorch_ema[PYTORCH_PARAMETERS] = {{
    {', '.join(average(multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY)))}
}};
static const double pytorch_swa[PYTORCH_PARAMETERS] = {{
    {', '.join(average())}
}};""")

SAMPLES, FEATURES, CLASSES, LBFGS_DECAY = 30, 4, 3, 0.05


def logistic_regression():
    x = torch.tensor([[((5 * s + 3 * j + s * j) % 17 - 8) / 8 for j in range(FEATURES)] for s in range(SAMPLES)],
                     dtype=torch.float64)
    y = torch.tensor([(s * s + s // 4) % CLASSES for s in range(SAMPLES)])
    weights = torch.zeros(CLASSES, FEATURES, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(CLASSES, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=500, history_size=10, line_search_fn="strong_wolfe",
                                  tolerance_grad=1e-12, tolerance_change=1e-15)

    def objective():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(x @ weights.T + bias, y) + LBFGS_DECAY / 2 * (weights ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(objective)
    return objective().item(), weights.tolist(), bias.tolist()


loss, weights, bias = logistic_regression()
rows = ",\n    ".join("{ " + ", ".join(digits(row)) + " }" for row in weights)
print(f"""
/* Where LBFGS(line_search_fn="strong_wolfe") ends from zeros: softmax regression, its mean cross-entropy plus
 * {LBFGS_DECAY}/2·‖W‖². Feature j of sample s is ((5·s + 3·j + s·j) mod 17 - 8)/8, its class (s² + s/4) mod 3, s/4 whole. */
#define PYTORCH_LBFGS_DECAY {LBFGS_DECAY}
#define PYTORCH_LBFGS_LOSS {loss:.10g}

enum {{ PYTORCH_LBFGS_SAMPLES = {SAMPLES}, PYTORCH_LBFGS_FEATURES = {FEATURES}, PYTORCH_LBFGS_CLASSES = {CLASSES} }};

static const double pytorch_lbfgs_weights[PYTORCH_LBFGS_CLASSES][PYTORCH_LBFGS_FEATURES] = {{
    {rows}
}};
static const double pytorch_lbfgs_bias[PYTORCH_LBFGS_CLASSES] = {{ {', '.join(digits(bias))} }};""")

MUON_STEPS = 10


def muon(rows, columns):
    w = torch.tensor([[((r * columns + c) - 11.5) / 12 for c in range(columns)] for r in range(rows)], requires_grad=True)
    optimizer = torch.optim.Muon([w], lr=0.02, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for t in range(MUON_STEPS):
        w.grad = torch.tensor([[gradient(t, r * columns + c) for c in range(columns)] for r in range(rows)])
        optimizer.step()
    return [f"{value:.7g}" for value in w.flatten().tolist()]


print(f"""
/* Muon's on a matrix (its step as long as AdamW's), at rate 0.02 and decay 0.01, after {MUON_STEPS} steps: entry i, counted row
 * after row, starts at (i - 11.5)/12, its gradients are as above. PyTorch orthogonalizes in bfloat16, of 8 bits. */
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
