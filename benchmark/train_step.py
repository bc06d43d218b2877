"""Seconds and peak memory of a training step of the demo's Llama, beside PyTorch eager on the same batches.

    python benchmark/train_step.py                                   # one rank
    python benchmark/train_step.py --ranks=4 --memory-budget=75MB    # four, each with a budget

Each side runs in a process of its own, so that its memory is its own; the parent compares the losses first and then
prints one JSON object a figure, with the ratio Raddle / PyTorch. Memory is the growth of the peak resident size from
just before the model is loaded; Raddle's planned bytes (state and arena of all ranks) stand beside it.

PyTorch is one process without ranks, with the whole batch, whatever `--ranks` says. With one rank Raddle does the same
work. With more, all ranks are threads of the one process that is measured: they share states and activations out, but
each has its own copy of the parameters that are gathered and of the gradients that are not reduced yet, which on as
many machines would lie apart. `--memory-budget` lets ranks gather and compute again rather than hold.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))

from models import draw_batches, make_llama, source_bytes

SEED = 0
LEARNING_RATE = 1e-3
TOLERANCE = 1e-3  # relative, of each loss


def resident(key):
    """VmRSS or VmHWM of this process in bytes; unlike getrusage's peak it does not begin with the parent's."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(key + ":"))
    kibibytes = 1024
    return int(line.split()[1]) * kibibytes


def measure(batches, load):
    """`load` makes a function of a batch that does a step and returns the loss."""
    before = resident("VmRSS")
    step, planned = load()
    losses, seconds = [], []
    for batch in batches:
        start = time.perf_counter()
        losses.append(step(batch))
        seconds.append(time.perf_counter() - start)
    return {
        "losses": losses,
        # The first step touches memory for the first time.
        "seconds": statistics.median(seconds[1:]),
        "peak_bytes": resident("VmHWM") - before,
        **planned,
    }


def load_pytorch(arguments):
    module = make_llama(arguments.tokens, SEED)
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=0.0)

    def step(batch):
        optimizer.zero_grad()
        loss = module(batch, batch)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, {}


def load_raddle(folder):
    import raddle

    program = raddle.Program(folder / "llama.raddle", weights=folder / "llama.pt2")
    sizes = program.statistics()
    planned = (sizes["state_bytes"] + sizes["arena_bytes"]) * program.ranks
    return lambda batch: program.step(batch, batch)["loss"], {"planned_bytes": planned}


def compile_bundle(arguments, folder):
    import raddle

    batch = torch.zeros(arguments.batch, arguments.tokens, dtype=torch.int64)
    raddle.export(make_llama(arguments.tokens, SEED), (batch, batch), folder / "llama.pt2")
    subprocess.run(
        [ROOT / "build" / "bin" / "raddle-compile", folder / "llama.pt2", "--mode=train", "--target=cpu"]
        + [f"--ranks={arguments.ranks}", f"--batch={arguments.batch}", "--optimizer=adamw", f"--lr={LEARNING_RATE}"]
        + ([f"--memory-budget={arguments.memory_budget}"] if arguments.memory_budget else [])
        + ["-o", folder / "llama.raddle"],
        check=True,
    )


def run_side(side, folder):
    command = [sys.executable, __file__, *sys.argv[1:], f"--side={side}", f"--folder={folder}"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def compare(arguments):
    with tempfile.TemporaryDirectory() as name:
        compile_bundle(arguments, pathlib.Path(name))
        ours, theirs = run_side("raddle", name), run_side("pytorch", name)
    difference = max(abs(a - b) / abs(b) for a, b in zip(ours["losses"], theirs["losses"]))
    if not difference < TOLERANCE:
        print(f"train_step: error: losses differ by {difference:.2e}, allowed is {TOLERANCE:.0e}", file=sys.stderr)
        return 1
    setting = {"ranks": arguments.ranks, "batch": arguments.batch, "tokens": arguments.tokens}
    if arguments.memory_budget:
        setting["memory_budget"] = arguments.memory_budget
    for figure in ("seconds", "peak_bytes"):
        line = {"benchmark": "train_step", "figure": figure, **setting, "max_rel_diff": difference}
        line |= {"raddle": ours[figure], "pytorch": theirs[figure], "ratio": ours[figure] / theirs[figure]}
        if figure == "peak_bytes":
            line["raddle_planned_bytes"] = ours["planned_bytes"]
        print(json.dumps(line), flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10, help="at least two; the first is not counted")
    parser.add_argument("--batch", type=int, default=8, help="windows of all ranks together")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--memory-budget", help="of a rank, such as 75MB; default: whatever holding takes")
    parser.add_argument("--side", choices=["raddle", "pytorch"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps < 2:
        parser.error(f"--steps: expected at least 2, found {arguments.steps}")
    if arguments.side is None:
        return compare(arguments)
    batches = draw_batches(source_bytes(), arguments.steps, arguments.batch, arguments.tokens, SEED)
    load = (lambda: load_pytorch(arguments)) if arguments.side == "pytorch" else (lambda: load_raddle(arguments.folder))
    print(json.dumps(measure(batches, load)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
