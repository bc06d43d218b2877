"""The arena is hardly larger than what lives at one time, which is found out from the instructions alone."""

import bisect

import pytest
import torch
from bundles import bytes_of, operands_of, read_bundle
from models import TinyBert, bert_batches, demo_models, token_batches, tiny_llama
from tools import make_bundle

MOST = 1.05
ALIGNMENT = 128


class Convolutions(torch.nn.Module):
    """Large windows for a moment, values of forward for long."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.BatchNorm2d(16), torch.nn.ReLU(),
            torch.nn.Conv2d(16, 32, 3, stride=2, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 3, stride=2),
            torch.nn.GELU(),
        )
        self.classify = torch.nn.Linear(64, 10)

    def forward(self, x, y):
        return torch.nn.functional.cross_entropy(self.classify(self.layers(x).mean((2, 3))), y)


class Skips(torch.nn.Module):
    """What the first layers compute is needed by the last."""

    def __init__(self):
        super().__init__()
        widths = [32 * 2**level for level in range(5)]
        self.down = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.up = torch.nn.ModuleList(torch.nn.Linear(b, a) for a, b in reversed(list(zip(widths, widths[1:]))))

    def forward(self, x):
        held = []
        for layer in self.down:
            held.append(x)
            x = torch.tanh(layer(x))
        for layer in self.up:
            x = torch.nn.functional.gelu(layer(x)) + held.pop()
        return x.square().mean()


def demo():
    ids = torch.randint(0, 256, (8, 32))
    return demo_models().make_llama(32, seed=0), (ids, ids)


CASES = {
    "demo": demo,
    "llama": lambda: (tiny_llama(), token_batches(1, 24)[0]),
    "bert": lambda: (TinyBert(), bert_batches(1, 24)[0]),
    "convolutions": lambda: (Convolutions(), (torch.randn(24, 3, 17, 17), torch.zeros(24, dtype=torch.int64))),
    "skips": lambda: (Skips(), (torch.randn(240, 32),)),
}


def ends_of_collectives(instructions):
    """Number of a collective -> number of the instruction at which compute has waited for it."""
    running, ends = [], {}
    for number, instruction in enumerate(instructions):
        kind, event = instruction["action_type"], instruction["action"].get("event", 0)
        if kind == "Collective":
            running.append((number, None))
        elif kind == "Record" and instruction.get("stream", 0) == 1:
            running = [(start, event if waited is None else waited) for start, waited in running]
        elif kind == "Wait" and instruction.get("stream", 0) == 0:
            # Collectives follow one another: the last one's event is that of all before.
            last = max((i for i, (_, waited) in enumerate(running) if waited == event), default=-1)
            ends.update((start, number) for start, _ in running[: last + 1])
            running = running[last + 1 :]
    return ends


def largest_live_set(variant):
    """The most bytes that buffers in use take. A buffer is what the bundle calls an allocation: it is in use from the
    first to the last instruction that touches it, which must lie within the times that the bundle gives it."""
    instructions = variant["instructions"]
    allocations = sorted(variant["allocations"], key=lambda allocation: allocation.get("offset", 0))
    starts = [allocation.get("offset", 0) for allocation in allocations]
    longest = max(allocation.get("bytes", 0) for allocation in allocations)
    ends = ends_of_collectives(instructions)
    uses = {}
    for number, instruction in enumerate(instructions):
        read, written = operands_of(instruction)
        for operand in read + written:
            size, offset = bytes_of(operand), operand.get("offset", 0)
            if operand.get("space", "Arena") != "Arena" or size == 0:
                continue
            first, last = bisect.bisect_left(starts, offset - longest), bisect.bisect_right(starts, offset)
            (index,) = [
                i
                for i in range(first, last)
                if offset + size <= starts[i] + allocations[i].get("bytes", 0)
                and allocations[i].get("first", 0) <= number <= allocations[i].get("last", 0)
            ]
            uses.setdefault(index, []).extend([number, ends.get(number, number)])
    change = [0] * (len(instructions) + 1)
    for index, used in uses.items():
        allocation = allocations[index]
        assert allocation.get("first", 0) <= min(used) and max(used) <= allocation.get("last", 0)
        size = -(-allocation.get("bytes", 0) // ALIGNMENT) * ALIGNMENT
        change[min(used)] += size
        change[max(used) + 1] -= size
    most = live = 0
    for difference in change:
        live += difference
        most = max(most, live)
    return most


@pytest.mark.parametrize("ranks, option", [(1, "none"), (3, "none"), (4, "block")])
@pytest.mark.parametrize("case", CASES)
def test_arena_is_near_the_largest_live_set(tmp_path, case, ranks, option):
    module, args = CASES[case]()
    batch = args[0].shape[0] // ranks * ranks
    _, path = make_bundle(module, args, tmp_path, f"--recompute={option}", "--clip-norm=1", ranks=ranks, batch=batch)
    for entry in read_bundle(path)["entries"]:
        for variant in entry["variants"]:
            bound = largest_live_set(variant)
            assert bound <= variant["arena_bytes"] + ALIGNMENT and variant["arena_bytes"] <= MOST * bound, entry["name"]


def test_statistics_of_batches_are_written_where_they_stay(tmp_path):
    """Their means over ranks are states; nothing is copied."""
    module, args = CASES["convolutions"]()
    _, path = make_bundle(module, args, tmp_path, ranks=2)
    for entry in read_bundle(path)["entries"]:
        kinds = [i["action_type"] for variant in entry["variants"] for i in variant["instructions"]]
        assert "Copy" not in kinds
