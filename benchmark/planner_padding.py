"""Padding of sharded models under four rules, as the table of docs/plan.md.

    python benchmark/planner_padding.py                   # prints the table
    python benchmark/planner_padding.py --write docs/plan.md

Columns, each for matrices whose blocks of 128 x 128 elements must stay whole:

- FSDP2: every parameter by itself, on dimension 0, an equal number of rows for each rank, which cuts blocks; and the
  same with an equal number of blocks of 128 rows.
- LCM: a layer is one buffer; tensors start at, and slices are, multiples of the least common multiple of the blocks of
  128 rows, small tensors between them (the rule of Megatron-FSDP).
- rows: a layer is one buffer in the given order; units are blocks of 128 rows, the least feasible slice (the layout of
  veScale-FSDP, arXiv 2602.22437, recomputed; its planner's own figures are not public as numbers).
- Raddle: raddle-plan --block=128x128.
"""

import argparse
import json
import math
import pathlib
import subprocess
import tempfile

from model_shapes import parameters

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODELS = ["deepseek-v3", "gpt-oss-120b", "llama-405b", "qwen3-235b", "kimi-k2"]
RANKS = [128, 256, 384, 512, 768, 1024, 16384, 65536]
ROWS = 128
ALIGNMENT = 64  # elements of bf16 in 128 bytes
BEGIN, END = "<!-- table of benchmark/planner_padding.py -->\n", "<!-- end of table -->\n"


def divide_up(value, divisor):
    return -(-value // divisor)


def unit_of(shape):
    """Elements of a block of rows; vectors may be cut anywhere."""
    return ROWS * shape[-1] if len(shape) > 1 else 1


def layer_of(name):
    parts = name.split(".")
    for index, part in enumerate(parts):
        if part.isdigit():
            return ".".join(parts[: index + 1])
    return name


def buckets_of(model):
    """Tuples of (elements, unit) of each layer, with the number of layers alike."""
    layers = {}
    for parameter in parameters(model)["params"]:
        elements, unit = math.prod(parameter["shape"]), unit_of(parameter["shape"])
        # A last block that is not full takes the room of a full one.
        layers.setdefault(layer_of(parameter["name"]), []).append((divide_up(elements, unit) * unit, unit))
    counts = {}
    for tensors in layers.values():
        counts[tuple(tensors)] = counts.get(tuple(tensors), 0) + 1
    return counts


def per_parameter(model, ranks, block_rows):
    total = 0
    for parameter in parameters(model)["params"]:
        shape = parameter["shape"]
        rows, width = (shape[0], 1) if len(shape) == 1 else (math.prod(shape[:-1]), shape[-1])
        block = 1 if len(shape) == 1 else block_rows
        total += divide_up(divide_up(rows, block), ranks) * ranks * block * width
    return total


def common_multiple(tensors, ranks):
    step = math.lcm(*(unit for _, unit in tensors))
    large = sum(divide_up(elements, step) for elements, _ in tensors if elements >= step)
    small = sum(elements for elements, _ in tensors if elements < step)
    gaps = sum(-elements % step for elements, _ in tensors if elements >= step)
    return divide_up(large + divide_up(max(small - gaps, 0), step), ranks) * step * ranks


def fits(tensors, ranks, shard):
    position = 0
    for elements, unit in tensors:
        for _ in range(2):
            position = divide_up(position, ALIGNMENT) * ALIGNMENT
            boundary = (position // shard + 1) * shard
            if position + elements <= boundary:
                break
            step = math.lcm(unit, ALIGNMENT)
            start = boundary - step * ((boundary - position) // step)
            if shard % unit == 0 or start + elements <= boundary + shard:
                position = start
                break
            position = boundary
        else:
            return False
        position += elements
        if position > ranks * shard:
            return False
    return True


def given_order(tensors, ranks):
    """The least slice that is a multiple of what the units of all matrices have in common."""
    least = max(divide_up(sum(elements for elements, _ in tensors), ranks), max(unit for _, unit in tensors))
    step = math.lcm(ALIGNMENT, math.gcd(*(unit for _, unit in tensors if unit > 1)) or 1)
    shard = divide_up(least, step) * step
    while any(shard % unit for elements, unit in tensors if elements > 2 * shard) or not fits(tensors, ranks, shard):
        shard += step
    return shard * ranks


def raddle_plan(model):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(parameters(model), file)
        file.flush()
        command = [ROOT / "build/bin/raddle-plan", file.name, "--ranks=" + ",".join(map(str, RANKS)), "--block=128x128"]
        output = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout
    return {plan["ranks"]: plan["padding"] for plan in map(json.loads, output.splitlines())}


def percent(value):
    value *= 100
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def rows_of(model):
    elements = sum(math.prod(parameter["shape"]) for parameter in parameters(model)["params"])
    buckets, ours = buckets_of(model), raddle_plan(model)
    for ranks in RANKS:
        sizes = [
            per_parameter(model, ranks, 1),
            per_parameter(model, ranks, ROWS),
            sum(count * common_multiple(tensors, ranks) for tensors, count in buckets.items()),
            sum(count * given_order(tensors, ranks) for tensors, count in buckets.items()),
        ]
        yield [model, f"{ranks:,}", *(percent(size / elements - 1) for size in sizes), percent(ours[ranks])]


def table():
    lines = ["| model | ranks | FSDP2 | FSDP2, blocks | LCM | rows | Raddle |", "|---|--:|--:|--:|--:|--:|--:|"]
    for model in MODELS:
        lines += ["| " + " | ".join(row) + " |" for row in rows_of(model)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=pathlib.Path, help="put the table into this page, between its two markers")
    arguments = parser.parse_args()
    text = table()
    if not arguments.write:
        print(text, end="")
        return
    page = arguments.write.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    arguments.write.write_text(before + BEGIN + text + END + after)


if __name__ == "__main__":
    main()
