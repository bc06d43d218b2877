"""Products of groups of rows equal a loop over the groups, with offsets from data; so do their gradients."""

import pytest
import torch
from parity import compare_training
from torch import nn
from transformers.integrations import moe  # registers transformers::grouped_mm_fallback

import raddle

ROWS, INNER, COLUMNS, GROUPS = 12, 5, 7, 4
# Equal groups, empty ones, all rows in one, rows behind the last group.
OFFSETS = {"even": [3, 6, 9, 12], "empty": [0, 5, 5, 12], "one": [0, 0, 12, 12], "rest": [2, 2, 7, 9], "none": [0] * 4}


class Experts(nn.Module):
    """`turned`: the matrices are [groups, columns, inner], read through a transposed view."""

    def __init__(self, turned=False):
        super().__init__()
        self.turned = turned
        self.scale = nn.Parameter(torch.randn(INNER))
        self.matrices = nn.Parameter(torch.randn(GROUPS, *((COLUMNS, INNER) if turned else (INNER, COLUMNS))))

    def product(self, rows, offsets):
        matrices = self.matrices.mT if self.turned else self.matrices
        return torch.ops.transformers.grouped_mm_fallback(rows * self.scale, matrices, offsets)

    def forward(self, rows, offsets):
        return (self.product(rows, offsets) - 0.3).square().mean()


def batch(name):
    # The offsets are those of a rank: with one rank they pass as they are.
    return torch.randn(ROWS, INNER), torch.tensor(OFFSETS[name], dtype=torch.int32)


@pytest.mark.parametrize("turned", [False, True])
def test_training(turned):
    compare_training(Experts(turned), [batch(name) for name in OFFSETS], optimizer="sgd", lr=0.1)


class Products(nn.Module):
    """All forms of torch's own operator, which wants bf16 and rows of whole 16 bytes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("matrices", torch.randn(4, 8, 24).bfloat16())
        self.register_buffer("columns", torch.randn(16, 24).bfloat16())
        self.register_buffer("offsets", torch.tensor([4, 4, 12, 16], dtype=torch.int32))

    def forward(self, rows):
        return (
            torch._grouped_mm(rows, self.matrices, offs=self.offsets),
            torch._grouped_mm(rows.t(), self.columns, offs=self.offsets),
            torch._grouped_mm(self.matrices.mT, rows.t(), offs=self.offsets),
            torch._grouped_mm(self.matrices, self.matrices.mT),
        )


def test_forms_of_grouped_mm():
    module, rows = Products(), torch.randn(16, 8).bfloat16()
    found = raddle.compile(module, (rows,))(rows)
    for ours, theirs in zip(found, module(rows), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("offset", [ROWS + 1, -1])
def test_offset_out_of_range(offset):
    rows, offsets = batch("even")
    program = raddle.compile(Experts(), (rows, offsets))
    bad = offsets.clone()
    bad[1] = offset
    with pytest.raises((ValueError, RuntimeError), match=f"offset of a group of rows: .* found {offset} "):
        program(rows, bad)
