"""Convolutions and pooling equal PyTorch's, with their gradients for inputs, weights and biases."""

import pytest
import torch
from parity import compare_training
from torch import nn
from torch.nn import functional as F

import raddle

BATCH = 4


class Results(nn.Module):
    """A loss of the results of several functions of one input and of parameters of the given shapes."""

    def __init__(self, functions, shape, weights=()):
        super().__init__()
        self.functions = functions
        self.scale = nn.Parameter(torch.randn(shape))
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(weight)) for weight in weights)

    def forward(self, x):
        loss = 0.0
        for function in self.functions:
            # Gradients that differ from element to element.
            loss = loss + torch.mean((function(x * self.scale, *self.weights) - 0.3) ** 2)
        return loss


# Functions, the shape of their input without the batch, shapes of weights.
CONVOLUTIONS = {
    "one_dimension": (
        [
            lambda x, w, b: F.conv1d(x, w, b, padding=2),
            lambda x, w, b: F.conv1d(x, w, stride=2, padding=1, dilation=2),
            lambda x, w, b: F.conv1d(x, w, padding="same"),
            lambda x, w, b: F.conv1d(x, w, padding="valid"),
            # One window, that leaves elements out.
            lambda x, w, b: F.conv1d(x, w, stride=10),
            lambda x, w, b: F.conv1d(x, w, stride=10, dilation=3),
        ],
        (4, 13),
        [(6, 4, 4), (6,)],
    ),
    "two_dimensions": (
        [
            lambda x, w, b: F.conv2d(x, w, b, padding=1),
            lambda x, w, b: F.conv2d(x, w, b, stride=(2, 3), padding=(0, 1), dilation=(2, 1)),
            lambda x, w, b: F.conv2d(x, w, b, stride=(7, 10)),
        ],
        (4, 9, 11),
        [(6, 4, 3, 2), (6,)],
    ),
    "pointwise": (
        [lambda x, w, b: F.conv2d(x, w, b), lambda x, w, b: F.conv2d(x, w, b, stride=2)],
        (4, 5, 6),
        [(6, 4, 1, 1), (6,)],
    ),
    "groups": (
        [
            lambda x, w: F.conv2d(x, w, groups=2, padding=1),
            lambda x, w: F.conv_transpose2d(x, w[:4], groups=2, padding=1, stride=2),
        ],
        (4, 7, 6),
        [(6, 2, 3, 3)],
    ),
    "depthwise": (
        [
            lambda x, w: F.conv2d(x, w, groups=4, padding=1),
            lambda x, w: F.conv2d(x, w, groups=4, stride=2, dilation=2),
            lambda x, w: F.conv_transpose2d(x, w, groups=4, padding=1, stride=2, output_padding=1),
        ],
        (4, 7, 6),
        [(4, 1, 3, 3)],
    ),
    "transposed": (
        [
            lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1),
            lambda x, w, b: F.conv_transpose2d(x, w, b, dilation=2),
            lambda x, w, b: F.conv_transpose1d(x.flatten(2), w[..., 0], b, stride=3),
        ],
        (6, 4, 5),
        [(6, 3, 3, 3), (3,)],
    ),
    "three_dimensions": (
        [
            lambda x, w: F.conv3d(x, w, padding=1, stride=(1, 2, 1)),
            lambda x, w: F.conv_transpose3d(x, w.transpose(0, 1), padding=1),
        ],
        (3, 4, 5, 4),
        [(2, 3, 3, 3, 2)],
    ),
    "columns": (
        [
            lambda x: F.unfold(x, (2, 3), padding=1, stride=2),
            lambda x: F.fold(F.unfold(x, (2, 3), dilation=2), (7, 8), (2, 3), dilation=2),
        ],
        (3, 7, 8),
        [],
    ),
    "max_pool": (
        [
            lambda x: F.max_pool2d(x, 2),
            lambda x: F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True),
            lambda x: F.max_pool2d(x, 2, dilation=2),
            lambda x: F.max_pool1d(x.flatten(2), 3, 2),
            lambda x: F.max_pool3d(x, (1, 3, 2), padding=(0, 1, 1)),
            # One window of two among three elements.
            lambda x: F.max_pool3d(x, 2),
            # Windows that share their greatest element, and equal elements: the first position gets the gradient.
            lambda x: F.max_pool2d(x.clamp(max=0.1), 3, stride=1),
        ],
        (3, 8, 9),
        [],
    ),
    "average_pool": (
        [
            lambda x: F.avg_pool2d(x, 2),
            lambda x: F.avg_pool2d(x, 3, stride=2, padding=1),
            lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False, ceil_mode=True),
            lambda x: F.avg_pool2d(x, 3, divisor_override=5, ceil_mode=True),
            lambda x: F.avg_pool1d(x.flatten(2), 5, 3, 2),
            lambda x: F.avg_pool3d(x, 2, stride=1),
            # One window of two among three elements, and one of five among eight.
            lambda x: F.avg_pool3d(x, 2),
            lambda x: F.avg_pool2d(x, 5, 5),
        ],
        (3, 8, 9),
        [],
    ),
    "adaptive_pool": (
        [
            lambda x: F.adaptive_avg_pool2d(x, 1),
            lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
            lambda x: F.adaptive_avg_pool2d(x, (3, 5)),
            lambda x: F.adaptive_avg_pool1d(x.flatten(2), 5),
            lambda x: F.adaptive_max_pool2d(x, (4, 3)),
            lambda x: F.adaptive_max_pool2d(x, (3, 5)),
        ],
        (3, 8, 9),
        [],
    ),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_gradients(name):
    functions, shape, weights = CONVOLUTIONS[name]
    batches = [(torch.randn(BATCH, *shape),) for _ in range(2)]
    compare_training(Results(functions, shape, weights), batches, ranks=2, optimizer="sgd", lr=1e-2)


class Positions(nn.Module):
    def forward(self, x):
        return (
            F.max_pool2d(x, 3, stride=2, padding=1, return_indices=True),
            F.max_pool2d(x, 2, ceil_mode=True, return_indices=True),
            F.adaptive_max_pool2d(x, (3, 4), return_indices=True),
            F.adaptive_max_pool1d(x.flatten(2), 5, return_indices=True),
        )


def test_positions_of_maxima():
    x = torch.randint(0, 4, (2, 3, 7, 8)).float()
    x[0, 0, 2, 2] = x[0, 0, 3, 1] = float("nan")
    x[1, 1] = -float("inf")
    expected = torch.utils._pytree.tree_leaves(Positions()(x))
    for found, value in zip(raddle.compile(Positions(), (x,))(x), expected, strict=True):
        assert torch.equal(found.isnan(), value.isnan()) if value.is_floating_point() else True
        assert torch.equal(found.nan_to_num(9), value.nan_to_num(9))


class Unbatched(nn.Module):
    def forward(self, x):
        weight = torch.ones(2, 3, 2, 2)
        return F.conv2d(x[0], weight), F.max_pool2d(x[1], 2), F.avg_pool2d(x[0], 3), F.unfold(x[1], 2)


def test_planes_without_a_batch():
    x = torch.randn(2, 3, 7, 8)
    for found, value in zip(raddle.compile(Unbatched(), (x,))(x), Unbatched()(x), strict=True):
        assert found.shape == value.shape
        assert (found - value).abs().max() <= 1e-5 * value.abs().max()


class Half(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.layer = nn.Conv2d(40, 3, 3, padding=1, dtype=dtype)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_types(dtype):
    module, x = Half(dtype), torch.randn(2, 40, 6, 6).to(dtype)
    found, expected = raddle.compile(module, (x,))(x)[0], module(x)
    assert found.dtype == dtype
    # Sums of narrow types are taken in single precision: one rounding of the result, one of the bias.
    roundings = 8 if dtype == torch.float64 else 2
    assert (found - expected).abs().max() <= roundings * torch.finfo(dtype).eps * expected.abs().max()
