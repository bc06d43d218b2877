"""Trains a Llama on four ranks beside PyTorch and embeds sentences beside PyTorch. scripts/demo runs it.

The last line on standard output is one JSON object. Exits with 1 where Raddle and PyTorch disagree.
"""

import json
import pathlib
import subprocess
import sys
import time
import warnings

import torch
from tqdm import tqdm
from transformers.utils import logging

import raddle
from models import SENTENCES, draw_batches, load_minilm, make_llama, source_bytes

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "demo"
REPORT = FOLDER / "report.html"

RANKS = 4
STEPS = 48
REPORT_STEPS = 3
LINE_EVERY = 8  # steps between lines of progress where standard error is no terminal, and between lines of the result
BATCH = 8
TOKENS = 128
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0
SEED = 0

LOSS_TOLERANCE = 1e-3  # relative, each step
LOSS_FALL = 0.8  # the last loss is below this share of the first
EMBEDDING_TOLERANCE = 1e-4  # absolute, each component


class Disagreement(Exception):
    """Raddle's result is not PyTorch's."""


def progress(text):
    print(f"demo: {text}", file=sys.stderr, flush=True)


def compile_llama(module, batch):
    """Exports and compiles the training step with the tools; a report shows what some steps take. Returns the
    program."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    source, bundle = FOLDER / "llama.pt2", FOLDER / "llama.raddle"
    progress("exporting and compiling the Llama")
    raddle.export(module, (batch, batch), source)
    subprocess.run(
        [ROOT / "build" / "bin" / "raddle-compile", source, "--mode=train", "--target=cpu", f"--ranks={RANKS}"]
        + [f"--batch={BATCH}", "--optimizer=adamw", f"--lr={LEARNING_RATE}", f"--weight-decay={WEIGHT_DECAY}"]
        + [f"--clip-norm={CLIP_NORM}", f"--seed={SEED}", "-o", bundle],
        check=True,
    )
    subprocess.run(
        [ROOT / "build" / "bin" / "raddle-run", bundle, f"--steps={REPORT_STEPS}", f"--report={REPORT}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return raddle.Program(bundle, weights=source)


def train(batches, step, title):
    """Calls `step` on every batch; returns the losses and the seconds that all took."""
    losses = []
    start = time.perf_counter()
    terminal = sys.stderr.isatty()
    with tqdm(batches, desc=title, unit="step", file=sys.stderr, disable=not terminal) as bar:
        for index, batch in enumerate(bar, 1):
            losses.append(step(batch))
            bar.set_postfix(loss=f"{losses[-1]:.4f}")
            if not terminal and index % LINE_EVERY == 0:
                progress(f"{title}: step {index}/{len(batches)}, loss {losses[-1]:.4f}")
    return losses, time.perf_counter() - start


def pytorch_step(module):
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def step(batch):
        optimizer.zero_grad()
        loss = module(batch, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP_NORM)
        optimizer.step()
        return loss.item()

    return step


def compare_training():
    """Trains twice from the same weights on the same batches; returns the figures of the last line."""
    module = make_llama(TOKENS, SEED)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    batch = f"{BATCH} x {TOKENS} bytes of Python source"
    print(f"Llama of {parameters:,} parameters, {RANKS} ranks, {STEPS} steps of {batch}")
    batches = draw_batches(source_bytes(), STEPS, BATCH, TOKENS, SEED)
    program = compile_llama(module, batches[0])
    ours, seconds = train(batches, lambda batch: program.step(batch, batch)["loss"], f"Raddle, {RANKS} ranks")
    theirs, seconds_pytorch = train(batches, pytorch_step(module), "PyTorch")
    differences = [abs(a - b) / abs(b) for a, b in zip(ours, theirs)]
    for index in range(0, STEPS, LINE_EVERY):
        losses = f"loss {ours[index]:.6f}  PyTorch {theirs[index]:.6f}"
        print(f"step {index + 1:3}  {losses}  difference {differences[index]:.1e}")
    return {
        "ranks": program.ranks,
        "steps": STEPS,
        "loss_first": ours[0],
        "loss_last": ours[-1],
        "max_rel_diff_vs_pytorch": max(differences),
        "seconds_raddle": seconds,
        "seconds_pytorch": seconds_pytorch,
        "report": str(REPORT.relative_to(ROOT)),
    }


def check_training(result):
    if not result["max_rel_diff_vs_pytorch"] < LOSS_TOLERANCE:
        raise Disagreement(f"losses differ by {result['max_rel_diff_vs_pytorch']:.2e}, allowed is {LOSS_TOLERANCE:.0e}")
    if not result["loss_last"] < LOSS_FALL * result["loss_first"]:
        raise Disagreement(
            f"the last loss is {result['loss_last']:.4f}, expected less than {LOSS_FALL} of the first, "
            f"{result['loss_first']:.4f}"
        )


def print_similarities(ours, theirs):
    print("cosine similarity of sentences, Raddle | PyTorch")
    for sentence, row, other in zip(SENTENCES, (ours @ ours.T).tolist(), (theirs @ theirs.T).tolist()):
        left, right = (" ".join(f"{value:6.3f}" for value in values) for values in (row, other))
        print(f"  {left}  |  {right}   {sentence}")


def compare_embeddings():
    module, tokenizer = load_minilm()
    tokens = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    args = (tokens["input_ids"], tokens["attention_mask"])
    progress("compiling all-MiniLM-L6-v2")
    (ours,) = raddle.compile(module, args, mode="infer")(*args)
    with torch.no_grad():
        theirs = module(*args)
    print_similarities(ours, theirs)
    difference = (ours - theirs).abs().max().item()
    print(f"largest difference of an embedding's component: {difference:.1e}")
    if not difference <= EMBEDDING_TOLERANCE:
        raise Disagreement(f"embeddings differ by {difference:.2e}, allowed is {EMBEDDING_TOLERANCE:.0e}")


def main():
    logging.disable_progress_bar()
    # The exporter's, about its own code.
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        result = compare_training()
        check_training(result)
        compare_embeddings()
    except (Disagreement, subprocess.CalledProcessError, RuntimeError, ValueError) as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
