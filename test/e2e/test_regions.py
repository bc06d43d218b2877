"""Regions of a module that PyTorch treats apart: without gradients, or with control flow."""

import pytest
import torch
from parity import compare_training
from torch import nn

import raddle


class WithoutGradient(nn.Module):
    """A target of the model's own making, an average, and views through which no gradient flows."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        hidden = self.layer(x)
        with torch.no_grad():
            target = torch.tanh(self.layer(x))
            scale, half = hidden.abs().mean(), hidden[:, :2]
        with torch.no_grad():
            count = (x > 0).sum(1)
        hidden = torch.cat([hidden[:, 2:], half], dim=1) / (scale + 1)
        return ((self.head(hidden) - target) ** 2).mean() + 0.1 * (count[:, None] * hidden).mean()


def test_no_grad():
    batches = [(torch.randn(6, 4),) for _ in range(3)]
    compare_training(WithoutGradient(), batches, optimizer="sgd", lr=0.1)


class Branch(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))


def test_control_flow_is_refused():
    with pytest.raises(raddle.CompileError) as error:
        raddle.compile(Branch(), (torch.randn(4, 3),))
    assert "higher_order.cond" in str(error.value)
    assert "test_regions.py:" in str(error.value)
