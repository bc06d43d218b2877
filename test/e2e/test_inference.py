"""A compiled module gives what the module gives."""

import pytest
import torch
from models import BATCH, TinyBert, bert_batches
from torch import nn

import raddle


class Several(nn.Module):
    """Results of several kinds, nested: floats, integers, booleans, a scalar, an input that is passed through."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x, ids):
        y = self.layer(x)
        return {"y": y, "parts": [y.sum(), y > 0], "ids": ids + 1}, y.argmax(dim=-1)


def flat(value):
    return torch.utils._pytree.tree_leaves(value)


def assert_equal_results(ours, theirs):
    theirs = flat(theirs)
    assert len(ours) == len(theirs)
    for found, expected in zip(ours, theirs):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)


def test_several_outputs():
    module, args = Several().eval(), (torch.randn(6, 5), torch.arange(6))
    assert_equal_results(raddle.compile(module, args)(*args), module(*args))


@pytest.mark.parametrize("ranks", [1, 3])
def test_bert_vectors(ranks):
    module = TinyBert().bert.eval()

    class Vectors(nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = module

        def forward(self, input_ids, attention_mask):
            return self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    ids, mask, _ = bert_batches(1)[0]
    args = (ids, mask)
    assert_equal_results(raddle.compile(Vectors(), args, ranks=ranks)(*args), Vectors()(*args))


def test_again_with_other_values():
    module, args = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)), (torch.randn(BATCH, 4),)
    program = raddle.compile(module, args)
    for _ in range(3):
        x = torch.randn(BATCH, 4)
        assert_equal_results(program(x), module(x))


def test_argument_that_is_not_contiguous():
    module = nn.Linear(4, 8)
    program = raddle.compile(module, (torch.randn(6, 4),))
    x = torch.randn(4, 6).t()
    assert_equal_results(program(x), module(x))


def test_path_instead_of_module(tmp_path):
    module, args = nn.Linear(4, 8), (torch.randn(6, 4),)
    raddle.export(module, args, tmp_path / "m.pt2")
    assert_equal_results(raddle.compile(tmp_path / "m.pt2", args)(*args), module(*args))
