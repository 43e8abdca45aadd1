#!/usr/bin/python3
"""Trains the same models with PyTorch and with Rockmate's engine cpu, by turns in one run, and
prints the median step of each. Both sides do forward, loss, backward and an SGD update in float32
on as many threads; start-up, planning and warm-up count for neither.

PyTorch runs at its best: row-major or channels last, whichever is faster here, with memory that
malloc keeps instead of giving it back. Models are exported from the very modules that it trains.

    scripts/pytorch_race.py --models resnet50 gpt2_small --rounds 5

Needs Debian's python3-torch and python3-torchvision and installs them if they are missing.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = ROOT / "build/release/rockmate"
BATCHES = {"resnet18": 8, "resnet50": 8, "densenet121": 8, "vgg16": 8, "unet": 2,
           "mobilenet_v2": 16, "mnasnet0_5": 16, "shufflenet_v2_x0_5": 32, "gpt2_small": 2,
           "mlp": 256}
# Nothing of what a step frees goes back to the system, where it would come from as zeroed pages.
WARM_MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40),
               "MALLOC_TOP_PAD_": str(2**28)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=BATCHES, default=list(BATCHES))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--steps", type=int, default=3, help="timed steps in a turn")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rockmate", type=pathlib.Path, default=COMMAND)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def install_pytorch():
    packages = ["python3-torch", "python3-torchvision"]
    missing = [p for p in packages if subprocess.run(
        ["dpkg-query", "-W", "-f=${db:Status-Status}", p], capture_output=True,
        text=True).stdout != "installed"]
    if missing:
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing],
                       check=True)


def make_model(name):
    """The module, and a function that makes an input for a batch."""
    import torch
    import torchvision
    from torch import nn

    import export_models
    image = lambda size: lambda batch: torch.randn(batch, 3, size, size)
    if name == "gpt2_small":
        return export_models.GPT2(), lambda batch: torch.randint(50257, (batch, 256))
    if name == "unet":
        return export_models.UNet(), image(256)
    if name == "mlp":
        layers = [layer for _ in range(8) for layer in (nn.Linear(1024, 1024), nn.ReLU())]
        return nn.Sequential(*layers, nn.Linear(1024, 10)), lambda batch: torch.randn(batch, 1024)
    return getattr(torchvision.models, name)(), image(224)


class Worker:
    """PyTorch's side: one model, ready to step."""

    def __init__(self, name, threads):
        import torch
        self.torch = torch
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        self.model, make_input = make_model(name)
        self.model.train()
        self.x = make_input(BATCHES[name])
        with torch.no_grad():
            shape = self.model(self.x).shape
        # Classes are axis 1, but for tokens.
        self.classes = shape[-1] if name == "gpt2_small" else shape[1]
        places = shape[:-1] if name == "gpt2_small" else (shape[0], *shape[2:])
        self.target = torch.randint(self.classes, places)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-4)
        self.layout = "row-major"
        if self.x.dim() == 4:
            self.choose_layout()
        else:
            self.step(), self.step()

    def choose_layout(self):
        torch = self.torch
        seconds = {}
        for layout in (torch.contiguous_format, torch.channels_last):
            self.lay(layout)
            self.step()
            seconds[layout] = min(self.step() for _ in range(3))
        best = min(seconds, key=seconds.get)
        self.layout = "row-major" if best is torch.contiguous_format else "channels last"
        self.lay(best)
        self.step()

    def lay(self, layout):
        self.model.to(memory_format=layout)
        self.x = self.x.to(memory_format=layout)

    def step(self):
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        y = self.model(self.x)
        y, target = (y.flatten(0, 1), self.target.flatten()) if y.dim() == 3 else (y, self.target)
        self.torch.nn.functional.cross_entropy(y, target).backward()
        self.optimizer.step()
        return time.perf_counter() - start

    def peak(self):
        """FLOP/s of a large product: what this machine gives."""
        a = self.torch.randn(2048, 2048)
        best = 1e9
        for _ in range(8):
            start = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - start)
        return 2 * 2048**3 / best


def work(options):
    worker = Worker(options.worker, options.threads)
    print(json.dumps({"layout": worker.layout}), flush=True)
    for line in sys.stdin:
        if line.strip() == "peak":
            print(json.dumps(worker.peak()), flush=True)
        else:
            print(json.dumps([worker.step() for _ in range(int(line))]), flush=True)


class PyTorch:
    def __init__(self, name, options):
        line = [sys.executable, __file__, "--worker", name, "--threads", str(options.threads)]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **WARM_MALLOC})
        self.layout = json.loads(self.process.stdout.readline())["layout"]

    def ask(self, question):
        print(question, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def export(name, folder):
    """In a process of its own, so that this one stays small."""
    file = folder / f"{name}.onnx"
    program = ("import sys, torch, pytorch_race as race\n"
               "name, batch, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n"
               "model, make_input = race.make_model(name)\n"
               "torch.onnx.export(model.train(), make_input(batch), file, opset_version=17,\n"
               "    export_params=False, training=torch.onnx.TrainingMode.TRAINING,\n"
               "    do_constant_folding=False, input_names=['input'])\n")
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, name, str(BATCHES[name]),
                    str(file)], check=True, cwd=ROOT / "scripts", stdout=subprocess.DEVNULL)
    return file


def rockmate_json(options, *words):
    line = [str(options.rockmate), *map(str, words), "--json"]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(line)}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def rockmate_steps(file, name, options):
    """The first step touches memory for the first time."""
    outcome = rockmate_json(options, "train", file, "--batch", BATCHES[name], "--engine", "cpu",
                            "--budget", "100%", "--steps", options.steps + 1, "--threads",
                            options.threads, "--lr", 1e-4)
    return [step["seconds"] for step in outcome["steps"][1:]]


def race(name, file, options):
    pytorch = PyTorch(name, options)
    ours, theirs, peaks = [], [], []
    for _ in range(options.rounds):
        peaks.append(pytorch.ask("peak"))
        theirs.append(statistics.median(pytorch.ask(options.steps)))
        ours.append(statistics.median(rockmate_steps(file, name, options)))
    pytorch.close()
    flops = 3 * rockmate_json(options, "inspect", file, "--batch", BATCHES[name])["forward_flops"]
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    return {"ours": ours, "theirs": theirs, "layout": pytorch.layout,
            "peak": flops / ours / max(peaks)}


def main():
    options = arguments()
    if options.worker:
        return work(options)
    install_pytorch()
    print("| model, batch | PyTorch | Rockmate | times faster | of peak |\n|---|---|---|---|---|")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            row = race(name, export(name, pathlib.Path(folder)), options)
            ratios.append(row["theirs"] / row["ours"])
            print(f"| {name}, {BATCHES[name]} | {row['theirs']:.3f} s ({row['layout']}) | "
                  f"{row['ours']:.3f} s | {ratios[-1]:.2f} | {row['peak']:.0%} |", flush=True)
    print(f"| geometric mean | | | {statistics.geometric_mean(ratios):.2f} | |")


if __name__ == "__main__":
    main()
