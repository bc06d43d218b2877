"""Padding of published and of made-up models on any number of ranks, beside what no plan can beat.

    python benchmark/planner_bounds.py                                      # all of them: minutes
    python benchmark/planner_bounds.py --models primes,giant --ranks 96,3000 --blocks rows:1 --layout

One JSON object a line: `padding` in percent, `least` (a bound from below on it), `seconds`, and `within`: whether
padding is within the goal (0.5 % up to 1,024 ranks, 1 % up to 16,384, 1.5 % beyond) or one unit a rank above that bound
(`LeastPadding.allows`). With `--layout` each layout is checked against the shapes. The last line counts; exit status 1
where something is not within.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from layout_check import LeastPadding, check_layout
from model_shapes import MODELS, parameters

ROOT = pathlib.Path(__file__).resolve().parents[1]
BLOCKS = ["128x128", "32x32", "1x128", "1x32", "rows:1", "none"]
RANKS = [1, 8, 96, 100, 127, 128, 256, 384, 512, 768, 1000, 1024, 1536, 3000, 16384, 65536]


def goal(ranks):
    return 0.005 if ranks <= 1024 else 0.01 if ranks <= 16384 else 0.015


def plans(path, ranks, block, layout):
    command = [ROOT / "build/bin/raddle-plan", path, "--ranks=" + ",".join(map(str, ranks)), f"--block={block}", "--json"]
    process = subprocess.run(command + ["--layout"] * layout, check=True, capture_output=True, text=True)
    return map(json.loads, process.stdout.splitlines())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--blocks", default=",".join(BLOCKS))
    parser.add_argument("--ranks", default=",".join(map(str, RANKS)))
    parser.add_argument("--layout", action="store_true", help="check every layout")
    arguments = parser.parse_args()
    number, missed, slowest = 0, 0, 0.0
    for model in arguments.models.split(","):
        params = parameters(model)["params"]
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"params": params}, file)
            file.flush()
            for block in arguments.blocks.split(","):
                least_padding = LeastPadding(params, block)
                ranks = [int(text) for text in arguments.ranks.split(",")]
                for result in plans(file.name, ranks, block, arguments.layout):
                    if arguments.layout:
                        check_layout(params, result, block)
                    least = least_padding(result["ranks"])
                    within = least_padding.allows(result["padding"], result["ranks"], goal(result["ranks"]))
                    number, missed = number + 1, missed + (not within)
                    slowest = max(slowest, result["plan_seconds"])
                    row = {"model": model, "block": block, "ranks": result["ranks"]}
                    row |= {"padding": round(100 * result["padding"], 3), "least": round(100 * least, 3)}
                    row |= {"seconds": round(result["plan_seconds"], 3), "within": within}
                    print(json.dumps(row), flush=True)
    print(json.dumps({"plans": number, "missed": missed, "slowest_seconds": round(slowest, 3)}))
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
