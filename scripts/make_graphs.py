#!/usr/bin/env python3
"""Writes two small training graphs, graphs/unet.json and graphs/transformer.json, in rockmate.graph/1.

Sizes follow from the layers' shapes (float32), seconds from a roofline: the larger of FLOPs and
bytes moved, each over the device's rate. Deterministic.
"""
import argparse
import json
import pathlib

FLOPS_PER_SECOND = 20e12
BYTES_PER_SECOND = 800e9
LAUNCH_SECONDS = 5e-6


class Builder:
    """Collects forward ops and, for each, how to make its backward ops."""

    def __init__(self, name):
        self.name, self.values, self.ops, self.bytes = name, [], [], {}
        self.backward, self.parameters, self.has_gradient = [], {}, set()

    def value(self, name, size, kind="activation", alias_of=None):
        row = {"name": name, "alias_of": alias_of} if alias_of else {"name": name, "bytes": size}
        if kind != "activation":
            row["kind"] = kind
        self.values.append(row)
        self.bytes[name] = size
        return name

    def op(self, name, phase, inputs, outputs=(), flops=0, moved=None, **rest):
        """moved: the bytes read and written, by default those of all inputs and outputs."""
        if moved is None:
            moved = sum(self.bytes[v] for v in [*inputs, *outputs, *rest.get("accumulates", [])])
        seconds = max(flops / FLOPS_PER_SECOND, moved / BYTES_PER_SECOND) + LAUNCH_SECONDS
        op = {"name": name, "phase": phase, "seconds": float(f"{seconds:.4g}"), "inputs": list(inputs)}
        if outputs:
            op["outputs"] = list(outputs)
        op.update({key: value for key, value in rest.items() if value})
        self.ops.append(op)
        return op

    def weight(self, name, size, states=1):
        self.value(name, size, "parameter")
        self.parameters[name] = [self.value(f"{name}.m{k}", size, "optimizer_state") for k in range(states)]
        return name

    def gradient(self, of):
        """The sum of all gradients of a value; the first op to add into it makes it."""
        name = f"d.{of}"
        if of not in self.has_gradient:
            self.has_gradient.add(of)
            kind = "parameter_gradient" if of in self.parameters else "gradient"
            self.value(name, self.bytes[of], kind)
        return name

    def layer(self, name, x, size, weights=(), saved=None, flops=0, other=(), mask=0, **rest):
        """One forward op from x (and the activations in `other`); saved: what its backward reads."""
        output = self.value(f"{name}.y", size)
        outputs, optional = [output], []
        if mask:
            optional = [self.value(f"{name}.mask", mask)]
            outputs += optional
        self.op(name, "forward", [x, *other, *weights], outputs, flops, optional=optional, **rest)
        saved = list(saved if saved is not None else [x]) + optional
        self.backward.append((name, output, [x, *other], list(weights), saved, flops))
        return output

    def view(self, name, x):
        output = self.value(f"{name}.y", self.bytes[x], alias_of=x)
        self.op(name, "forward", [x], [output], moved=0)
        self.backward.append((name, output, [x], [], None, 0))
        return output

    def finish(self, last, inputs):
        loss = self.value("loss.y", 4, "loss")
        self.op("loss", "loss", [last], [loss, self.gradient(last)])
        for layer in reversed(self.backward):
            self.layer_backward(inputs, *layer)
        return {"format": "rockmate.graph/1", "name": self.name, "values": self.values, "ops": self.ops}

    def layer_backward(self, inputs, name, output, xs, weights, saved, flops):
        flowing = [x for x in xs if x not in inputs]
        dy = self.gradient(output)
        if saved is None:  # of a view: the gradient of its input is one more view
            dx = self.value(f"d.{xs[0]}", self.bytes[xs[0]], "gradient", alias_of=dy)
            self.has_gradient.add(xs[0])
            self.op(f"{name}.backward", "backward", [dy], [dx], moved=0)
            return
        sums = [self.gradient(x) for x in flowing]
        if sums:
            reads = [dy, *weights, *saved]
            self.op(f"{name}.backward", "backward", list(dict.fromkeys(reads)), flops=flops, accumulates=sums)
        if not weights:
            return
        sums = [self.gradient(w) for w in weights]
        self.op(f"{name}.gradient", "backward", list(dict.fromkeys([dy, *saved])), flops=flops, accumulates=sums)
        for w in weights:
            if self.last_use(w) == name:
                states = self.parameters[w]
                self.op(f"{w}.update", "update", [w, self.gradient(w), *states], updates=[w, *states])

    def last_use(self, weight):
        """The first layer that reads the weight is the last one to add to its gradient."""
        return next(layer[0] for layer in self.backward if weight in layer[3])


def unet(batch=8, side=128, channels=32, depth=3):
    b = Builder("unet")
    x = b.value("image", 4 * batch * 3 * side * side, "input")

    def convolution(name, x, c_in, c_out, s):
        """Convolution 3x3, group norm, ReLU (which can overwrite its input)."""
        size, area = 4 * batch * c_out * s * s, batch * s * s
        w = b.weight(f"{name}.w", 4 * 9 * c_in * c_out)
        flops = 2 * 9 * c_in * c_out * area
        fast = {"name": "winograd", "seconds": float(f"{0.6 * flops / FLOPS_PER_SECOND + LAUNCH_SECONDS:.4g}"),
                "workspace": size // 2, "bits": "winograd"}
        y = b.layer(f"{name}.conv", x, size, [w], flops=flops, implementations=[fast])
        scale = b.weight(f"{name}.scale", 8 * c_out)
        y = b.layer(f"{name}.norm", y, size, [scale])
        out = f"{name}.relu.y"
        return b.layer(f"{name}.relu", y, size, saved=[out], in_place={out: y})

    skips, c_in, s = [], 3, side
    for level in range(depth):
        c = channels << level
        x = convolution(f"down{level}a", x, c_in, c, s)
        x = convolution(f"down{level}b", x, c, c, s)
        skips.append(x)
        s, c_in = s // 2, c
        x = b.layer(f"pool{level}", x, 4 * batch * c * s * s, saved=[], mask=batch * c * s * s)
    x = convolution("middle", x, c_in, 2 * c_in, s)
    c_in *= 2
    for level in reversed(range(depth)):
        c, s = channels << level, 2 * s
        x = b.layer(f"up{level}", x, 4 * batch * c * s * s, [b.weight(f"up{level}.w", 16 * c_in * c)],
                    flops=2 * c_in * c * batch * s * s)
        x = b.layer(f"concat{level}", skips.pop(), 8 * batch * c * s * s, saved=[], other=[x])
        x = convolution(f"up{level}a", x, 2 * c, c, s)
        c_in = c
    x = b.layer("head", x, 4 * batch * 2 * s * s, [b.weight("head.w", 8 * c_in)], flops=4 * c_in * batch * s * s)
    return b.finish(x, ["image"])


def transformer(layers=6, batch=4, length=256, width=256, heads=4, vocabulary=2048):
    b = Builder("transformer")
    rows = batch * length
    stream, scores = 4 * rows * width, 4 * batch * heads * length * length
    tokens = b.value("tokens", 8 * rows, "input")
    embedding = b.weight("embedding.w", 4 * vocabulary * width, 2)

    def linear(name, x, n_in, n_out):
        w = b.weight(f"{name}.w", 4 * n_in * n_out, 2)
        return b.layer(name, x, 4 * rows * n_out, [w], saved=[x], flops=2 * rows * n_in * n_out)

    def norm(name, x):
        return b.layer(name, x, stream, [b.weight(f"{name}.scale", 8 * width, 2)], mask=8 * rows)

    def dropout(name, x):
        size = b.bytes[x]
        return b.layer(name, x, size, saved=[], mask=size // 4, in_place={f"{name}.y": x})

    x = b.layer("embedding", tokens, stream, [embedding])
    x = dropout("embedding.dropout", x)
    for k in range(layers):
        skip = x
        x = norm(f"layer{k}.norm1", x)
        qkv = b.view(f"layer{k}.heads", linear(f"layer{k}.qkv", x, width, 3 * width))
        fused = {"name": "tiled", "seconds": float(f"{1.5 * scores / BYTES_PER_SECOND:.4g}"), "workspace": scores // 4}
        x = b.layer(f"layer{k}.scores", qkv, scores, flops=2 * rows * length * width, implementations=[fused])
        out = f"layer{k}.softmax.y"
        x = b.layer(f"layer{k}.softmax", x, scores, saved=[out], in_place={out: x})
        x = dropout(f"layer{k}.attention_dropout", x)
        x = b.layer(f"layer{k}.attend", x, stream, saved=[x, qkv], other=[qkv], flops=2 * rows * length * width)
        x = dropout(f"layer{k}.dropout1", linear(f"layer{k}.projection", x, width, width))
        skip = x = b.layer(f"layer{k}.add1", x, stream, saved=[], other=[skip])
        x = linear(f"layer{k}.mlp1", norm(f"layer{k}.norm2", x), width, 4 * width)
        x = b.layer(f"layer{k}.gelu", x, b.bytes[x])
        x = dropout(f"layer{k}.dropout2", linear(f"layer{k}.mlp2", x, 4 * width, width))
        x = b.layer(f"layer{k}.add2", x, stream, saved=[], other=[skip])
    x = norm("norm", x)
    x = b.layer("head", x, 4 * rows * vocabulary, [embedding], flops=2 * rows * width * vocabulary)
    return b.finish(x, ["tokens"])


def to_text(graph):
    """One value or op per line, so that changes can be read."""
    lines = []
    for key, item in graph.items():
        text = json.dumps(item)
        if isinstance(item, list):
            text = "[\n" + ",\n".join("  " + json.dumps(row) for row in item) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).parent.parent / "graphs")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for graph in (unet(), transformer()):
        (folder / f"{graph['name']}.json").write_text(to_text(graph))


if __name__ == "__main__":
    main()
