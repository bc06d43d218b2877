"""Padding, resampling and the rearrangement of pixels equal PyTorch's, with their gradients."""

import pytest
import torch
from parity import compare_training
from test_convolution import Results
from torch.nn import functional as F

import raddle

BATCH = 2

CASES = {
    "padding": (
        [
            lambda x: F.pad(x, (1, 2, 0, 3)),
            lambda x: F.pad(x, (-1, 2, 1, -2), value=1.5),
            lambda x: F.pad(x, (1, 2, 3, 1), mode="reflect"),
            lambda x: F.pad(x, (1, 2, 3, 1), mode="replicate"),
            lambda x: F.pad(x, (1, 2, 3, 1), mode="circular"),
            lambda x: F.pad(x.flatten(2), (1, 2), mode="reflect"),
        ],
        (3, 5, 6),
    ),
    "nearest": (
        [
            lambda x: F.interpolate(x, scale_factor=2),
            lambda x: F.interpolate(x, size=(7, 9)),
            lambda x: F.interpolate(x, size=(3, 4), mode="nearest-exact"),
            lambda x: F.interpolate(x, scale_factor=1.7),
            lambda x: F.interpolate(x.flatten(2), scale_factor=3),
        ],
        (3, 5, 6),
    ),
    "linear": (
        [
            lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
            lambda x: F.interpolate(x, size=(7, 4), mode="bilinear", align_corners=True),
            lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"),
            lambda x: F.interpolate(x.flatten(2), size=11, mode="linear"),
            lambda x: F.interpolate(x[:, None], size=(2, 7, 8), mode="trilinear"),
        ],
        (3, 5, 6),
    ),
    "cubic": (
        [
            lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
            lambda x: F.interpolate(x, size=(7, 4), mode="bicubic", align_corners=True),
        ],
        (3, 5, 6),
    ),
    "shuffles": (
        [lambda x: F.pixel_shuffle(x, 2), lambda x: F.pixel_unshuffle(x, 3), lambda x: F.channel_shuffle(x, 2)],
        (8, 6, 9),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    functions, shape = CASES[name]
    batches = [(torch.randn(BATCH, *shape),) for _ in range(2)]
    compare_training(Results(functions, shape), batches, ranks=2, optimizer="sgd", lr=1e-1)


class Sampled(torch.nn.Module):
    """Planes at positions that depend on a parameter, inside and outside of the planes."""

    def __init__(self, modes):
        super().__init__()
        self.modes = modes
        self.planes = torch.nn.Parameter(torch.randn(3, 5, 6))
        self.grid = torch.nn.Parameter(torch.rand(4, 7, 2) * 3 - 1.5)

    def forward(self, x):
        planes, grid = x * self.planes, self.grid.expand(x.shape[0], -1, -1, -1)
        results = [F.grid_sample(planes, grid, mode, outside, corners) for mode, outside, corners in self.modes]
        return sum(torch.sin(1.7 * result).mean() for result in results)


def test_grid_sample():
    modes = [
        ("bilinear", "zeros", False),
        ("bilinear", "border", True),
        ("bilinear", "reflection", False),
        ("bilinear", "reflection", True),
        ("nearest", "zeros", False),
    ]
    batches = [(torch.randn(BATCH, 3, 5, 6),) for _ in range(2)]
    compare_training(Sampled(modes), batches, ranks=2, optimizer="sgd", lr=1e-1)


def test_refused_by_name():
    class Wide(torch.nn.Module):
        def forward(self, x):
            return F.interpolate(x, scale_factor=2.0, mode="bilinear", antialias=True)

    with pytest.raises(raddle.CompileError, match="_upsample_bilinear2d_aa"):
        raddle.compile(Wide(), (torch.randn(1, 1, 4, 4),))
