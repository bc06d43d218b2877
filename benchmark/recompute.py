"""What `--recompute` costs and saves: seconds of a training step and memory for none, auto and block, in one run.

Models: the demo's Llama, a BERT encoder of MiniLM's sizes, a convolutional network with skips. Every mode runs in a
process of its own, the modes in turn, round after round; the losses of all modes are compared first. Prints a JSON
object a model and mode: the median of the steps' seconds, planned bytes of arena and state of all ranks, the growth of
the peak resident size from just before the bundle is loaded, and each divided by that of `none`.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import torch
from transformers import BertConfig, BertModel

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))

from models import draw_batches, make_llama, source_bytes

SEED = 0
BATCH, TOKENS = 8, 128
MODES = ("none", "auto", "block")


class Encoder(torch.nn.Module):
    """Mean squared error of the vectors, so that all layers are trained."""

    def __init__(self):
        super().__init__()
        config = BertConfig(
            vocab_size=8192, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
            max_position_embeddings=TOKENS, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )
        self.bert = BertModel(config, add_pooling_layer=False)

    def forward(self, ids):
        return self.bert(input_ids=ids).last_hidden_state.mean(1).square().mean()


class Residual(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = torch.nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(channels)
        self.second = torch.nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return torch.relu(x + self.second(torch.relu(self.norm(self.first(x)))))


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layers = [torch.nn.Conv2d(3, 32, 3, padding=1)]
        for level in range(3):
            channels = 32 * 2**level
            layers += [Residual(channels), Residual(channels), torch.nn.Conv2d(channels, 2 * channels, 3, stride=2)]
        self.layers = torch.nn.Sequential(*layers)
        self.classify = torch.nn.Linear(256, 10)

    def forward(self, x, y):
        return torch.nn.functional.cross_entropy(self.classify(self.layers(x).mean((2, 3))), y)


def demo():
    (batch,) = draw_batches(source_bytes(), 1, BATCH, TOKENS, SEED)
    return make_llama(TOKENS, SEED), (batch, batch)


MODELS = {
    "demo": demo,
    "encoder": lambda: (Encoder(), (torch.randint(0, 8192, (BATCH, TOKENS)),)),
    "convolutions": lambda: (Convolutions(), (torch.randn(16, 3, 64, 64), torch.randint(0, 10, (16,)))),
}


def compile_modes(name, ranks, folder):
    import raddle

    torch.manual_seed(SEED)
    module, args = MODELS[name]()
    raddle.export(module, args, folder / "model.pt2")
    torch.save(args, folder / "args.pt")
    for mode in MODES:
        subprocess.run(
            [ROOT / "build" / "bin" / "raddle-compile", folder / "model.pt2", "--mode=train", f"--recompute={mode}"]
            + [f"--ranks={ranks}", f"--batch={args[0].shape[0]}", "-o", folder / f"{mode}.raddle"],
            check=True,
        )


def run_side(folder, mode, steps):
    import time

    import raddle

    args = torch.load(folder / "args.pt")
    program = raddle.Program(folder / f"{mode}.raddle", weights=folder / "model.pt2")
    losses, seconds = [], []
    for _ in range(steps):
        start = time.perf_counter()
        losses.append(program.step(*args)["loss"])
        seconds.append(time.perf_counter() - start)
    sizes = program.statistics()
    planned = (sizes["state_bytes"] + sizes["arena_bytes"]) * program.ranks
    # The first step touches memory for the first time.
    figures = {"losses": losses, "seconds": seconds[1:], "arena_bytes": sizes["arena_bytes"], "planned_bytes": planned}
    print(json.dumps({**figures, "peak_bytes": sizes["resident_growth_bytes"] * program.ranks}))


def measure(name, arguments, folder):
    compile_modes(name, arguments.ranks, folder)
    runs = {mode: [] for mode in MODES}
    for _ in range(arguments.rounds):
        for mode in MODES:
            command = [sys.executable, __file__, f"--steps={arguments.steps}", f"--side={mode}", f"--folder={folder}"]
            runs[mode].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    for mode in MODES:
        if any(run["losses"] != runs["none"][0]["losses"] for run in runs[mode]):
            raise SystemExit(f"recompute: error: {name}: the losses of '{mode}' are not those of 'none'")
    figures = {
        mode: {
            "seconds": statistics.median(second for run in of_mode for second in run["seconds"]),
            "arena_bytes": of_mode[0]["arena_bytes"],
            "planned_bytes": of_mode[0]["planned_bytes"],
            "peak_bytes": statistics.median(run["peak_bytes"] for run in of_mode),
        }
        for mode, of_mode in runs.items()
    }
    for mode, found in figures.items():
        ratios = {f"{key}_ratio": round(value / figures["none"][key], 3) for key, value in found.items()}
        print(json.dumps({"benchmark": "recompute", "model": name, "ranks": arguments.ranks, "mode": mode, **found, **ratios}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=lambda text: text.split(","), default=list(MODELS))
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5, help="of a run; the first is not counted")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each mode")
    parser.add_argument("--side", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        return run_side(arguments.folder, arguments.side, arguments.steps)
    for name in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            measure(name, arguments, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
