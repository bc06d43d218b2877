"""Tries all architectures, or those named, and writes what works as JSON.

    .venv/bin/python test/e2e/architectures_sweep.py [-j 2] [--output FILE] [NAME ...]

FILE keeps what it says about others:

    {"Llama": {"listed": true, "operators": ["aten.add.Tensor", ...], "inference": [], "gradients": ["gradient of ..."]}}

`inference` and `gradients` say what is wrong; they are null where the step before failed already.
"""

import argparse
import json
import pathlib

import conftest  # Nothing is downloaded.
from architectures import ARCHITECTURES, build, compare_gradients, compare_inference, exported
from architectures_unlisted import UNLISTED
from opinfo_sweep import reason
from sweeping import sweep
from tools import run

RESULTS = pathlib.Path(__file__).parent / "architectures.json"
CASES = {**ARCHITECTURES, **UNLISTED}
# A few wrong gradients say as much as all.
PROBLEMS = 3


def attempt(compare, *args):
    """Problems that a comparison finds, or the message of what stops it."""
    try:
        return compare(*args)[:PROBLEMS]
    except (RuntimeError, ValueError, OSError) as error:
        return [reason(str(error))]


def try_architecture(name):
    """The entry of an architecture."""
    entry = {"listed": name in ARCHITECTURES, "operators": [], "inference": None, "gradients": None}
    module, batch = build(CASES[name])
    try:
        with exported(module, batch) as path:
            uses = json.loads(run("raddle-translate", "--op-coverage", "--json", path).stdout)["operators"]
            entry["operators"] = sorted({use["name"].removeprefix("torch.ops.") for use in uses})
            entry["inference"] = attempt(compare_inference, module, batch, path)
            if not entry["inference"]:
                entry["gradients"] = attempt(compare_gradients, module, batch, path)
    except Exception as error:  # of torch's export, many types
        entry["inference"] = [f"torch.export: {type(error).__name__}: {str(error).strip().splitlines()[0]}"]
    return entry


def say(entry):
    problems = [*(entry["inference"] or []), *(entry["gradients"] or [])]
    return "; ".join(problems) or "equal to PyTorch"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="architectures, all without")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser.error(f"not known: {', '.join(unknown)}")
    sweep(options.names or CASES, try_architecture, options.jobs, options.output, say)


if __name__ == "__main__":
    main()
