#!/usr/bin/env python3
"""Records the state_dicts of this folder as safetensors, with PyTorch's outputs beside each: needs torch, numpy.

usage: record.py [FOLDER]

NAME.safetensors has the tensors. NAME.txt has the layers' activations in its first line, samples, inputs and outputs in its
second, then a sample's inputs and outputs a line.
"""

import json
import pathlib
import struct
import sys

import numpy
import torch
from torch import nn

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
torch.manual_seed(1)
SAMPLES = 4
TYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def save(path, tensors):
    header, body = {}, b""
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        data = tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.dim() else tensor.numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def record(name, net, activations, prefix="", dtype=torch.float32):
    inputs = next(m for m in net.modules() if isinstance(m, nn.Linear)).in_features
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            for tensor, low in ((module.weight, -1.5), (module.bias, -1), (module.running_mean, -1), (module.running_var, 0.5)):
                if tensor is not None:
                    with torch.no_grad():
                        tensor.uniform_(low, 2)
    net.to(dtype)
    save(folder / f"{name}.safetensors", {prefix + k: v for k, v in net.state_dict().items()})
    net.double().eval()
    x = torch.rand(SAMPLES, inputs, dtype=torch.float32).double() * 4 - 2
    with torch.no_grad():
        y = net(x)
    lines = [activations, f"{SAMPLES} {inputs} {y.shape[1]}"]
    lines += [" ".join(f"{v:.9g}" for v in [*a, *b]) for a, b in zip(x.numpy(), y.numpy())]
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


class Named(nn.Module):
    """Layers by name: their order follows from their shapes alone."""

    def __init__(self):
        super().__init__()
        self.fc1, self.bn1, self.fc2, self.bn2 = nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 4), nn.BatchNorm1d(4)
        self.head, self.drop = nn.Linear(4, 3), nn.Dropout(0.5)

    def forward(self, x):
        return self.head(self.drop(torch.tanh(self.bn2(self.fc2(torch.relu(self.bn1(self.fc1(x))))))))


plain = lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.Softmax(dim=-1))
record("plain", plain(), "relu,softmax")
for prefix in ("module.", "model.", "net.", "_orig_mod.", "_orig_mod.module.model.net."):
    record(f"prefix-{prefix.replace('.', '-')[:-1]}", plain(), "relu,softmax", prefix=prefix)
for dtype, name in ((torch.float64, "double"), (torch.float16, "half"), (torch.bfloat16, "bfloat")):
    record(name, plain(), "relu,softmax", dtype=dtype)
record("named", Named(), "relu,tanh,identity")
record("twelve", nn.Sequential(*[m for _ in range(12) for m in (nn.Linear(3, 3), nn.Tanh())]), ",".join(["tanh"] * 12))
record("norm-behind", nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 3), nn.BatchNorm1d(3)),
       "relu,identity")
record("norm-in-front", nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 6), nn.Tanh(), nn.BatchNorm1d(6, affine=False), nn.Linear(6, 3)),
       "tanh,identity")
record("norm-unclear", nn.Sequential(nn.Linear(4, 6), nn.Dropout(), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)), "relu,identity")
