"""Forms of scaled dot-product attention, forward and backward: ranks, masks that are trained, and dropout.

Attention of f32, f16 and bf16 is a library call, that of f64 and of dropout is decomposed.
"""

import pytest
import torch
from bundles import read_bundle, variant_of
from test_random import uniform
from tools import make_bundle
from torch import nn
from torch.nn import functional as F

import raddle

attend = F.scaled_dot_product_attention
BATCH, HEADS, QUERIES, KEYS, WIDTH = 4, 4, 5, 7, 6


def tensors(heads=HEADS, groups=HEADS, before=()):
    shape = lambda heads, length: (BATCH, *before, heads, length, WIDTH)
    return [torch.randn(shape(heads, QUERIES)), torch.randn(shape(groups, KEYS)), torch.randn(shape(groups, KEYS))]


def long_tensors():
    """More queries and keys than a block of the library call has, and widths that no vector register divides."""
    shape = lambda heads, length, width: (2, length, heads, width)
    return [torch.randn(shape(4, 150, 10)), torch.randn(shape(2, 1100, 10)), torch.randn(shape(2, 1100, 7))]


def attend_long(query, key, value, mask=None, **options):
    """Positions before heads, as linear layers have them."""
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return attend(query, key, value, mask, enable_gqa=True, **options).transpose(1, 2)


# What queries see begins and ends inside of blocks; one sees nothing.
WINDOW = (torch.arange(1100) - 7 * torch.arange(150)[:, None]).abs() < 90
WINDOW[20] = False
VISIBLE = torch.rand(QUERIES, KEYS) < 0.7
VISIBLE[:, 0] = True
# Name: function of query, key, value and parameters; the inputs; the parameters.
CASES = {
    "not_square_causal": (lambda q, k, v: attend(q, k, v, is_causal=True), tensors(), []),
    "grouped_and_scaled": (lambda q, k, v: attend(q, k, v, scale=0.2, enable_gqa=True), tensors(groups=2), []),
    "rank_2": (lambda q, k, v: attend(q[:, 0, 0], k[:, 0, 0], v[:, 0, 0]), tensors(), []),
    "rank_3": (lambda q, k, v: attend(q[:, 0], k[:, 0], v[:, 0], VISIBLE), tensors(), []),
    "rank_5": (lambda q, k, v: attend(q, k, v, VISIBLE), tensors(before=(3,)), []),
    "rank_6_with_a_mask_each": (
        lambda q, k, v, m: attend(q, k, v, m.expand(q.shape[0], 3, 2, HEADS, QUERIES, KEYS)),
        tensors(before=(3, 2)), [torch.randn(3, 1, 1, QUERIES, KEYS)],
    ),
    "long": (attend_long, long_tensors(), []),
    "long_causal": (lambda q, k, v: attend_long(q, k, v, is_causal=True), long_tensors(), []),
    "long_window": (lambda q, k, v: attend_long(q, k, v, WINDOW), long_tensors(), []),
    "trained_mask": (attend, tensors(), [torch.randn(HEADS, QUERIES, KEYS)]),
    "trained_mask_of_keys": (attend, tensors(groups=2, heads=2), [torch.randn(1, 1, 1, KEYS)]),
    "trained_mask_of_groups": (
        lambda q, k, v, m: attend(q, k, v, m, enable_gqa=True), tensors(groups=2), [torch.randn(1, HEADS, QUERIES, KEYS)],
    ),
}


class Attention(nn.Module):
    def __init__(self, function, inputs, parameters):
        super().__init__()
        self.function = function
        self.scales = nn.ParameterList(nn.Parameter(torch.rand(value.shape[1:]) + 0.5) for value in inputs)
        self.extra = nn.ParameterList(nn.Parameter(value) for value in parameters)

    def forward(self, *inputs):
        result = self.function(*(value * scale for value, scale in zip(inputs, self.scales)), *self.extra)
        return (result.tanh() ** 2).mean(), result


def gradients(program, module, inputs):
    before = {key: value.clone() for key, value in module.state_dict().items()}
    output = program.eval(*inputs)["output_1"]
    loss = program.step(*inputs)["loss"]
    after = program.state_dict()
    return output, loss, {key: before[key] - after[key] for key in before}


@pytest.mark.parametrize("name", CASES)
def test_form(name):
    function, inputs, parameters = CASES[name]
    module = Attention(function, inputs, parameters)
    # Attention between the rows of a batch needs them all.
    ranks = 1 if name == "rank_2" else 2
    program = raddle.compile(module, inputs, mode="train", ranks=ranks, optimizer="sgd", lr=1.0)
    found, step_loss, ours = gradients(program, module, inputs)
    loss, result = module(*inputs)
    loss.backward()
    assert step_loss == pytest.approx(loss.item(), rel=1e-4)
    torch.testing.assert_close(found, result.detach(), rtol=1e-4, atol=1e-5)
    for key, parameter in module.named_parameters():
        limit = 1e-3 * parameter.grad.abs().max().item() + 1e-6
        torch.testing.assert_close(ours[key], parameter.grad, rtol=0, atol=limit)


@pytest.mark.parametrize("name", ["long", "long_causal", "long_window", "grouped_and_scaled", "rank_5"])
def test_call_equals_decomposition(name):
    function, inputs, parameters = CASES[name]
    module = Attention(function, inputs, parameters)
    found, loss, ours = gradients(raddle.compile(module, inputs, mode="train", optimizer="sgd", lr=1.0), module, inputs)
    module, inputs = module.double(), [value.double() for value in inputs]
    program = raddle.compile(module, inputs, mode="train", optimizer="sgd", lr=1.0)
    expected, expected_loss, theirs = gradients(program, module, inputs)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    for key in ours:
        # The state dict has f32, and the difference of two parameters has their rounding.
        torch.testing.assert_close(ours[key].double(), theirs[key].double(), rtol=1e-4, atol=5e-7)


@pytest.mark.parametrize("ranks", [1, 2])
def test_dropout(ranks):
    """Probabilities are dropped by the stream's numbers, in the order of [batch, head, query, key]."""
    inputs = tensors(groups=2)
    module = Attention(lambda q, k, v: attend(q, k, v, VISIBLE, dropout_p=0.3, enable_gqa=True), inputs, [])
    program = raddle.compile(module, inputs, mode="train", ranks=ranks, optimizer="sgd", lr=1.0, seed=11)
    found, step_loss, ours = gradients(program, module, inputs)
    kept = (uniform(11, 1, 0, BATCH * HEADS * QUERIES * KEYS) >= 0.3).view(BATCH, HEADS, QUERIES, KEYS) / 0.7
    query, key, value = (tensor * scale for tensor, scale in zip(inputs, module.scales))
    key, value = (tensor.repeat_interleave(HEADS // 2, dim=1) for tensor in (key, value))
    scores = (query @ key.mT / WIDTH**0.5).masked_fill(~VISIBLE, float("-inf"))
    loss = (((scores.softmax(-1) * kept) @ value).tanh() ** 2).mean()
    loss.backward()
    assert step_loss == pytest.approx(loss.item(), rel=1e-4)
    # Evaluation drops nothing.
    torch.testing.assert_close(found, (scores.softmax(-1) @ value).detach(), rtol=1e-4, atol=1e-5)
    for key, parameter in module.named_parameters():
        limit = 1e-3 * parameter.grad.abs().max().item() + 1e-6
        torch.testing.assert_close(ours[key], parameter.grad, rtol=0, atol=limit)


HIDDEN_KEYS = torch.arange(1100) < torch.tensor([1100, 700])[:, None, None, None]
NARROW = {
    "long": (attend_long, long_tensors()),
    "long_causal": (lambda q, k, v: attend_long(q, k, v, is_causal=True), long_tensors()),
    "long_window": (lambda q, k, v: attend_long(q, k, v, WINDOW), long_tensors()),
    "hidden_keys": (lambda q, k, v: attend_long(q, k, v, HIDDEN_KEYS[:, :, :, : k.shape[1]]), long_tensors()),
    "grouped_and_scaled": (lambda q, k, v: attend(q, k, v, scale=0.2, enable_gqa=True), tensors(groups=2)),
}


@pytest.mark.parametrize("dtype, bits", [(torch.bfloat16, 8), (torch.float16, 11)])
@pytest.mark.parametrize("name", NARROW)
def test_narrow_is_rounded_once(name, dtype, bits):
    """Scores, weights and sums are f32: nothing but the result is rounded."""
    function, inputs = NARROW[name]
    inputs = [value.to(dtype) for value in inputs]
    module = Attention(function, [], [])
    module.forward = lambda *values: (function(*values),)
    (found,) = raddle.compile(module, inputs)(*inputs)
    exact = function(*(value.double() for value in inputs))
    assert found.dtype == dtype
    assert ((found.double() - exact).abs() <= exact.abs() * 2.0**-bits + 1e-5).all()


@pytest.mark.parametrize("name", NARROW)
def test_gradients_through_narrow_calls(name, tmp_path):
    function, inputs = NARROW[name]
    module = Attention(function, inputs, [])
    _, path = make_bundle(module, inputs, tmp_path, "--dtype=bf16")
    calls = [each["action"] for each in variant_of(read_bundle(path))["instructions"] if each["action_type"] == "Attention"]
    assert [call.get("backward", False) for call in calls] == [False, True]
    assert {operand.get("dtype") for call in calls for operand in call["inputs"][:3]} == {"BF16"}
    program = raddle.compile(module, inputs, mode="train", optimizer="sgd", lr=1.0, dtype="bf16")
    _, loss, ours = gradients(program, module, inputs)
    module.double()
    expected, _ = module(*(value.double() for value in inputs))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-2)
    for key, parameter in module.named_parameters():
        error = (ours[key].double() - parameter.grad).norm() / parameter.grad.norm()
        assert error < 2e-2, f"{key}: {error}"
