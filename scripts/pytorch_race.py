#!/usr/bin/python3
"""Holds the engine cpu against PyTorch, model by model, both sides by turns in one run, in float32
on as many threads; start-up, planning and warm-up count for neither. Each row is printed as soon as
it is done. Rows, which `--rows` selects by patterns:

  train/MODEL     one training step: forward, loss, backward, an SGD update
  half/MODEL      the same, Rockmate within half of the bytes of its plain iteration
  run1/MODEL      forward only, one sample
  run32/MODEL     forward only, 32 samples
  bytes/MODEL     forward only, 32 samples: what fused ops save; PyTorch takes no part

PyTorch runs at its best: row-major or channels last, whichever is faster here, with memory that
malloc keeps instead of giving it back, and OpenBLAS with the kernels of this processor. Models are
exported from the very modules that it runs. A share of the peak is that of a large convolution,
measured in turn with the steps.

    scripts/pytorch_race.py --rows 'train/resnet*' run1/mobilenet_v2 --seconds 60

Needs Debian's python3-torch, python3-torchvision and libopenblas0-openmp, and installs what is
missing.
"""
import argparse
import fnmatch
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = ROOT / "build/release/rockmate"
PYTHON = "/usr/bin/python3"  # the one that Debian's packages are of
BATCHES = {"resnet18": 8, "resnet50": 8, "densenet121": 8, "vgg16": 8, "unet": 2,
           "mobilenet_v2": 16, "mnasnet0_5": 16, "shufflenet_v2_x0_5": 32, "gpt2_small": 2,
           "mlp": 256}
LEAST_TURN = 0.5  # seconds of steps: caches and clocks settle
HALVED = ["resnet50", "densenet121", "gpt2_small"]
ROWS = [f"{what}/{name}" for what in ("train", "run1", "run32", "bytes") for name in BATCHES] + [
    f"half/{name}" for name in HALVED]
# Nothing of what a step frees goes back to the system, where it would come from as zeroed pages.
WARM_MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40),
               "MALLOC_TOP_PAD_": str(2**28)}
# The OpenBLAS that shares PyTorch's threads: that of pthreads brings a second pool, and both wait for
# cores by spinning.
OPENBLAS = {"LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu/openblas-openmp"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=["*"], metavar="PATTERN")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side, at most")
    parser.add_argument("--steps", type=int, default=3,
                        help="timed steps in a turn, at least: it takes half a second or more")
    parser.add_argument("--seconds", type=float, default=120,
                        help="no new turn begins after so many seconds of a row, but for the second")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rockmate", type=pathlib.Path, default=COMMAND)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rows = [row for row in ROWS
                    if any(fnmatch.fnmatch(row, pattern) for pattern in options.rows)]
    return options


def openblas_kernels():
    """OpenBLAS takes processors that it does not know for very old ones."""
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    for flag, kernels in (("avx512bw", "SkylakeX"), ("avx2", "Haswell")):
        if flag in flags:
            return {"OPENBLAS_CORETYPE": kernels}
    return {}


def install_pytorch():
    packages = ["python3-torch", "python3-torchvision", "libopenblas0-openmp"]
    missing = [p for p in packages if subprocess.run(
        ["dpkg-query", "-W", "-f=${db:Status-Status}", p], capture_output=True,
        text=True).stdout != "installed"]
    if missing:
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing],
                       check=True, stdout=sys.stderr)


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


def batch_of(what, name):
    return {"run1": 1, "run32": 32, "bytes": 32}.get(what, BATCHES[name])


class Worker:
    """PyTorch's side: one model, ready to step."""

    def __init__(self, row, threads):
        import resource

        import torch
        self.torch = torch
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        what, name = row.split("/")
        self.trains = what in ("train", "half")
        self.resident = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self.probe()
        before = self.resident()
        self.model, make_input = make_model(name)
        self.model.train(self.trains)
        self.x = make_input(batch_of(what, name))
        if self.trains:
            self.prepare_training(name)
        self.layout = "row-major"
        if self.x.dim() == 4:
            self.choose_layout()
        else:
            self.step(), self.step()
        self.peak_bytes = self.resident() - before

    def prepare_training(self, name):
        torch = self.torch
        with torch.no_grad():
            shape = self.model(self.x).shape
        # Classes are axis 1, but for tokens.
        classes = shape[-1] if name == "gpt2_small" else shape[1]
        places = shape[:-1] if name == "gpt2_small" else (shape[0], *shape[2:])
        self.target = torch.randint(classes, places)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-4)

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
        if self.trains:
            self.train()
        else:
            with self.torch.no_grad():
                self.model(self.x)
        return time.perf_counter() - start

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        y = self.model(self.x)
        y, target = (y.flatten(0, 1), self.target.flatten()) if y.dim() == 3 else (y, self.target)
        self.torch.nn.functional.cross_entropy(y, target).backward()
        self.optimizer.step()

    def probe(self):
        """FLOP/s of a large convolution: what this machine gives. A product would tell of BLAS."""
        torch = self.torch
        x = torch.randn(8, 256, 28, 28).to(memory_format=torch.channels_last)
        weight = torch.randn(256, 256, 3, 3).to(memory_format=torch.channels_last)
        best = 1e9
        with torch.no_grad():
            for _ in range(8):
                start = time.perf_counter()
                torch.nn.functional.conv2d(x, weight, padding=1)
                best = min(best, time.perf_counter() - start)
        return 2 * x.numel() * weight[0].numel() / best


def work(options):
    worker = Worker(options.worker, options.threads)
    print(json.dumps({"layout": worker.layout, "bytes": worker.peak_bytes}), flush=True)
    for line in sys.stdin:
        if line.strip() == "probe":
            print(json.dumps(worker.probe()), flush=True)
        else:
            print(json.dumps([worker.step() for _ in range(int(line))]), flush=True)


class PyTorch:
    def __init__(self, row, options):
        line = [PYTHON, "-W", "ignore", __file__, "--worker", row, "--threads",
                str(options.threads)]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **WARM_MALLOC, **OPENBLAS,
                                             **openblas_kernels()})
        ready = json.loads(self.process.stdout.readline())
        self.layout, self.bytes = ready["layout"], ready["bytes"]

    def ask(self, question):
        print(question, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def export(name, folder):
    """In a process of its own, so that this one stays small."""
    file = folder / f"{name}.onnx"
    if file.exists():
        return file
    program = ("import sys, torch, pytorch_race as race\n"
               "name, batch, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n"
               "model, make_input = race.make_model(name)\n"
               "torch.onnx.export(model.train(), make_input(batch), file, opset_version=17,\n"
               "    export_params=False, training=torch.onnx.TrainingMode.TRAINING,\n"
               "    do_constant_folding=False, input_names=['input'])\n")
    subprocess.run([PYTHON, "-W", "ignore", "-c", program, name, str(BATCHES[name]),
                    str(file)], check=True, cwd=ROOT / "scripts", stdout=subprocess.DEVNULL)
    return file


def rockmate(options, *words):
    line = [str(options.rockmate), *map(str, words), "--json"]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(line)}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


class Rockmate:
    """Rockmate's side of a row: seconds of some steps, and bytes."""

    def __init__(self, row, file, options):
        what, name = row.split("/")
        self.options = options
        self.bytes = 0
        # The network alone, in GFLOP; a training step is three times that.
        common = [file, "--batch", batch_of(what, name)]
        self.flops = rockmate(options, "inspect", *common)["forward_flops"]
        threads = ["--threads", options.threads]
        if what in ("run1", "run32"):
            self.line = ["run", *common, *threads, "--repeat"]
            return
        self.flops *= 3
        self.line = ["train", *common, *threads, "--engine", "cpu", "--lr", 1e-4]
        if what == "train":
            self.line += ["--budget", "100%", "--costs", "analytic"]
        else:
            self.line += ["--plan", self.plan(common, threads)]
        self.line += ["--steps"]

    def plan(self, common, threads):
        """Half of what values take that are not resident anyway, by measured costs."""
        costs, plan = (common[0].with_suffix(f".{kind}.json") for kind in ("costs", "plan"))
        rockmate(self.options, "profile", *common, *threads, "-o", costs)
        rockmate(self.options, "plan", *common, "--engine", "cpu", "--costs", costs, "--budget",
                 "50%", "--work-limit", 500, "-o", plan)
        return plan

    def steps(self, count):
        """The median; the first step touches memory for the first time."""
        outcome = rockmate(self.options, *self.line, count + 1)
        self.bytes = outcome["measured_bytes"]
        seconds = outcome.get("run_seconds") or [step["seconds"] for step in outcome["steps"]]
        return statistics.median(seconds[1:])


def race(row, file, options):
    start = time.monotonic()
    pytorch = PyTorch(row, options)
    ours = Rockmate(row, file, options)
    count = max(options.steps, math.ceil(LEAST_TURN / min(pytorch.ask(options.steps))))
    own, theirs, shares = [], [], []
    for turn in range(options.rounds):
        if turn > 1 and time.monotonic() - start > options.seconds:
            break
        theirs.append(statistics.median(pytorch.ask(count)))
        peak = pytorch.ask("probe")
        own.append(ours.steps(count))
        peak = max(peak, pytorch.ask("probe"))
        shares.append(ours.flops / own[-1] / peak)
    pytorch.close()
    return {"ours": statistics.median(own), "theirs": statistics.median(theirs),
            "turns": len(own), "layout": pytorch.layout, "share": statistics.median(shares),
            "our_bytes": ours.bytes, "their_bytes": pytorch.bytes}


def print_race(row, file, options):
    found = race(row, file, options)
    ratio = found["theirs"] / found["ours"]
    print(f"| {row} | {found['theirs'] * 1e3:.1f} ({found['layout']}) | {found['ours'] * 1e3:.1f} | "
          f"{ratio:.2f} | {found['share']:.0%} | {found['their_bytes'] / 2**20:.0f} | "
          f"{found['our_bytes'] / 2**20:.0f} | {found['turns']} |", flush=True)
    return ratio


def print_bytes(row, file, options):
    def megabytes(*more):
        name = row.split("/")[1]
        found = rockmate(options, "run", file, "--batch", batch_of("bytes", name), *more)
        return (found["planned_bytes"] - found["static_bytes"]) / 2**20
    single, fused = megabytes("--no-fuse"), megabytes("--fuse")
    print(f"| {row} | {single:.1f} | {fused:.1f} | {fused / single:.2f} |", flush=True)


def main():
    options = arguments()
    if options.worker:
        return work(options)
    install_pytorch()
    with tempfile.TemporaryDirectory() as folder:
        file = lambda row: export(row.split("/")[1], pathlib.Path(folder))
        races = [row for row in options.rows if not row.startswith("bytes/")]
        if races:
            print("| row | PyTorch, ms | Rockmate, ms | times faster | of peak | PyTorch, MiB | "
                  "Rockmate, MiB | turns |\n|---|---|---|---|---|---|---|---|", flush=True)
            ratios = {row: print_race(row, file(row), options) for row in races}
            for what in sorted({row.split("/")[0] for row in races}):
                of_kind = [ratio for row, ratio in ratios.items() if row.startswith(what + "/")]
                print(f"| {what}, geometric mean | | | {statistics.geometric_mean(of_kind):.2f} | "
                      "| | | |", flush=True)
        tables = [row for row in options.rows if row.startswith("bytes/")]
        if tables:
            print("\n| row | beside the weights, single ops, MiB | fused, MiB | share |\n"
                  "|---|---|---|---|", flush=True)
            for row in tables:
                print_bytes(row, file(row), options)


if __name__ == "__main__":
    main()
