"""Writes inputs for a bundle made of network.mlir, or compares its outputs with what numpy makes of the same inputs."""

import pathlib
import sys

import numpy

action, folder = sys.argv[1], pathlib.Path(sys.argv[2])
random = numpy.random.default_rng(0)
x = random.standard_normal((8, 6)).astype(numpy.float32)
ids = random.integers(0, 5, (8,))
if action == "inputs":
    numpy.save(folder / "x.npy", x)
    numpy.save(folder / "ids.npy", ids if len(sys.argv) < 4 else ids + 5)
    sys.exit()

# All weights are ones: a row of x w is the sum of the row of x.
weight = numpy.ones((6, 7), numpy.float32)
table = numpy.arange(35, dtype=numpy.float32).reshape(5, 7)
hidden = numpy.tanh(x @ weight + 1) + table[ids]
shifted = numpy.exp(hidden - hidden.max(axis=1, keepdims=True))
expected = {"y": shifted / shifted.sum(axis=1, keepdims=True), "mean": hidden.mean(dtype=numpy.float32)}
for name, value in expected.items():
    actual = numpy.load(folder / f"{name}.npy")
    error = numpy.abs(actual - value).max() if actual.shape == value.shape else numpy.inf
    print(name, actual.shape, "equal" if error < 1e-5 * max(1, numpy.abs(value).max()) else f"differs by {error}")
