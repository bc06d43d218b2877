"""The computations of fused_kernels.py and gpu_kernels.py: each a module of plain PyTorch and how to draw its inputs.

`Case.module(*inputs)` gives the result; where `gradients` is set, the computation is the result and its gradients with
respect to the first `gradients` inputs, for a cotangent that is drawn too. An optimizer's case is a step of training.
"""

import dataclasses
import math
from typing import Callable

import torch
import torch.nn.functional as F


@dataclasses.dataclass
class Case:
    name: str
    shape: tuple
    module: torch.nn.Module
    inputs: Callable  # of a torch.Generator, gives a tuple of tensors
    gradients: int = 0
    optimizer: bool = False
    moved: int = 0  # elements of floating-point tensors that it has to read and write, where that is not all of them
    dtype: torch.dtype = torch.float32


class Apply(torch.nn.Module):
    """A function as a module, which is what export takes."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


class Parameters(torch.nn.Module):
    """A loss that is linear in every parameter: its gradients are its inputs, so that a step is mostly the update."""

    def __init__(self, shapes):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weights = torch.nn.ParameterList(torch.randn(shape, generator=generator) for shape in shapes)

    def forward(self, *directions):
        return sum((weight * direction).sum() for weight, direction in zip(self.weights, directions))


def softmax(x):
    return torch.softmax(x, -1)


def bias_gelu(x, bias):
    return F.gelu(x + bias)


def swiglu(gate, up):
    return F.silu(gate) * up


def rms_norm(x, weight):
    return F.rms_norm(x, weight.shape, weight, 1e-6)


def layer_norm(x, weight, bias):
    return F.layer_norm(x, weight.shape, weight, bias)


def normal(*shapes):
    def draw(generator):
        return tuple(torch.randn(shape, generator=generator, device=generator.device) for shape in shapes)

    return draw


def logits_and_labels(rows, classes):
    def draw(generator):
        logits, = normal((rows, classes))(generator)
        return logits, torch.randint(classes, (rows,), generator=generator, device=generator.device)

    return draw


def both(name, shape, function, inputs, gradients):
    """Forward alone, and forward with backward."""
    yield Case(name, shape, Apply(function), inputs)
    yield Case(name + "_backward", shape, Apply(function), inputs, gradients)


def pointwise_and_norms(rows, columns):
    shape = (rows, columns)
    yield from both("bias_gelu", shape, bias_gelu, normal(shape, (columns,)), 2)
    yield from both("swiglu", shape, swiglu, normal(shape, shape), 2)
    yield from both("softmax", shape, softmax, normal(shape), 1)
    yield from both("rms_norm", shape, rms_norm, normal(shape, (columns,)), 2)
    yield from both("layer_norm", shape, layer_norm, normal(shape, (columns,), (columns,)), 3)


def losses(rows, classes):
    yield from both("cross_entropy", (rows, classes), F.cross_entropy, logits_and_labels(rows, classes), 1)


def embeddings(tokens, rows, width):
    def draw(generator):
        table, = normal((1, rows, width))(generator)  # dimension 0 of inputs is a batch
        # Few rows are frequent, as in text.
        uniform = torch.rand(tokens, generator=generator, device=generator.device, dtype=torch.float64)
        return table, (torch.exp(uniform * math.log(rows)) - 1).long()

    def look_up(table, ids):
        return F.embedding(ids, table[0])

    moved = rows * width + 3 * tokens * width
    yield Case("embedding_backward", (tokens, rows, width), Apply(look_up), draw, 1, moved=moved)


def optimizers(width, layers):
    shapes = [shape for _ in range(layers) for shape in ((width,), (width, width), (4 * width, width), (4 * width,))]
    elements = sum(math.prod(shape) for shape in shapes)
    yield Case("adamw", (elements,), Parameters(shapes), normal(*shapes), optimizer=True)


def all_cases():
    yield from pointwise_and_norms(1024, 1536)
    yield from pointwise_and_norms(4096, 384)
    yield Case("softmax", (96, 128, 128), Apply(softmax), normal((96, 128, 128)))
    yield from losses(1024, 2048)
    yield from losses(128, 50257)
    yield from optimizers(512, 4)


def large_cases():
    """Sizes of a language model, for a GPU."""
    for dtype in (torch.float32, torch.bfloat16):
        cases = [
            *both("softmax", (8192, 4096), softmax, normal((8192, 4096)), 1),
            *both("layer_norm", (8192, 2048), layer_norm, normal((8192, 2048), (2048,), (2048,)), 3),
            *both("rms_norm", (8192, 2048), rms_norm, normal((8192, 2048), (2048,)), 2),
            *both("bias_gelu", (8192, 4096), bias_gelu, normal((8192, 4096), (4096,)), 2),
            *both("swiglu", (4096, 5632), swiglu, normal((4096, 5632), (4096, 5632)), 2),
            *losses(4096, 32000),
            *embeddings(4096, 32000, 2048),
        ]
        yield from (dataclasses.replace(case, dtype=dtype) for case in cases)
    shapes = [(10000, 10000)]
    yield Case("adamw", (100_000_000,), Parameters(shapes), normal(*shapes), optimizer=True, moved=7 * 100_000_000)
