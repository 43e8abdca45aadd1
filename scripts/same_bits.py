#!/usr/bin/env python3
"""Do plans change a bit of training, or leave their memory? Runs `rockmate train --compare` on
models and budgets and prints a row for each; the exit code is 1 if any row is wrong.

    scripts/same_bits.py models/*.onnx --budgets 100% 70% min --steps 3
"""
import argparse
import json
import pathlib
import subprocess
import time

COMMAND = pathlib.Path(__file__).resolve().parent.parent / "build/release/rockmate"
EQUAL = ("loss_equal", "gradients_equal", "statistics_equal")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--budgets", nargs="+", default=["100%", "70%", "50%", "30%", "min"])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--sample-shape", help="of smaller images: 3x64x64")
    parser.add_argument("--engine", default="reference")
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--work-limit", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rockmate", type=pathlib.Path, default=COMMAND)
    return parser.parse_args()


def train(options, model, budget):
    line = [options.rockmate, "train", model, "--budget", budget, "--json", "--compare",
            "--costs", "analytic"]
    for name in ("steps", "batch", "optimizer", "work_limit", "threads", "engine", "sample_shape"):
        value = getattr(options, name)
        line += [] if value is None else ["--" + name.replace("_", "-"), value]
    return subprocess.run([str(word) for word in line], capture_output=True, text=True)


def judge(outcome):
    """(is right, what to print)"""
    if outcome.returncode not in (0, 1, 3) or not outcome.stdout:
        return False, "error: " + outcome.stderr.strip()
    found = json.loads(outcome.stdout)
    if outcome.returncode == 1:
        return True, f"no plan; smallest found {found['smallest_feasible_bytes']}"
    wrong = [key for key in EQUAL if not found[key]]
    if found["measured_bytes"] != found["planned_bytes"]:
        wrong.append(f"measured {found['measured_bytes']} bytes")
    step = sorted(each["seconds"] for each in found["steps"])[len(found["steps"]) // 2]
    return not wrong, (f"{found['planned_bytes']:>12} of {found['plain_bytes']:>12} bytes  "
                       f"step {step:8.3f} s of {found['plain_seconds']:8.3f} s  "
                       + (", ".join(wrong) + " WRONG" if wrong else "same bits"))


def main():
    options = arguments()
    right = True
    for model in options.models:
        for budget in options.budgets:
            begin = time.monotonic()
            is_right, text = judge(train(options, model, budget))
            right = right and is_right
            print(f"{model.stem:20} {budget:>5}  {text}  [{time.monotonic() - begin:.0f} s]",
                  flush=True)
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
