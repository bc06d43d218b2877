"""Time of whole models beside PyTorch: a sentence embedder, the demo's training step, a Llama's forward pass,
attention.

    python benchmark/whole_models.py                      # all models, on one and on two threads
    python benchmark/whole_models.py llama --threads=1 --no-compile

- minilm: all-MiniLM-L6's shape with random weights, forward, 8 windows of 128 tokens with a mask of what is padded.
- train: a step of AdamW of the demo's Llama on one rank, 8 windows of 128 bytes.
- llama: forward of a Llama of 12 layers, width 768, 12 heads of which 4 have keys, inner width 2048, on 512 tokens; its
  last vectors, without the head.
- attention: causal attention alone, of 8 heads of width 64, on 2048 positions.

Results are compared first. Then each side runs once a round, in turn, on the same number of threads; a ratio is the
median over rounds of PyTorch's time divided by Raddle's, so that above one Raddle is faster. One JSON object a model
and number of threads. `compiled` is the same beside `torch.compile`, where PyTorch can generate code here.
"""

import argparse
import copy
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import torch
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel
from transformers.utils import logging

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))

import raddle
from models import SentenceEmbedder, draw_batches, make_llama, source_bytes

SEED = 0
TOLERANCE = 1e-3  # relative to the largest component
LEARNING_RATE = 1e-3
BATCH, TOKENS = 8, 128


class LastVectors(torch.nn.Module):
    """The vectors behind the last layer, of token ids."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, use_cache=False).last_hidden_state


class Attention(torch.nn.Module):
    """Causal attention of tensors (batch, position, head, element), as linear layers have them."""

    def forward(self, query, key, value):
        query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
        result = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return result.transpose(1, 2)


class Inference:
    def __init__(self, module, args):
        self.module, self.args, self.options = module.eval(), args, ["--mode=infer"]

    def start_pytorch(self, compiled):
        module = torch.compile(self.module) if compiled else self.module

        def run():
            with torch.no_grad():
                return module(*self.args)

        return run

    def start_raddle(self, program):
        return lambda: program(*self.args)[0]


class Training:
    def __init__(self, module, batch):
        self.module, self.args = module, (batch, batch)
        self.options = ["--mode=train", "--optimizer=adamw", f"--lr={LEARNING_RATE}"]

    def start_pytorch(self, compiled):
        # Every side trains from the same weights.
        module = copy.deepcopy(self.module)
        optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
        forward = torch.compile(module) if compiled else module

        def run():
            optimizer.zero_grad()
            loss = forward(*self.args)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return run

    def start_raddle(self, program):
        return lambda: torch.tensor(program.step(*self.args)["loss"])


def minilm():
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=512,
    )
    tokens = torch.randint(0, config.vocab_size, (BATCH, TOKENS))
    lengths = torch.randint(TOKENS // 2, TOKENS + 1, (BATCH, 1))
    mask = (torch.arange(TOKENS) < lengths).to(torch.int64)
    return Inference(SentenceEmbedder(BertModel(config, add_pooling_layer=False)), (tokens, mask))


def train():
    (batch,) = draw_batches(source_bytes(), 1, BATCH, TOKENS, SEED)
    return Training(make_llama(TOKENS, SEED), batch)


def llama():
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=32000,
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_key_value_heads=4,
        max_position_embeddings=512,
    )
    return Inference(LastVectors(LlamaModel(config)), (torch.randint(0, config.vocab_size, (1, 512)),))


def attention():
    torch.manual_seed(SEED)
    return Inference(Attention(), tuple(torch.randn(2, 2048, 8, 64) for _ in range(3)))


MODELS = {"minilm": minilm, "train": train, "llama": llama, "attention": attention}


def compile_program(work, threads, folder):
    """The program with the given number of threads; the bundle is the same for all."""
    source, bundle = folder / "model.pt2", folder / "model.raddle"
    if not bundle.exists():
        raddle.export(work.module, work.args, source)
        command = [ROOT / "build" / "bin" / "raddle-compile", source, "--target=cpu", *work.options, "-o", bundle]
        subprocess.run(command, check=True)
    return raddle.Program(bundle, weights=source, threads=threads)


def difference(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def measure(sides, rounds):
    """Seconds of each side in each round: they take turns, so that a slow minute of the machine meets all."""
    seconds = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(theirs, ours):
    return statistics.median(a / b for a, b in zip(theirs, ours))


def compare(name, threads, arguments, folder):
    torch.set_num_threads(threads)
    work = MODELS[name]()
    sides = {"raddle": work.start_raddle(compile_program(work, threads, folder)), "pytorch": work.start_pytorch(False)}
    if arguments.compile:
        sides["compiled"] = work.start_pytorch(True)
    # Two runs of each warm up. Their results are those of the same weights, of training the second of updated ones.
    results = {side: torch.stack([run(), run()]) for side, run in sides.items()}
    found = max(difference(results["raddle"], result) for result in results.values())
    if not found < TOLERANCE:
        print(f"whole_models: error: {name}: results differ by {found:.2e}, allowed is {TOLERANCE:.0e}", file=sys.stderr)
        return False
    seconds = measure(sides, arguments.rounds)
    line = {"benchmark": "whole_models", "model": name, "threads": threads, "max_rel_diff": found}
    line |= {f"{side}_seconds": statistics.median(values) for side, values in seconds.items()}
    line["ratio"] = median_ratio(seconds["pytorch"], seconds["raddle"])
    if arguments.compile:
        line["ratio_compiled"] = median_ratio(seconds["compiled"], seconds["raddle"])
    print(json.dumps(line), flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(MODELS)}; default: all")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.models if name not in MODELS]:
        parser.error(f"expected models of {', '.join(MODELS)}, found {', '.join(unknown)}")
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    good = True
    for name in arguments.models or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            for threads in arguments.threads:
                good = compare(name, threads, arguments, pathlib.Path(folder)) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
