"""Reductions, norms, distances and losses equal PyTorch's, with their gradients."""

import pytest
import torch
from batches import compare_gradients, compare_values
from loss_cases import LOSSES
from loss_cases import VALUES as LOSS_VALUES
from reduction_cases import REDUCTIONS, VALUES


def cases_of(table, values, dtype=torch.float32, differentiable=False):
    result = {}
    for name, (function, *operands) in table.items():
        if differentiable and operands[-1] is False:
            continue
        tensors = [values[operand] for operand in operands if isinstance(operand, str)]
        result[name] = (function, [x.to(dtype) if x.is_floating_point() else x for x in tensors])
    return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_reductions(dtype):
    compare_values(cases_of(REDUCTIONS, VALUES, dtype))


def test_gradients_of_reductions():
    compare_gradients(cases_of(REDUCTIONS, VALUES, differentiable=True))


def test_losses():
    compare_values(cases_of(LOSSES, LOSS_VALUES))


def test_gradients_of_losses():
    compare_gradients(cases_of(LOSSES, LOSS_VALUES))


class Weighted(torch.nn.Module):
    """A loss whose divisor depends on the labels of all ranks."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 4)
        self.register_buffer("weights", torch.tensor([0.5, 2.0, 1.0, 3.0]))

    def forward(self, x, labels):
        return torch.nn.functional.cross_entropy(self.layer(x), labels, self.weights, label_smoothing=0.1)


def test_weights_of_labels_count_over_all_ranks():
    from parity import compare_training

    # The first rank's labels weigh less than the second's.
    batch = (torch.randn(6, 3), torch.tensor([0, 0, -100, 3, 1, 3]))
    compare_training(Weighted(), [batch, batch], ranks=2, optimizer="sgd", lr=0.1)
