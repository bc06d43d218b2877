"""Exports a network of two layers with a mean squared error to the path of the first argument; batch 4."""

import sys

import torch

import raddle


class Mlp(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(3, 5)
        self.output = torch.nn.Linear(5, 2)

    def forward(self, x, y):
        return torch.nn.functional.mse_loss(self.output(torch.relu(self.hidden(x))), y)


torch.manual_seed(0)
raddle.export(Mlp(), (torch.randn(4, 3), torch.randn(4, 2)), sys.argv[1])
