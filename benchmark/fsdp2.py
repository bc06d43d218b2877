"""Seconds and peak memory of a training step on several ranks, beside PyTorch's FSDP2 on the same machine.

The demo's Llama (`--width` for a larger one) trains with AdamW on one batch, from the same weights, three times a
round: with `torch.distributed.fsdp.fully_shard` in N processes over gloo, each layer a group of its own; with Raddle's
N ranks as threads of one process (`local`); with Raddle's N ranks as processes (`mpi`). Every rank has `--threads`
threads on each side. The losses of all steps are compared first. Then each line on standard output is a JSON object
with one figure:

- `seconds` of a step: the median of a round's steps but the first, then the median of the rounds; `ratio` is
  FSDP2 / Raddle, the median of the rounds' ratios, as the sides of a round run one after the other.
- `peak_bytes` of a rank: the growth of the peak resident size (VmHWM, less RssFile: pages of mapped files, which
  processes share, such as code and FSDP2's weights) to the end of the last step. Raddle's counts from when a bundle is
  opened, FSDP2's from when a tiny model has been trained, so that what PyTorch loads at first use is not counted. It is
  a process's own where ranks are processes, the largest of them; the process's divided by its ranks where they are
  threads. `ratio` is Raddle / FSDP2; `planned_bytes` is what Raddle says that a rank needs, `over_plan` the growth by
  it.
- `overlap`: the share of the time of communication in which the same rank computes, the mean of ranks, from a traced
  run.

FSDP2 makes its parameters on the meta device and copies each rank's part from a mapped file, so that no rank ever holds
the whole model, and its peak is taken from the first step on.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build" / "bin"
sys.path.insert(0, str(ROOT / "examples"))

from models import draw_batches, make_llama, source_bytes
from train_step import resident

SEED = 0
LEARNING_RATE = 1e-3
TOLERANCE = 1e-3  # relative, of each loss
PLACES = ("local", "mpi")
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


def shard_llama(arguments, weights):
    """The model as an FSDP2 user writes it; every rank reads its own parts of the weights."""
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import distribute_tensor

    mesh = torch.distributed.init_device_mesh("cpu", (arguments.ranks,))
    with torch.device("meta"):
        module = make_llama(arguments.tokens, SEED, arguments.width)
    for layer in module.model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(module, mesh=mesh)
    module.to_empty(device="cpu")
    whole = torch.load(weights, mmap=True)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            part = distribute_tensor(whole[name], mesh, tensor.placements, src_data_rank=None)
            tensor.to_local().copy_(part.to_local())
        # Buffers are no part of the state dict, and the meta device has not computed them.
        rotary = module.model.rotary_emb
        rotary.inv_freq.copy_(rotary.compute_default_rope_parameters(rotary.config)[0])
        rotary.original_inv_freq.copy_(rotary.inv_freq)
    return module


def warm_up(arguments):
    """A step of a tiny model, so that what PyTorch imports at first use is not counted."""
    from torch.distributed.fsdp import fully_shard

    module = torch.nn.Linear(arguments.ranks, 1)
    fully_shard(module, mesh=torch.distributed.init_device_mesh("cpu", (arguments.ranks,)))
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    module(torch.ones(1, arguments.ranks)).sum().backward()
    optimizer.step()


def train_fsdp2(arguments):
    """One process of FSDP2; the first prints its result as a line of JSON."""
    import torch.distributed.fsdp  # before memory is counted

    torch.set_num_threads(arguments.threads)
    store = f"file://{arguments.folder}/store{arguments.round}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=arguments.rank, world_size=arguments.ranks)
    batch = torch.from_numpy(numpy.load(arguments.folder / "batch.npy")).chunk(arguments.ranks)[arguments.rank]
    warm_up(arguments)
    before = resident("VmRSS") - resident("RssFile")
    module = shard_llama(arguments, arguments.folder / "llama.pt")
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    losses, seconds = [], []
    for _ in range(arguments.steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = module(batch, batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    peak = torch.tensor(resident("VmHWM") - resident("RssFile") - before)
    torch.distributed.all_reduce(peak, torch.distributed.ReduceOp.MAX)
    losses = torch.tensor(losses)
    torch.distributed.all_reduce(losses)
    if arguments.rank == 0:
        losses = (losses / arguments.ranks).tolist()
        print(json.dumps({"losses": losses, "seconds": seconds, "peak_bytes": peak.item()}))
    torch.distributed.destroy_process_group()


def run_fsdp2(arguments, number):
    environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads))
    command = [sys.executable, __file__, *sys.argv[1:], f"--folder={arguments.folder}", f"--round={number}"]
    processes = [
        subprocess.Popen([*command, f"--rank={rank}"], env=environment, stdout=subprocess.PIPE, text=True)
        for rank in range(arguments.ranks)
    ]
    texts = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("a process of FSDP2 failed")
    return json.loads(texts[0])


def run_raddle(arguments, place, *options):
    command = [BIN / "raddle-run", arguments.folder / "llama.raddle", "--json", f"--threads={arguments.threads}"]
    command += [f"--input={name}={arguments.folder / 'batch.npy'}" for name in ("input_ids", "labels")]
    if place == "mpi":
        command = ["mpirun", "-n", str(arguments.ranks), *command]
    environment = dict(os.environ, **MPI_ENVIRONMENT)
    result = subprocess.run([*command, *options], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    *steps, summary = map(json.loads, result.stdout.splitlines())
    return {
        "losses": [step["loss"] for step in steps],
        "seconds": [step["seconds"] for step in steps],
        "peak_bytes": summary["resident_growth_bytes"],
        "planned_bytes": summary["planned_bytes"],
    }


def overlap(arguments, place):
    """The share of communication beside which the same rank computes, the mean of the ranks."""
    folder = arguments.folder / f"trace-{place}"
    folder.mkdir()
    run_raddle(arguments, place, "--steps=3", f"--trace={folder / 'trace.json'}")
    events = [event for file in folder.iterdir() for event in json.loads(file.read_text())["traceEvents"]]
    shares = []
    for rank in range(arguments.ranks):
        compute, communication = busy(events, rank, 0), busy(events, rank, 1)
        shared = sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in compute for b in communication)
        shares.append(shared / sum(end - begin for begin, end in communication))
    return statistics.mean(shares)


def busy(events, rank, stream):
    """[begin, end) of what one stream of a rank did, without waiting for the other."""
    return [
        (event["ts"], event["ts"] + event["dur"])
        for event in events
        if event["ph"] == "X" and event["pid"] == rank and event["tid"] == stream and event["cat"] != "wait"
    ]


def prepare(arguments):
    import raddle

    (batch,) = draw_batches(source_bytes(), 1, arguments.batch, arguments.tokens, SEED)
    numpy.save(arguments.folder / "batch.npy", batch.numpy())
    module = make_llama(arguments.tokens, SEED, arguments.width)
    torch.save(module.state_dict(), arguments.folder / "llama.pt")
    raddle.export(module, (batch, batch), arguments.folder / "llama.pt2")
    subprocess.run(
        [BIN / "raddle-compile", arguments.folder / "llama.pt2", "--mode=train", "--target=cpu", "--optimizer=adamw"]
        + [f"--ranks={arguments.ranks}", f"--batch={arguments.batch}", f"--lr={LEARNING_RATE}"]
        + ["-o", arguments.folder / "llama.raddle"],
        check=True,
    )


def largest_difference(rounds):
    """Of a loss from FSDP2's first one, relative."""
    expected = rounds[0]["fsdp2"]["losses"]
    found = [side["losses"] for sides in rounds for side in sides.values()]
    return max(abs(a - b) / abs(b) for losses in found for a, b in zip(losses, expected, strict=True))


def median_seconds(side):
    return statistics.median(side["seconds"][1:])  # the first step touches memory for the first time


def report(arguments, rounds, difference):
    setting = {"ranks": arguments.ranks, "batch": arguments.batch, "tokens": arguments.tokens, "width": arguments.width}
    setting |= {"threads": arguments.threads, "rounds": arguments.rounds, "max_rel_diff": difference}
    theirs = statistics.median(median_seconds(sides["fsdp2"]) for sides in rounds)
    their_peak = statistics.median(sides["fsdp2"]["peak_bytes"] for sides in rounds)
    for place in PLACES:
        line = {"benchmark": "fsdp2", "figure": "seconds", "place": place, **setting}
        line |= {"raddle": statistics.median(median_seconds(sides[place]) for sides in rounds), "fsdp2": theirs}
        ratios = [median_seconds(sides["fsdp2"]) / median_seconds(sides[place]) for sides in rounds]
        print(json.dumps(line | {"ratio": statistics.median(ratios)}), flush=True)
        peak = max(sides[place]["peak_bytes"] for sides in rounds)
        planned = rounds[0][place]["planned_bytes"]
        line = {"benchmark": "fsdp2", "figure": "peak_bytes", "place": place, **setting, "raddle": peak}
        line |= {"fsdp2": their_peak, "ratio": peak / their_peak, "planned_bytes": planned, "over_plan": peak / planned}
        print(json.dumps(line), flush=True)
        line = {"benchmark": "fsdp2", "figure": "overlap", "place": place, **setting}
        print(json.dumps(line | {"raddle": overlap(arguments, place)}), flush=True)


def compare(arguments):
    with tempfile.TemporaryDirectory() as name:
        arguments.folder = pathlib.Path(name)
        prepare(arguments)
        rounds = []
        for number in range(arguments.rounds):
            rounds.append({"fsdp2": run_fsdp2(arguments, number)})
            rounds[-1] |= {place: run_raddle(arguments, place, f"--steps={arguments.steps}") for place in PLACES}
        difference = largest_difference(rounds)
        if not difference < TOLERANCE:
            print(f"fsdp2: error: losses differ by {difference:.2e}, allowed is {TOLERANCE:.0e}", file=sys.stderr)
            return 1
        report(arguments, rounds, difference)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help="of a round, at least two; the first is not counted")
    parser.add_argument("--batch", type=int, default=8, help="windows of all ranks together")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--width", type=int, default=384, help="of the model, a multiple of 192")
    parser.add_argument("--threads", type=int, default=1, help="of a rank")
    for name, kind in (("--folder", pathlib.Path), ("--rank", int), ("--round", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps < 2 or arguments.rounds < 1:
        parser.error(f"expected at least 2 steps and 1 round, found {arguments.steps} and {arguments.rounds}")
    if arguments.rank is None:
        return compare(arguments)
    train_fsdp2(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
