#!/usr/bin/python3
"""Trains small networks for a few steps in PyTorch, in float64, and writes down what came out.

For each network tests/goldens/NAME.onnx is the forward graph without weights, NAME.json says how
every source begins, which data each step sees, and the losses, gradients, parameters and running
statistics that followed. Elements come from a hash that both sides compute.

Needs PyTorch (Debian: apt-get install python3-torch python3-torchvision).
"""
import argparse
import json
import pathlib
import sys
import warnings

import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional

sys.path.append(str(pathlib.Path(__file__).parent))
from export_models import GPT2, UNet  # noqa: E402

STEPS = 3
SAMPLES = 3


def bits(stream, count):
    """32 bits per element: a multiplicative hash of (stream, element) with murmur3's finisher."""
    with numpy.errstate(over="ignore"):
        h = numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(0x9E3779B1)
        h += numpy.uint32((stream * 0x85EBCA77) & 0xFFFFFFFF)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            h ^= h >> numpy.uint32(shift)
            h *= numpy.uint32(factor)
        return h ^ (h >> numpy.uint32(16))


def uniform(stream, shape, offset, scale):
    """offset + scale * u, with u in [-1, 1)."""
    count = int(numpy.prod(shape, dtype=numpy.int64))
    u = bits(stream, count) / 2.0**31 - 1.0
    return torch.from_numpy(offset + scale * u).reshape(tuple(shape))


def beginnings(model):
    """Offset and scale of each parameter: weights by their fan-in, scales near one, biases small."""
    for stream, (name, p) in enumerate(model.named_parameters(), start=1):
        if p.dim() > 1:
            fan = p[0].numel()
            yield name, p, stream, 0.0, 0.5 if "wte" in name or "wpe" in name else (3 / fan) ** 0.5
        else:
            yield name, p, stream, 1.0 if name.endswith("weight") else 0.0, 0.2


def data_of(network, step):
    """What the network reads in a step, and how it is made."""
    stream = 1000 * (step + 1)
    shape = network["input"]
    if "tokens" in network:
        count = int(numpy.prod(shape))
        tokens = bits(stream, count).astype(numpy.int64) % network["tokens"]
        return torch.from_numpy(tokens).reshape(shape)
    return uniform(stream, shape, 0.0, 1.7)


def targets_of(output, which, step):
    stream = 1000 * (step + 1) + 1 + which
    if output.shape[-1] == 1 and output.dim() == 2:
        return uniform(stream, output.shape, 0.0, 1.0)
    classes = output.shape[2 if output.dim() == 3 else 1]
    shape = output.shape[:2] if output.dim() == 3 else output.shape[:1] + output.shape[2:]
    count = int(numpy.prod(shape, dtype=numpy.int64))
    labels = bits(stream, count).astype(numpy.int64) % classes
    return torch.from_numpy(labels).reshape(tuple(shape))


def loss_of(output, target):
    if target.is_floating_point():
        return functional.mse_loss(output, target)
    if output.dim() == 3:
        return functional.cross_entropy(output.flatten(0, 1), target.flatten())
    return functional.cross_entropy(output, target)


def digest(tensor):
    flat = tensor.detach().double().flatten()
    places = [int(i) for i in numpy.linspace(0, flat.numel() - 1, min(SAMPLES, flat.numel()))]
    return {"sum": float(flat.sum()), "norm": float(flat.norm()),
            "samples": [[i, float(flat[i])] for i in places]}


def optimizer_of(network, parameters):
    kind, rate = network["optimizer"], network["learning_rate"]
    decay = network.get("weight_decay", 0.0)
    if kind == "sgd":
        return torch.optim.SGD(parameters, rate, weight_decay=decay)
    if kind == "momentum":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
        parameters, rate, weight_decay=decay)


def train(network):
    model = network["model"]
    sources = []
    with torch.no_grad():
        for name, p, stream, offset, scale in beginnings(model):
            p.copy_(uniform(stream, p.shape, offset, scale))
            sources.append({"name": name, "stream": stream, "offset": offset, "scale": scale})
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value = 1.0 if name.endswith("var") else 0.0
            buffer.fill_(value)  # the export has run the model
            sources.append({"name": name, "stream": 0, "offset": value, "scale": 0.0})
    optimizer = optimizer_of(network, model.parameters())
    golden = {"sources": sources, "losses": [], "gradients": {}}
    for step in range(STEPS + 1):
        outputs = model(data_of(network, step))
        outputs = [outputs] if torch.is_tensor(outputs) else [o for o in outputs if o is not None]
        targets = [targets_of(o, i, step) for i, o in enumerate(outputs)]
        losses = [loss_of(o, t) for o, t in zip(outputs, targets)]
        golden["losses"].append([float(loss) for loss in losses])
        if step == STEPS:
            break
        optimizer.zero_grad()
        sum(loss * (1.0 if i == 0 else 0.3) for i, loss in enumerate(losses)).backward()
        if step == 0:
            for name, p in model.named_parameters():
                golden["gradients"][name] = digest(p.grad)
        optimizer.step()
        if step == STEPS - 1:
            golden["parameters"] = {n: digest(p) for n, p in model.named_parameters()}
            golden["statistics"] = {n: digest(b) for n, b in model.named_buffers()
                                    if n.endswith(("running_mean", "running_var"))}
    return golden


def describe_data(network):
    if "tokens" in network:
        return {"tokens": network["tokens"]}
    return {"offset": 0.0, "scale": 1.7}


class Perceptron(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(20, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 24),
                         nn.Tanh(), nn.Linear(24, 10))


class Recognisable(nn.Module):
    """Group norm, SiLU, leaky ReLU, softplus, upsampling: what the others leave out."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.second = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.head = nn.Conv2d(8, 5, 1)

    def forward(self, x):
        x = functional.silu(self.norm(self.first(x)))
        x = functional.leaky_relu(self.second(x)) * torch.sigmoid(x)
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        return self.head(functional.softplus(x))


class Vgg(nn.Sequential):
    def __init__(self):
        layers = []
        for a, b in ((3, 8), (8, 16), (16, 24)):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*layers, nn.Flatten(), nn.Linear(24 * 4 * 4, 32), nn.ReLU(),
                         nn.Linear(32, 10))


def networks():
    vision = torchvision.models
    image = (4, 3, 64, 64)
    yield "linreg", dict(model=nn.Linear(12, 1), input=(16, 12), optimizer="sgd",
                         learning_rate=0.1)
    yield "perceptron", dict(model=Perceptron(), input=(16, 20), optimizer="adam",
                             learning_rate=0.01, weight_decay=0.01)
    yield "vgg", dict(model=Vgg(), input=(4, 3, 32, 32), optimizer="momentum", learning_rate=0.05,
                      weight_decay=0.001)
    yield "recognisable", dict(model=Recognisable(), input=(2, 3, 16, 16), optimizer="adamw",
                               learning_rate=0.01, weight_decay=0.1)
    yield "resnet18", dict(model=vision.resnet18(num_classes=10), input=image,
                           optimizer="momentum", learning_rate=0.01)
    yield "resnext", dict(
        model=vision.ResNet(vision.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10, groups=4,
                            width_per_group=8), input=image, optimizer="sgd", learning_rate=0.02)
    yield "mobilenet_v2", dict(model=vision.mobilenet_v2(num_classes=10, dropout=0.0,
                                                         width_mult=0.5),
                               input=image, optimizer="momentum", learning_rate=0.01)
    yield "mobilenet_v3", dict(model=vision.mobilenet_v3_small(num_classes=10, dropout=0.0),
                               input=image, optimizer="adam", learning_rate=0.001)
    yield "mnasnet", dict(model=vision.mnasnet0_5(num_classes=10, dropout=0.0), input=image,
                          optimizer="sgd", learning_rate=0.01)
    yield "shufflenet", dict(model=vision.shufflenet_v2_x0_5(num_classes=10), input=image,
                             optimizer="adamw", learning_rate=0.001, weight_decay=0.05)
    yield "squeezenet", dict(model=vision.squeezenet1_1(num_classes=10, dropout=0.0), input=image,
                             optimizer="adam", learning_rate=0.001)
    yield "densenet", dict(
        model=vision.DenseNet(growth_rate=8, block_config=(2, 3, 2), num_init_features=16,
                              num_classes=10), input=image, optimizer="sgd", learning_rate=0.05)
    yield "googlenet", dict(
        model=vision.googlenet(num_classes=10, aux_logits=True, init_weights=False, dropout=0.0,
                               dropout_aux=0.0),
        input=(2, 3, 64, 64), optimizer="momentum", learning_rate=0.005)
    yield "unet", dict(model=UNet(channels=(8, 16, 32)), input=(2, 3, 32, 32), optimizer="adam",
                       learning_rate=0.003)
    yield "gpt2", dict(model=GPT2(tokens=61, context=16, width=32, heads=4, depth=3, dropout=0.0),
                       input=(3, 12), tokens=61, optimizer="adamw", learning_rate=0.003,
                       weight_decay=0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path,
                        default=pathlib.Path("tests/goldens"))
    folder = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    warnings.filterwarnings("ignore")
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    for name, network in networks():
        model = network["model"].double().train()
        file = folder / f"{name}.onnx"
        torch.onnx.export(model, data_of(network, 0), str(file), opset_version=17,
                          export_params=False, training=torch.onnx.TrainingMode.TRAINING,
                          do_constant_folding=False, input_names=["input"])
        golden = {key: network[key] for key in ("optimizer", "learning_rate", "weight_decay")
                  if key in network}
        golden["data"] = describe_data(network)
        golden |= train(network)
        (folder / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(f"{name}: losses {[round(sum(l), 4) for l in golden['losses']]}, "
              f"{file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
