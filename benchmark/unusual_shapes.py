"""Parameter lists that are hard to share out: made-up models whose shapes no block and no number of ranks divides."""

import random


def just_above(layers=48, hidden=8192, extra=128):
    """Each layer is a whole number of 128x128 units for each of 16,384 ranks, and a column of units more."""
    for layer in range(layers):
        prefix = f"layers.{layer}."
        yield prefix + "up.weight", [4 * hidden, 4 * hidden]
        yield prefix + "down.weight", [4 * hidden, 4 * hidden]
        yield prefix + "extra.weight", [extra, hidden]
        yield prefix + "norm.weight", [hidden]


def primes(layers=40):
    """No extent is divided by any block."""
    yield "embed.weight", [100003, 7919]
    for layer in range(layers):
        prefix = f"layers.{layer}."
        yield prefix + "q.weight", [7919, 7919]
        yield prefix + "kv.weight", [2003, 7919]
        yield prefix + "up.weight", [28661, 7919]
        yield prefix + "down.weight", [7919, 28661]
        yield prefix + "router.weight", [61, 7919]
        yield prefix + "bias", [28661]
        yield prefix + "norm.weight", [7919]


def trillion(layers=1000, hidden=9216):
    """One trillion parameters in a thousand layers."""
    for layer in range(layers):
        prefix = f"layers.{layer}."
        for name in ("q", "k", "v", "o"):
            yield f"{prefix}{name}.weight", [hidden, hidden]
        yield prefix + "up.weight", [4 * hidden, hidden]
        yield prefix + "down.weight", [hidden, 4 * hidden]
        yield prefix + "norm.weight", [hidden]


def random_experts(seed):
    """A mixture of experts of random extents: edges of many sizes, some of them a large part of the whole."""
    draw = random.Random(seed)
    hidden, width, intermediate = draw.randint(1000, 9000), draw.randint(1000, 12000), draw.randint(200, 3000)
    layers, experts = draw.randint(20, 70), draw.choice([8, 31, 64, 160, 256])
    yield "embed.weight", [draw.randint(30000, 200000), hidden]
    for layer in range(layers):
        prefix = f"layers.{layer}."
        yield prefix + "qkv.weight", [width, hidden]
        yield prefix + "qkv.bias", [width]
        yield prefix + "out.weight", [hidden, width]
        yield prefix + "norm.weight", [hidden]
        yield prefix + "router.weight", [experts, hidden]
        if seed % 2:
            yield prefix + "experts.up", [experts, intermediate, hidden]
            yield prefix + "experts.down", [experts, hidden, intermediate]
            continue
        for expert in range(experts):
            yield f"{prefix}experts.{expert}.up", [intermediate, hidden]
            yield f"{prefix}experts.{expert}.down", [hidden, intermediate]


def prime_extents(layers=60, hidden=12289, intermediate=49157):
    """A large dense model of prime extents with the vocabulary of GPT-2 and biases of 77 elements."""
    yield "wte.weight", [50257, hidden]
    for layer in range(layers):
        prefix = f"h.{layer}."
        yield prefix + "qkv.weight", [3 * hidden, hidden]
        yield prefix + "out.weight", [hidden, hidden]
        yield prefix + "up.weight", [intermediate, hidden]
        yield prefix + "down.weight", [hidden, intermediate]
        for name in ("a", "b", "c"):
            yield f"{prefix}{name}.bias", [77]


def tiny_tensors(count=10000):
    """Adapters and gains of odd lengths, no layers."""
    for index in range(count):
        yield f"tiny_{index}", [index % 613 + 1, 7 + index % 5] if index % 3 else [index % 251 + 1]


def giant():
    """One tensor, and next to nothing besides."""
    yield "table", [1048573, 16381]
    yield "step", []
    yield "nothing", [0, 128]


def recommender(rows=100_000_000, width=128):
    """Two tables, and layers that together are a ten-thousandth of them."""
    yield "user_table.weight", [rows, width]
    yield "item_table.weight", [rows // 10, width]
    for index, (outputs, inputs) in enumerate([(512, 13), (256, 512), (width, 256), (1024, 479), (1024, 1024), (1, 1024)]):
        yield f"layers.{index}.weight", [outputs, inputs]
        yield f"layers.{index}.bias", [outputs]


def corner_cases(layers=32, hidden=4099):
    """Scalars, tensors of one element and of none, leading and trailing unit extents, convolutions."""
    yield "scale", []
    yield "patches.weight", [hidden, 3, 14, 14]
    yield "position", [1, 257, hidden]
    for layer in range(layers):
        prefix = f"blocks.{layer}."
        yield prefix + "one", [1]
        yield prefix + "none", [0, hidden]
        yield prefix + "column.weight", [hidden, 1]
        yield prefix + "row.weight", [1, hidden]
        yield prefix + "conv.weight", [2 * hidden, 1, 4]
        yield prefix + "bias", [77]
        yield prefix + "in.weight", [5 * hidden, hidden]
        yield prefix + "out.weight", [hidden, 5 * hidden]


UNUSUAL = {
    "just-above": just_above,
    "primes": primes,
    "trillion": trillion,
    "prime-extents": prime_extents,
    "tiny-tensors": tiny_tensors,
    "giant": giant,
    "recommender": recommender,
    "corner-cases": corner_cases,
    **{f"random-experts-{seed}": (lambda seed=seed: random_experts(seed)) for seed in range(8)},
}
