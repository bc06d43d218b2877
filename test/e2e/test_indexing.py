"""Operators that read, write and order by index equal PyTorch's; what is out of range is reported by name."""

import pytest
import torch
from batches import Function, compare_gradients, compare_values
from indexing_cases import BAGS, COUNTED, GRADIENTS, ROWS, VALUES
from parity import compare_training
from test_operators import Operator
from torch import nn

import raddle


class Operators(nn.Module):
    """The losses of many operators: one program for all of them."""

    def __init__(self, cases):
        super().__init__()
        self.cases = nn.ModuleDict({name: Operator(*case) for name, case in cases.items()})

    def forward(self, inputs):
        inputs = iter(inputs)
        return sum(case([next(inputs) for _ in case.scales]) for case in self.cases.values())


@pytest.mark.parametrize("group", GRADIENTS)
def test_gradients(group):
    cases = GRADIENTS[group]
    shapes = [shape for _, groups in cases.values() for shapes in groups for shape in shapes]
    batch = ([torch.randn(ROWS, *shape) for shape in shapes],)
    compare_training(Operators(cases), [batch], ranks=1, optimizer="sgd", lr=1e-1)


def test_values():
    names, args = list(VALUES), [list(args) for _, args in VALUES.values()]
    functions = lambda *args: [VALUES[name][0](*given) for name, given in zip(names, args)]
    ours = iter(raddle.compile(Function(functions), tuple(args))(*args))
    for name, results in zip(names, functions(*args)):
        for expected in torch.utils._pytree.tree_leaves(results):
            found = next(ours)
            assert found.dtype == expected.dtype, name
            torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True, msg=lambda text: f"{name}: {text}")


def test_bags():
    compare_values(BAGS)
    compare_gradients(BAGS)


def test_bags_that_begin_late():
    function = lambda table, ids, begins: nn.functional.embedding_bag(ids, table, begins, mode="sum")
    table, ids, begins = torch.randn(5, 3), torch.tensor([4, 1, 0, 2, 2]), torch.tensor([0, 2, 2, 3, 5])
    program = raddle.compile(Function(function), (table, ids, begins))
    torch.testing.assert_close(program(table, ids, begins)[0], function(table, ids, begins))
    with pytest.raises(RuntimeError, match="index of aten.embedding_bag: expected 0 to 5, found -1 "):
        program(table, ids, begins.clamp(min=1))
    with pytest.raises(RuntimeError, match="index of aten.embedding_bag: expected 0 to 4, found 5 "):
        program(table, ids + 1, begins)


def test_counted():
    compare_values(COUNTED)
    compare_gradients(COUNTED)


def test_repeats_that_are_too_few():
    function = lambda x, n: x.repeat_interleave(n, dim=1, output_size=7)
    x, repeats = torch.full((2, 3), -1.0), torch.tensor([1, 2, 4])
    program = raddle.compile(Function(function), (x, repeats))
    torch.testing.assert_close(program(x, repeats)[0], function(x, repeats))
    with pytest.raises((ValueError, RuntimeError), match=r"index of aten\.repeat_interleave"):
        program(x, torch.tensor([1, 2, 3]))


def test_masks_that_ask_for_more_than_there_is():
    function = lambda x: x.masked_scatter(x > 0, x[0, :2])
    x = torch.full((2, 3), -1.0)
    program = raddle.compile(Function(function), (x,))
    torch.testing.assert_close(program(x)[0], function(x))
    with pytest.raises(RuntimeError, match="index of aten.masked_scatter: expected 0 to 1, found 2 "):
        program(-x)


class Pictures(nn.Module):
    """A sequence in which two places are those of a picture's parts."""

    def __init__(self, is_shared=False):
        super().__init__()
        self.is_shared = is_shared
        self.embed, self.project, self.head = nn.Embedding(9, 6), nn.Linear(4, 6), nn.Linear(6, 9)

    def forward(self, ids, parts):
        parts = self.project.weight if self.is_shared else self.project(parts)
        mixed = self.embed(ids).masked_scatter((ids == 0).unsqueeze(-1), parts)
        return nn.functional.cross_entropy(self.head(mixed).flatten(0, 1), ids.flatten())


def picture_batch(empty_rows=0):
    ids = torch.randint(1, 9, (4, 5))
    ids[:, 1] = ids[:, 3] = 0
    ids[:empty_rows, 3] = 1
    return ids, torch.randn(4, 2, 4)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_masked_scatter_on_ranks(ranks):
    compare_training(Pictures(), [picture_batch(), picture_batch()], ranks=ranks, optimizer="sgd", lr=0.1)


def test_masked_scatter_on_ranks_that_leave_elements():
    batch = picture_batch(empty_rows=1)
    compare_training(Pictures(), [batch], ranks=1, optimizer="sgd", lr=0.1)
    program = raddle.compile(Pictures(), picture_batch(), mode="train", ranks=2, optimizer="sgd")
    with pytest.raises(RuntimeError, match="leaves of its part of the source in masked_scatter: expected 0 to 0, found 6 "):
        program.step(*batch)["loss"]


def test_masked_scatter_on_ranks_that_share_a_source():
    with pytest.raises(RuntimeError, match="masked_scatter on 2 ranks of a tensor or a source that is not cut"):
        raddle.compile(Pictures(is_shared=True), picture_batch(), mode="train", ranks=2)


OUT_OF_RANGE = {
    "index": (lambda x, i: x[:, i[0]], [5, -6]),
    "gather": (lambda x, i: x.gather(1, i), [5, -1]),
    "index_select": (lambda x, i: x.index_select(1, i[0]), [5, -1]),
    "scatter": (lambda x, i: x.scatter(1, i, 1.0), [5, -1]),
    "index_put": (lambda x, i: torch.ops.aten.index_put(x, [None, i[0]], x[:, :2]), [5, -6]),
    "index_add": (lambda x, i: x.index_add(1, i[0], x[:, :2]), [5, -1]),
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_out_of_range(name):
    function, wrong = OUT_OF_RANGE[name]
    x, index = torch.randn(ROWS, 5), torch.tensor([[4, 0]]).repeat(ROWS, 1)
    program = raddle.compile(Function(function), (x, index))
    for value in wrong:
        bad = index.clone()
        bad[0, 1] = value
        with pytest.raises((ValueError, RuntimeError), match=rf"index of aten\.{name}: expected .* to 4, found {value} "):
            program(x, bad)
    torch.testing.assert_close(program(x, index)[0], function(x, index))


REFUSED = {
    "index by a boolean mask": lambda x: x[x > 0].sum(),
    "aten.nonzero": lambda x: x.nonzero().sum(),
    "aten.masked_select": lambda x: x.masked_select(x > 0).sum(),
    "aten._unique2": lambda x: x.unique().sum(),
    "aten.bincount": lambda x: x.flatten().long().abs().bincount(minlength=3).sum(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_shapes_that_depend_on_data(name):
    with pytest.raises(raddle.CompileError) as error:
        raddle.compile(Function(REFUSED[name]), (torch.randn(ROWS, 3),))
    for word in (name, "depends on the data", "batches.py:"):
        assert word in str(error.value), str(error.value)
