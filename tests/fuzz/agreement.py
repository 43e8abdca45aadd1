#!/usr/bin/env python3
"""Asks an independent judge about the random plans that `agreement` writes, and compares the verdicts and all figures.

Usage:  agreement.py PROGRAM [COUNT [FIRST_SEED]]     the judge is $ROCKMATE_SHARED/tools/replay.py
Exit:   0 the judges agree; 1 they do not; 77 there is no independent judge here.
"""
import collections
import contextlib
import importlib.util
import io
import json
import math
import os
import subprocess
import sys
import tempfile


def load(path):
    spec = importlib.util.spec_from_file_location("replay", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(judge, folder, case):
    """The other judge's exit code and what it printed."""
    files = [os.path.join(folder, name) for name in ("graph.json", "plan.json")]
    for file, key in zip(files, ("graph", "plan")):
        with open(file, "w") as out:
            out.write(case[key])
    sys.argv = ["replay", *files, "--json"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = judge.main()
    return code, printed.getvalue().strip()


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(
        math.isclose(ours[k], theirs[k], rel_tol=1e-12, abs_tol=1e-12) for k in ours)


def agree(case, code, printed):
    if code == 0 == case["code"]:
        return same(case["figures"], json.loads(printed))
    # Two graphs that we reject have only invalid plans there: one with a view whose storage is not made before
    # it in program order, and one with an op that names a sum twice.
    if code == 1 and case["code"] == 2:
        rejected = ("before it is made", "must stand before it", "accumulates names a value twice")
        return any(reason in case["message"] for reason in rejected)
    return code == case["code"]


def main():
    shared = os.environ.get("ROCKMATE_SHARED", "")
    path = os.path.join(shared, "tools", "replay.py")
    if not shared or not os.path.exists(path):
        print("skipped: ROCKMATE_SHARED names no folder with tools/replay.py")
        return 77
    judge = load(path)
    program, *numbers = sys.argv[1:]
    codes, disagreements = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as folder, \
            subprocess.Popen([program, *numbers], stdout=subprocess.PIPE, text=True) as cases:
        for line in cases.stdout:
            case = json.loads(line)
            code, printed = ask(judge, folder, case)
            codes[code] += 1
            if agree(case, code, printed):
                continue
            disagreements += 1
            if disagreements <= 10:
                print(f"seed {case['seed']}: we say {case['code']} {case.get('message', case.get('figures'))}, "
                      f"they say {code} {printed}")
    print(f"{sum(codes.values())} plans: {codes[0]} valid, {codes[1]} not, {codes[2]} unreadable; "
          f"{disagreements} disagreements")
    if cases.returncode != 0 or min(codes[k] for k in (0, 1, 2)) == 0:
        print("the cases do not reach every verdict")
        return 1
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
