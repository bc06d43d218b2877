"""Inference on several ranks: parts of the batch come together, what is no part of it is refused or said."""

import pytest
import raddle
import torch


class Several(torch.nn.Module):
    def forward(self, x):
        # Constant tensors under a reshape and a broadcast, the input itself, and a computed row.
        shifted = x + torch.ones(2, 1).reshape(1, 2)
        return shifted, x, torch.maximum(x, torch.zeros(1))


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_parts_of_the_batch_come_together(ranks):
    module, x = Several(), torch.randn(6, 2)
    for got, expected in zip(raddle.compile(module, (x,), ranks=ranks)(x), module(x)):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("function", [lambda x: x.sum(0), lambda x: (x > 0).sum()])
def test_what_is_no_part_of_the_batch_is_refused(function):
    class Whole(torch.nn.Module):
        def forward(self, x):
            return function(x)

    with pytest.raises(raddle.CompileError, match="'output_0'"):
        raddle.compile(Whole(), (torch.randn(4, 3),), ranks=2)
