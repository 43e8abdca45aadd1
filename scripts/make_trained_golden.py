#!/usr/bin/python3
"""Trains a small network in PyTorch as `rockmate train` is to train it, and writes down both ends.

tests/goldens/trained: start.onnx has the first weights, trained.json what PyTorch made of them, and
the loss of the trained network in inference mode; input.npy and target.npy are the samples, taken in
order. Settings: Adam with weight decay, gradients clipped, the rate on a cosine behind a warm-up.

Needs PyTorch (Debian: apt-get install python3-torch).
"""
import argparse
import json
import math
import pathlib

import numpy
import torch
from torch import nn

STEPS, BATCH, SAMPLES = 20, 8, 24
RATE, DECAY, CLIP, WARM_UP = 0.02, 0.05, 0.6, 4


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 9, 3)

    def forward(self, x):
        y = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return self.head(torch.flatten(y, 1))


def factor(step):
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return (1 + math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP))) / 2


def export(model, file):
    """The file has the statistics as tracing leaves them: the network goes on with these."""
    torch.onnx.export(model.train(), torch.zeros(BATCH, 1, 6, 6), str(file), opset_version=17,
                      training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False,
                      input_names=["input"], output_names=["output"])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path,
                        default=pathlib.Path("tests/goldens/trained"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = Net()
    target = torch.arange(SAMPLES) % 3
    x = torch.randn(SAMPLES, 1, 6, 6) + target.reshape(-1, 1, 1, 1) - 1
    numpy.save(folder / "input.npy", x.numpy())
    numpy.save(folder / "target.npy", target.numpy())
    export(model, folder / "start.onnx")

    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=DECAY)
    for step in range(STEPS):
        first = step * BATCH % SAMPLES
        for group in optimizer.param_groups:
            group["lr"] = RATE * factor(step)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[first:first + BATCH]),
                                           target[first:first + BATCH])
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        print(f"step {step}: loss {loss:.6f}, norm of gradients {norm:.4f}")
    model.eval()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(x), target).item()
    tensors = {name: tensor.flatten().tolist() for name, tensor in model.state_dict().items()
               if not name.endswith("num_batches_tracked")}
    (folder / "trained.json").write_text(json.dumps({"loss": loss, "tensors": tensors}) + "\n")


if __name__ == "__main__":
    main()
