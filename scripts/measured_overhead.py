#!/usr/bin/env python3
"""Does a step take as long as its plan says? Runs `rockmate train --compare` with measured costs on
models and budgets, and prints for each the overhead that was planned, the one that was measured (the
median step of the plan against that of the plain iteration, which run in turns), and how far apart
they are; at last the medians. The difference that counts is in percentage points.

    scripts/measured_overhead.py models/*.onnx --budgets 70% 50% 30% --steps 7 --engine cpu
"""
import argparse
import json
import pathlib
import statistics
import subprocess

COMMAND = pathlib.Path(__file__).resolve().parent.parent / "build/release/rockmate"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--budgets", nargs="+", default=["70%", "50%", "30%"])
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--engine", default="cpu")
    parser.add_argument("--work-limit", type=int, default=500)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rockmate", type=pathlib.Path, default=COMMAND)
    parser.add_argument("--json", type=pathlib.Path, help="write all figures here too")
    return parser.parse_args()


def train(options, model, budget):
    """The figures of one run, or why there are none."""
    line = [options.rockmate, "train", model, "--budget", budget, "--json", "--compare"]
    for name in ("steps", "batch", "engine", "work_limit", "threads"):
        value = getattr(options, name)
        line += [] if value is None else ["--" + name.replace("_", "-"), value]
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True)
    if done.returncode == 1:
        return None, "no plan"
    if done.returncode != 0:
        return None, done.stderr.strip()
    return json.loads(done.stdout), ""


def main():
    options = arguments()
    rows = []
    print(f"{'model':20} {'budget':>6} {'planned':>8} {'measured':>8} {'apart':>7}   "
          f"{'step, of plan and plain: measured / planned':>40}")
    for model in options.models:
        for budget in options.budgets:
            found, why = train(options, model, budget)
            if found is None:
                print(f"{model.stem:20} {budget:>6} {why}", flush=True)
                continue
            row = {"model": model.stem, "budget": budget,
                   "planned": 100 * found["overhead_planned"],
                   "measured": 100 * found["overhead_measured"],
                   "step": found["seconds_measured"] / found["seconds_planned"],
                   "plain": found["plain_seconds"] / found["plain_seconds_planned"]}
            row["apart"] = abs(row["measured"] - row["planned"])
            rows.append(row)
            print(f"{row['model']:20} {budget:>6} {row['planned']:7.2f}% {row['measured']:7.2f}% "
                  f"{row['apart']:6.2f}   {row['step']:18.3f} {row['plain']:18.3f}", flush=True)
    if rows:
        for budget in options.budgets + [None]:
            apart = [row["apart"] for row in rows if budget in (None, row["budget"])]
            if apart:
                print(f"{'median':20} {budget or 'all':>6} {'':17} {statistics.median(apart):6.2f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
