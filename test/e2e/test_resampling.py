"""Padding, resampling and the rearrangement of pixels equal PyTorch's, with their gradients."""

import pytest
import torch
from parity import compare_training
from test_convolution import Results
from torch.nn import functional as F

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
    "antialiased": (
        [
            lambda x: F.interpolate(x, size=(2, 3), mode="bilinear", antialias=True),
            lambda x: F.interpolate(x, size=(9, 4), mode="bilinear", antialias=True, align_corners=True),
            lambda x: F.interpolate(x, scale_factor=0.45, mode="bilinear", antialias=True),
            lambda x: F.interpolate(x, size=(3, 2), mode="bicubic", antialias=True),
            lambda x: F.interpolate(x, scale_factor=(1.7, 0.6), mode="bicubic", antialias=True),
            lambda x: F.interpolate(x, size=(4, 9), mode="bicubic", antialias=True, align_corners=True),
        ],
        (3, 7, 10),
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
    """Planes or volumes at positions that depend on a parameter, inside and outside of them."""

    def __init__(self, modes, shape, places):
        super().__init__()
        self.modes = modes
        self.planes = torch.nn.Parameter(torch.randn(shape))
        self.grid = torch.nn.Parameter(torch.rand(*places, len(places)) * 3 - 1.5)

    def forward(self, x):
        planes, grid = x * self.planes, self.grid.expand(x.shape[0], *self.grid.shape)
        results = [F.grid_sample(planes, grid, mode, outside, corners) for mode, outside, corners in self.modes]
        return sum(torch.sin(1.7 * result).mean() for result in results)


LINEAR = [
    ("bilinear", "zeros", False),
    ("bilinear", "border", True),
    ("bilinear", "reflection", False),
    ("bilinear", "reflection", True),
    ("nearest", "zeros", False),
]
CUBIC = [("bicubic", outside, corners) for outside in ("zeros", "border", "reflection") for corners in (False, True)]
GRIDS = {
    "planes": (LINEAR, (3, 5, 6), (4, 7)),
    "cubic": (CUBIC, (3, 5, 6), (4, 7)),
    "volumes": (LINEAR + [("nearest", "border", True)], (2, 4, 5, 3), (3, 2, 4)),
}


@pytest.mark.parametrize("name", GRIDS)
def test_grid_sample(name):
    modes, shape, places = GRIDS[name]
    batches = [(torch.randn(BATCH, *shape),) for _ in range(2)]
    compare_training(Sampled(modes, shape, places), batches, ranks=2, optimizer="sgd", lr=1e-1)
