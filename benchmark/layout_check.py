"""What any plan must keep, and what no plan can beat: computed from the shapes alone, with nothing of the planner."""

import math
import re

ALIGNMENT = 64  # elements of bf16 in 128 bytes


def divide_up(value, divisor):
    return -(-value // divisor)


def align_up(value):
    return divide_up(value, ALIGNMENT) * ALIGNMENT


def parse_block(block):
    """(rows, columns) of RxC, (rows, None) of rows:R, None of none."""
    if block == "none":
        return None
    if block.startswith("rows:"):
        return int(block[5:]), None
    return tuple(map(int, block.split("x")))


def spans(size, block):
    """(length, count) of the pieces into which blocks cut an extent: whole ones, and the rest."""
    return [(length, count) for length, count in ((block, size // block), (size % block, 1)) if length and count]


def parts_of(shape, block):
    """(elements, unit) of all blocks of one size, for each size. Vectors may be cut anywhere."""
    elements, block = math.prod(shape), parse_block(block)
    if block is None or len(shape) < 2 or elements == 0:
        return [(elements, 1)]
    rows, columns = shape[-2:]
    matrices = elements // (rows * columns)
    return [
        (matrices * high * down * wide * across, high * wide)
        for high, down in spans(rows, block[0])
        for wide, across in spans(columns, block[1] or columns)
    ]


def layer_of(name):
    """The name up to its first number, or nothing."""
    match = re.match(r"(?:.*?\.)??\d+(?=\.|$)", name)
    return match.group() if match else None


def layers_of(params):
    """Elements of the layers, and of what lies outside of them, by name."""
    sizes = {}
    for param in params:
        name = layer_of(param["name"]) or param["name"]
        sizes[name] = sizes.get(name, 0) + math.prod(param["shape"])
    return sizes


def largest_layer(params):
    """Elements of the largest layer; what lies outside of layers counts as one where all layers together are less."""
    sizes = layers_of(params)
    inside = [size for name, size in sizes.items() if layer_of(name)]
    outside = max((size for name, size in sizes.items() if not layer_of(name)), default=0)
    return outside if outside > sum(inside) else max(inside)


def check_layout(params, result, block):
    """Every element once; nothing overlaps; no boundary cuts a block; buckets at most twice the largest layer."""
    shapes = {param["name"]: param["shape"] for param in params}
    asked = parse_block(block)
    found, padded = dict.fromkeys(shapes, 0), 0
    most = 2 * largest_layer(params) if any(layer_of(param["name"]) for param in params) else math.inf
    names = {bucket["name"] for bucket in result["buckets"]}
    assert len(names) == len(result["buckets"])
    for bucket in result["buckets"]:
        size, end, elements = bucket["S"], 0, 0
        padded += size * result["shard_ranks"]
        assert size % ALIGNMENT == 0
        for tensor in bucket["tensors"]:
            offset, count, unit = tensor["offset"], tensor["elements"], tensor["unit"]
            assert offset >= end and offset % ALIGNMENT == 0 and count % unit == 0
            end = offset + count
            elements += count
            first = (offset // size + 1) * size
            if unit > 1 and first < end:
                assert (first - offset) % unit == 0
                assert first + size >= end or size % unit == 0
            shape = shapes[tensor["name"]]
            found[tensor["name"]] += count
            assert unit in {unit for _, unit in parts_of(shape, block)}
            if asked is None or len(shape) < 2:
                assert tensor["block"] is None
            else:
                assert tensor["block"] == [asked[0], asked[1] or shape[-1]]
        assert end <= size * result["shard_ranks"]
        assert elements <= most or len({layer_of(t["name"]) or t["name"] for t in bucket["tensors"]}) == 1
    assert found == {name: math.prod(shape) for name, shape in shapes.items()}
    assert padded == result["padded_elements"]


class LeastPadding:
    """A bound from below on the padding of any plan of a model in blocks, as a ratio, by the number of ranks.

    Some rank holds at least the mean, in aligned parts; of the units from some size on, some rank holds at least the
    mean number, rounded up; and where a slice for one unit is more than a bucket of twice the largest layer fills, the
    layers fill so many of these, and the rest is in others.
    """

    def __init__(self, params, block):
        self.elements, self.aligned = 0, 0
        self.counts, self.layered = {}, {}
        for param in params:
            in_layer = layer_of(param["name"]) is not None
            for count, unit in parts_of(param["shape"], block):
                self.elements += count
                self.aligned += align_up(count)
                self.counts[unit] = self.counts.get(unit, 0) + count // unit
                self.layered[unit] = self.layered.get(unit, 0) + count * in_layer
        self.largest = largest_layer(params) if any(layer_of(param["name"]) for param in params) else None

    def __call__(self, ranks):
        slices = align_up(divide_up(self.aligned, ranks))
        number = 0
        for unit in sorted(self.counts, reverse=True):
            number += self.counts[unit]
            slices = max(slices, align_up(divide_up(number, ranks) * unit))
            limit = 2 * (self.largest or self.elements)
            if unit * ranks > limit:
                buckets = divide_up(self.layered[unit], limit)
                others = max(self.elements - buckets * limit, 0)
                slices = max(slices, buckets * align_up(unit) + others // ranks)
        return slices * ranks / self.elements - 1

    def unit_share(self, ranks):
        """One unit of the size that most elements have, as a share of what a rank holds."""
        unit = max(self.counts, key=lambda unit: self.counts[unit] * unit)
        return unit * ranks / self.elements

    def is_starved(self, ranks):
        """Whether units of some notable size are too few for a whole one on each rank in two layers."""
        limit = 2 * (self.largest or self.elements)
        return any(unit * ranks > limit and count * unit > self.elements / 100 for unit, count in self.counts.items())

    def allows(self, padding, ranks, goal):
        """Whether padding is within the goal above the bound, or, as a rank holds whole units, within one unit a rank.
        In a model that is starved, buckets are mostly empty and the bound is not reached: then it is a quarter."""
        least = self(ranks)
        if self.is_starved(ranks):
            return 1 + padding < 1.25 * (1 + least)
        return padding < least + max(goal, self.unit_share(ranks))
