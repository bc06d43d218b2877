"""Every operator and its gradient equal PyTorch's: losses, norms and parameters after steps of SGD, on two ranks."""

import pytest
import torch
from operator_cases import CASES
from parity import compare_training
from torch import nn

ROWS = 4


class Operator(nn.Module):
    """A loss of the results of one operator on all groups of shapes; each argument is an input times a parameter."""

    def __init__(self, function, groups):
        super().__init__()
        self.function, self.groups = function, groups
        self.scales = nn.ParameterList(nn.Parameter(torch.randn(shape)) for group in groups for shape in group)
        self.offsets = nn.ParameterList(nn.Parameter(torch.randn(shape)) for group in groups for shape in group)

    def forward(self, inputs):
        values = iter([x * scale + offset for x, scale, offset in zip(inputs, self.scales, self.offsets)])
        loss = 0.0
        for group in self.groups:
            result = self.function(*(next(values) for _ in group))
            # Gradients that differ from element to element.
            loss = loss + torch.mean((result - 0.3) ** 2)
        return loss


@pytest.mark.parametrize("name", CASES)
def test_operator(name):
    function, groups = CASES[name]
    draw = lambda: ([torch.randn(ROWS, *shape) for group in groups for shape in group],)
    compare_training(Operator(function, groups), [draw() for _ in range(2)], ranks=2, optimizer="sgd", lr=1e-2)


VOCABULARY = 11


class Lookup(nn.Module):
    """Reads rows of a table; rows that occur twice get both gradients."""

    def __init__(self, read):
        super().__init__()
        self.read = read
        self.table = nn.Parameter(torch.randn(VOCABULARY, 5))

    def forward(self, ids, y):
        return nn.functional.mse_loss(self.read(self.table, ids), y)


LOOKUPS = {
    "embedding": lambda table, ids: nn.functional.embedding(ids, table),
    "embedding_with_padding": lambda table, ids: nn.functional.embedding(ids, table, padding_idx=2),
    "index": lambda table, ids: table[ids],
    "index_from_the_end": lambda table, ids: table[ids - VOCABULARY],
    "index_select": lambda table, ids: table.index_select(0, ids.flatten()).view(*ids.shape, -1),
    "gather": lambda table, ids: table.t().expand(ids.shape[0], -1, -1).gather(2, ids[:, None].expand(-1, 5, -1)).mT,
}


@pytest.mark.parametrize("name", LOOKUPS)
def test_lookup(name):
    draw = lambda: (torch.randint(0, VOCABULARY, (ROWS, 6)), torch.randn(ROWS, 6, 5))
    compare_training(Lookup(LOOKUPS[name]), [draw() for _ in range(2)], ranks=2, optimizer="sgd", lr=1e-2)


class Losses(nn.Module):
    def __init__(self, loss):
        super().__init__()
        self.loss, self.layer = loss, nn.Linear(6, 9)

    def forward(self, x, target):
        return self.loss(self.layer(x), target)


CLASSES = lambda: torch.randint(0, 9, (ROWS,))
LOSSES = {
    "cross_entropy": (nn.functional.cross_entropy, CLASSES),
    "log_softmax_and_gather": (lambda z, t: -z.log_softmax(-1).gather(1, t[:, None]).mean(), CLASSES),
    "mse": (nn.functional.mse_loss, lambda: torch.randn(ROWS, 9)),
    "absolute": (lambda z, t: (z - t).abs().mean(), lambda: torch.randn(ROWS, 9)),
    "logistic": (
        lambda z, t: (z.clamp(min=0) - z * t + torch.log(1 + torch.exp(-z.abs()))).mean(),
        lambda: torch.rand(ROWS, 9),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    loss, targets = LOSSES[name]
    batches = [(torch.randn(ROWS, 6), targets()) for _ in range(3)]
    compare_training(Losses(loss), batches, ranks=2, optimizer="sgd", lr=1e-2)
