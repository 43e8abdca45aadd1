#!/usr/bin/env python3
"""A training loop that knows nothing of Rockmate but its two file formats.

A network of plain Python functions describes its training iteration as a training graph
(rockmate.graph/1), lets the command plan it within 60 % of its memory, and follows the plan
(rockmate.plan/1): compute and free, action by action. Losses and weights are, bit for bit, those of
the run that keeps everything. The same goes for any framework that can list its ops.

Usage: examples/foreign_loop.py [PATH-OF-ROCKMATE]
"""
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

BATCH, WIDTH, LAYERS, STEPS, RATE = 16, 8, 8, 30, 0.3
FLOAT = 8  # bytes of a Python float, in spirit


def product(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def transpose(a):
    return [list(row) for row in zip(*a)]


def combine(f, a, b):
    return [[f(x, y) for x, y in zip(p, q)] for p, q in zip(a, b)]


def size(rows, columns=WIDTH):
    return rows * columns * FLOAT


class Iteration:
    """The ops of one training iteration: what each reads, makes and updates, and how."""

    def __init__(self):
        self.values, self.ops, self.functions = [], [], {}
        self.value("x", "input", BATCH)
        self.value("target", "input", BATCH)
        for layer in range(LAYERS):
            self.value(f"w{layer}", "parameter", WIDTH)
        self.add_forward()
        self.add_backward()

    def value(self, name, kind, rows):
        self.values.append({"name": name, "bytes": size(rows), "kind": kind})

    def op(self, name, phase, seconds, inputs, output, function, updates=()):
        op = {"name": name, "phase": phase, "seconds": seconds, "inputs": inputs}
        if output:
            op["outputs"] = [output]
        if updates:
            op["updates"] = list(updates)
        self.ops.append(op)
        self.functions[name] = (inputs, output or updates[0], function)

    def add_forward(self):
        last = "x"
        for layer in range(LAYERS):
            self.value(f"z{layer}", "activation", BATCH)
            self.value(f"h{layer}", "activation", BATCH)
            self.op(f"product{layer}", "forward", 8e-6, [last, f"w{layer}"], f"z{layer}", product)
            self.op(f"tanh{layer}", "forward", 1e-6, [f"z{layer}"], f"h{layer}",
                    lambda z: [[math.tanh(e) for e in row] for row in z])
            last = f"h{layer}"
        self.value("loss", "loss", 1)
        self.value(f"dh{LAYERS - 1}", "gradient", BATCH)
        self.op("loss", "loss", 1e-6, [last, "target"], "loss", lambda h, t: [
            [sum((a - b) ** 2 for p, q in zip(h, t) for a, b in zip(p, q)) / BATCH]])
        self.op("loss.backward", "backward", 1e-6, [last, "target"], f"dh{LAYERS - 1}",
                lambda h, t: combine(lambda a, b: 2 * (a - b) / BATCH, h, t))

    def add_backward(self):
        for layer in reversed(range(LAYERS)):
            below = f"h{layer - 1}" if layer else "x"
            self.value(f"dz{layer}", "gradient", BATCH)
            self.value(f"dw{layer}", "parameter_gradient", WIDTH)
            self.op(f"tanh{layer}.backward", "backward", 1e-6, [f"dh{layer}", f"h{layer}"],
                    f"dz{layer}", lambda d, h: combine(lambda a, b: a * (1 - b * b), d, h))
            if layer:
                self.value(f"dh{layer - 1}", "gradient", BATCH)
                self.op(f"product{layer}.backward", "backward", 8e-6, [f"dz{layer}", f"w{layer}"],
                        f"dh{layer - 1}", lambda d, w: product(d, transpose(w)))
            self.op(f"weight{layer}.backward", "backward", 8e-6, [below, f"dz{layer}"],
                    f"dw{layer}", lambda h, d: product(transpose(h), d))
            self.op(f"update{layer}", "update", 1e-6, [f"w{layer}", f"dw{layer}"], None,
                    lambda w, d: combine(lambda a, b: a - RATE * b, w, d), [f"w{layer}"])

    def graph(self):
        return {"format": "rockmate.graph/1", "name": "foreign", "values": self.values,
                "ops": self.ops, "results": ["loss"]}


class Run:
    """A training: its memory is a dictionary, and it counts the bytes in it."""

    def __init__(self, iteration):
        self.iteration = iteration
        self.bytes = {value["name"]: value["bytes"] for value in iteration.values}
        source = random.Random(7)

        def matrix(rows, scale):
            return [[source.gauss(0, scale) for _ in range(WIDTH)] for _ in range(rows)]

        self.memory = {"x": matrix(BATCH, 1), "target": matrix(BATCH, 0.3)}
        self.memory.update({f"w{i}": matrix(WIDTH, WIDTH**-0.5) for i in range(LAYERS)})
        self.sources = set(self.memory)
        self.peak = 0

    def step(self, actions):
        for action in actions:
            if "free" in action:
                del self.memory[action["free"]]
                continue
            inputs, output, function = self.iteration.functions[action["compute"]]
            self.memory[output] = function(*(self.memory[name] for name in inputs))
            self.peak = max(self.peak, sum(self.bytes[name] for name in self.memory))
        loss = self.memory["loss"][0][0]
        self.memory = {name: self.memory[name] for name in self.sources}
        return loss


def plan(command, graph, budget):
    with tempfile.TemporaryDirectory() as folder:
        graph_file, plan_file = pathlib.Path(folder, "graph.json"), pathlib.Path(folder, "plan.json")
        graph_file.write_text(json.dumps(graph))
        subprocess.run([command, "plan", graph_file, "--budget", budget, "--work-limit", "2000",
                        "-o", plan_file], check=True, stdout=subprocess.DEVNULL)
        return json.loads(plan_file.read_text())


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else "rockmate"
    iteration = Iteration()
    everything = [{"compute": op["name"]} for op in iteration.ops]
    planned = plan(command, iteration.graph(), "60%")
    plain, lean = Run(iteration), Run(iteration)
    for step in range(STEPS):
        losses = plain.step(everything), lean.step(planned["actions"])
        if step % 10 == 0 or step == STEPS - 1:
            print(f"step {step}: loss {losses[1]:.6f}")
        assert losses[0] == losses[1] and plain.memory == lean.memory, "other bits"
        first = losses[0] if step == 0 else first
    print(f"peak {lean.peak} bytes of {planned['peak_bytes']} planned, {plain.peak} when all is "
          f"kept; {100 * planned['overhead']:.1f} % more time")
    assert lean.peak == planned["peak_bytes"] <= planned["budget_bytes"] < plain.peak
    assert losses[1] < 0.5 * first, "it has not learned"


if __name__ == "__main__":
    main()
