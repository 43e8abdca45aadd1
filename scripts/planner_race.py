#!/usr/bin/env python3
"""How do the planners compare? Runs `rockmate plan` on models and budgets and prints a row for each:
overhead in %, and in brackets seconds of planning. The exit code is 1 if the second planner's plan
takes longer than the first's anywhere.

    scripts/planner_race.py models/*.onnx --budgets 80% 60% 40% 25% --planners rotor rockmate
"""
import argparse
import json
import pathlib
import subprocess

COMMAND = pathlib.Path(__file__).resolve().parent.parent / "build/release/rockmate"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--budgets", nargs="+", default=["80%", "60%", "40%", "25%"])
    parser.add_argument("--planners", nargs=2, default=["rotor", "rockmate"])
    parser.add_argument("--batch", type=int, help="of ONNX models")
    parser.add_argument("--work-limit", type=int)
    parser.add_argument("--cache", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rockmate", type=pathlib.Path, default=COMMAND)
    return parser.parse_args()


def plan(options, model, budget, planner):
    line = [options.rockmate, "plan", model, "--budget", budget, "--planner", planner, "--json"]
    for name in ("work_limit", "cache", "threads", "batch"):
        value = getattr(options, name)
        if name == "batch" and model.suffix != ".onnx":
            continue
        line += [] if value is None else ["--" + name.replace("_", "-"), value]
    run = subprocess.run([str(word) for word in line], capture_output=True, text=True)
    if run.returncode > 1:
        raise SystemExit(f"{model} at {budget}, {planner}: {run.stderr.strip()}")
    return json.loads(run.stdout)


def shown(found):
    if "overhead" not in found:
        return "none"
    return f"{100 * found['overhead']:.3f} ({found['planning_seconds']:.1f})"


def main():
    options = arguments()
    worse = 0
    print("| model | budget | " + " | ".join(options.planners) + " |\n|---|---|---|---|")
    for model in options.models:
        for budget in options.budgets:
            first, second = (plan(options, model, budget, name) for name in options.planners)
            limit = first.get("overhead", float("inf")) + 1e-9
            is_worse = second.get("overhead", float("inf")) > limit
            worse += is_worse
            print(f"| {model.stem} | {budget} | {shown(first)} | {shown(second)} |"
                  + (" worse" if is_worse else ""), flush=True)
    raise SystemExit(1 if worse else 0)


main()
