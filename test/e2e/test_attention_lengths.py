"""Attention over sequences of unequal length: masks that say `key < length` become operands of lengths, results and
gradients stay PyTorch's."""

import math

import pytest
import torch
from bundles import operands_of, read_bundle, variant_of
from tools import make_bundle
from torch import nn
from torch.nn import functional as F

import raddle

BATCH, HEADS, GROUPS, KEYS, WIDTH = 4, 4, 2, 600, 8
# None, one, all and more than all; less than none.
LENGTHS = torch.tensor([[0, 1, KEYS, KEYS + 7], [513, -3, 2**40, 77]])


def visible(lengths, keys):
    return (torch.arange(keys)[None, :] < lengths[:, None])[:, None, None, :]


def triangle(queries, keys):
    return torch.ones(queries, keys, dtype=torch.bool).tril()


# Name: the mask of lengths and the numbers of queries and keys, whether it hides later keys.
MASKS = {
    "keys": (lambda lengths, queries, keys: visible(lengths, keys), False),
    "keys_of_queries": (
        lambda lengths, queries, keys: visible(lengths, keys).expand(lengths.shape[0], 1, queries, keys), False,
    ),
    "hidden": (lambda lengths, queries, keys: ~(lengths[:, None, None, None] <= torch.arange(keys)), False),
    "added": (
        lambda lengths, queries, keys: torch.where(visible(lengths, keys), 0.0, float("-inf")), False,
    ),
    "filled": (
        lambda lengths, queries, keys: torch.zeros(lengths.shape[0], 1, queries, keys).masked_fill(
            ~visible(lengths, keys), float("-inf")
        ),
        False,
    ),
    "and_triangle": (lambda lengths, queries, keys: visible(lengths, keys) & triangle(queries, keys), True),
    "and_positions": (
        lambda lengths, queries, keys: visible(lengths, keys)
        & (torch.arange(keys)[None, :] <= torch.arange(queries)[:, None]),
        True,
    ),
    "and_always": (
        lambda lengths, queries, keys: visible(lengths, keys) & (torch.arange(queries)[:, None] >= 0), False,
    ),
    "added_triangle": (
        lambda lengths, queries, keys: torch.where(visible(lengths, keys), 0.0, float("-inf"))
        + torch.full((queries, keys), float("-inf")).triu(1),
        True,
    ),
}


class Ragged(nn.Module):
    """Attention of scaled operands, positions before heads as linear layers have them."""

    def __init__(self, mask, inputs):
        super().__init__()
        self.mask = mask
        self.scales = nn.ParameterList(nn.Parameter(torch.rand(value.shape[1:]) + 0.5) for value in inputs[:3])

    def forward(self, query, key, value, lengths):
        query, key, value = ((x * s).transpose(1, 2) for x, s in zip((query, key, value), self.scales))
        mask = self.mask(lengths, query.shape[2], key.shape[2])
        if mask.is_floating_point():
            mask = mask.to(query.dtype)
        result = F.scaled_dot_product_attention(query, key, value, mask, enable_gqa=True)
        return (result.tanh() ** 2).flatten(1).sum(1).mean(), result


def make_inputs(queries, keys=KEYS, lengths=LENGTHS[0]):
    torch.manual_seed(3)
    shape = lambda heads, length: (BATCH, length, heads, WIDTH)
    return [torch.randn(shape(HEADS, queries)), *(torch.randn(shape(GROUPS, keys)) for _ in range(2)), lengths]


def check(module, inputs, limit, **options):
    """Results and gradients beside PyTorch's in double precision, of the lengths given and of others."""
    program = raddle.compile(module, inputs, mode="train", optimizer="sgd", lr=1.0, **options)
    largest = torch.iinfo(inputs[3].dtype).max
    for lengths in (inputs[3], LENGTHS[1].clamp(max=largest).to(inputs[3].dtype)):
        given = [*inputs[:3], lengths]
        before = {key: value.clone() for key, value in program.state_dict().items()}
        result = program.eval(*given)["output_1"]
        loss = program.step(*given)["loss"]
        after = program.state_dict()
        exact = Ragged(module.mask, inputs).double()
        exact.load_state_dict(before)
        expected_loss, expected = exact(*(value.double() for value in given[:3]), lengths)
        expected_loss.backward()
        assert loss == pytest.approx(expected_loss.item(), rel=limit)
        for batch in range(BATCH):
            apart = (result[batch].double() - expected[batch]).norm()
            assert apart <= limit * expected[batch].norm(), f"batch {batch}"
        for key, parameter in exact.named_parameters():
            found = (before[key] - after[key]).double()
            # What is left of it in the difference of two f32 numbers about 1.
            rounding = 1e-6 * parameter.numel() ** 0.5
            assert (found - parameter.grad).norm() <= limit * parameter.grad.norm() + rounding, key


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", MASKS)
def test_lengths(name, ranks):
    inputs = make_inputs(queries=270)
    check(Ragged(MASKS[name][0], inputs), inputs, limit=1e-4, ranks=ranks)


@pytest.mark.parametrize("name", ["keys", "and_triangle"])
def test_narrow(name):
    inputs = make_inputs(queries=40)
    check(Ragged(MASKS[name][0], inputs), inputs, limit=2e-2, dtype="bf16")


def test_lengths_of_i32():
    inputs = make_inputs(queries=5, lengths=LENGTHS[0].int())
    check(Ragged(MASKS["keys"][0], inputs), inputs, limit=1e-4)


@pytest.mark.parametrize("queries, keys", [(1, 1), (1, 9), (9, 1)])
def test_few_positions(queries, keys):
    inputs = make_inputs(queries, keys)
    check(Ragged(MASKS["and_triangle"][0], inputs), inputs, limit=1e-4)


@pytest.mark.parametrize("name", MASKS)
def test_mask_is_not_read(name, tmp_path):
    inputs = make_inputs(queries=5)
    _, path = make_bundle(Ragged(MASKS[name][0], inputs), inputs, tmp_path)
    instructions = variant_of(read_bundle(path))["instructions"]
    calls = [each["action"] for each in instructions if each["action_type"] == "Attention"]
    assert len(calls) == 2
    for call in calls:
        assert call.get("has_lengths") and not call.get("has_mask")
        assert call.get("causal", False) == MASKS[name][1]
        assert call["inputs"][3]["dtype"] == "I64" and math.prod(call["inputs"][3]["shape"]) == BATCH
    # Nothing of the size of a mask is left.
    operands = [operand for each in instructions for side in operands_of(each) for operand in side]
    assert "Bool" not in {operand.get("dtype") for operand in operands}


NEARLY = {
    "inclusive": lambda lengths, queries, keys: (torch.arange(keys) <= lengths[:, None])[:, None, None, :],
    "of_queries": lambda lengths, queries, keys: (torch.arange(queries) < lengths[:, None])[:, None, :, None],
    "either": lambda lengths, queries, keys: visible(lengths, keys) | triangle(queries, keys),
    "finite": lambda lengths, queries, keys: torch.where(visible(lengths, keys), 0.0, -3.0),
    "shifted": lambda lengths, queries, keys: visible(lengths, keys) & torch.ones(queries, keys, dtype=bool).tril(2),
    "later": lambda lengths, queries, keys: (torch.arange(1, keys + 1) < lengths[:, None])[:, None, None, :],
}


@pytest.mark.parametrize("name", NEARLY)
def test_other_masks_are_read(name, tmp_path):
    inputs = make_inputs(queries=9, keys=9, lengths=torch.tensor([0, 1, 8, 9]))
    module = Ragged(NEARLY[name], inputs)
    _, path = make_bundle(module, inputs, tmp_path)
    calls = [each for each in variant_of(read_bundle(path))["instructions"] if each["action_type"] == "Attention"]
    assert len(calls) == 2 and all(call["action"].get("has_mask") for call in calls)
    check(module, inputs, limit=1e-4)
