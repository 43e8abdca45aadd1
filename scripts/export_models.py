#!/usr/bin/python3
"""Exports the models in models/: forward graphs in training mode, weights as inputs without data.

Needs PyTorch (Debian: apt-get install python3-torch python3-torchvision).
"""
import argparse
import pathlib
import warnings

import torch
import torchvision
from torch import nn
from torch.nn import functional


class UNet(nn.Module):
    """Ronneberger et al. 2015, with batch normalisation and same-size convolutions."""

    def __init__(self, channels=(64, 128, 256, 512, 1024), classes=2):
        super().__init__()
        self.down = nn.ModuleList(
            self.block(a, b) for a, b in zip((3,) + channels[:-1], channels))
        self.pool = nn.MaxPool2d(2)
        pairs = list(zip(channels[1:], channels[:-1]))[::-1]
        self.rise = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(self.block(a, b) for a, b in pairs)
        self.head = nn.Conv2d(channels[0], classes, 1)

    @staticmethod
    def block(inputs, outputs):
        layers = []
        for a, b in ((inputs, outputs), (outputs, outputs)):
            layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        skips.pop()
        for rise, block in zip(self.rise, self.up):
            x = block(torch.cat([skips.pop(), rise(x)], dim=1))
        return self.head(x)


class Attention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.drop_scores = nn.Dropout(dropout)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask):
        batch, time, width = x.shape
        shape = (batch, time, self.heads, width // self.heads)
        q, k, v = (t.view(shape).transpose(1, 2) for t in self.project(x).split(width, dim=2))
        scores = q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5 + mask
        y = self.drop_scores(functional.softmax(scores, dim=-1)) @ v
        return self.drop(self.merge(y.transpose(1, 2).reshape(batch, time, width)))


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask):
        x = x + self.attention(self.norm1(x), mask)
        y = functional.gelu(self.widen(self.norm2(x)), approximate="tanh")
        return x + self.drop(self.narrow(y))


class GPT2(nn.Module):
    """GPT-2 small (Radford et al. 2019); the head is tied to the token embedding."""

    def __init__(self, tokens=50257, context=1024, width=768, heads=12, depth=12, dropout=0.1):
        super().__init__()
        self.wte = nn.Embedding(tokens, width)
        self.wpe = nn.Embedding(context, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        time = tokens.shape[1]
        x = self.drop(self.wte(tokens) + self.wpe(torch.arange(time, device=tokens.device)))
        mask = torch.full((time, time), -1e9).triu(1)
        for block in self.blocks:
            x = block(x, mask)
        return functional.linear(self.norm(x), self.wte.weight)


class Shapes(nn.Module):
    """Tells the pictures of scripts/make_data.py apart: small enough to learn while you wait."""

    def __init__(self):
        super().__init__()
        layers, before = [], 1
        for channels in (8, 16):
            for _ in range(5):
                layers += [nn.Conv2d(before, channels, 3, padding=1, bias=False),
                           nn.BatchNorm2d(channels), nn.ReLU()]
                before = channels
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(before, 4)

    def forward(self, x):
        return self.head(self.drop(self.layers(x).mean((2, 3))))


def models():
    image = torch.zeros(8, 3, 224, 224)
    yield "resnet50", torchvision.models.resnet50(), image
    yield "densenet121", torchvision.models.densenet121(), image
    yield "mobilenet_v2", torchvision.models.mobilenet_v2(), image
    yield "unet", UNet(), torch.zeros(2, 3, 256, 256)
    yield "gpt2_small", GPT2(), torch.zeros(2, 256, dtype=torch.int64)
    yield "shapes", Shapes(), torch.zeros(16, 1, 16, 16)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path,
                        default=pathlib.Path("models"))
    folder = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    warnings.filterwarnings("ignore", message="ONNX Preprocess")  # batch counters are dropped
    for name, model, example in models():
        file = folder / f"{name}.onnx"
        torch.onnx.export(model.train(), example, str(file), opset_version=17, export_params=False,
                          training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False,
                          input_names=["input"])
        parameters = sum(p.numel() for p in model.parameters())
        print(f"{file}: {parameters} parameters, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
