"""The computations of fused_kernels.py: each a module of plain PyTorch and how to draw its inputs.

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
    return lambda generator: tuple(torch.randn(shape, generator=generator) for shape in shapes)


def logits_and_labels(rows, classes):
    return lambda generator: (
        torch.randn(rows, classes, generator=generator),
        torch.randint(classes, (rows,), generator=generator),
    )


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
