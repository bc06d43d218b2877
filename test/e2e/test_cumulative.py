"""Running sums, products, extrema and trapezoids equal PyTorch's, forward and backward."""

import pytest
import torch
from torch import nn

import raddle

X = torch.randn(4, 3, 7, 5)
SOME_ZEROS = torch.where(torch.rand(4, 3, 7, 5) < 0.2, 0.0, X)
ONE_ZERO = X.clone()
ONE_ZERO[:, 1, 3] = 0
TIES = torch.randint(-3, 4, (4, 3, 7, 5)).float()
WITH_NAN = TIES.clone()
WITH_NAN[1, 2, 4, 2] = float("nan")
LOW = torch.where(torch.rand(4, 3, 7, 5) < 0.3, float("-inf"), 100 * X)

FUNCTIONS = {
    "cumsum": (torch.cumsum, [X]),
    "cumprod": (torch.cumprod, [X, SOME_ZEROS, ONE_ZERO]),
    "cummax": (lambda x, dim: torch.cummax(x, dim).values, [X, TIES]),
    "cummin": (lambda x, dim: torch.cummin(x, dim).values, [X, TIES]),
    "logcumsumexp": (torch.logcumsumexp, [X, 100 * X]),
    "diff": (lambda x, dim: torch.diff(x, dim=dim), [X]),
    "trapezoid": (lambda x, dim: torch.trapezoid(x, dx=0.5, dim=dim), [X]),
    "trapezoid_at": (lambda x, dim: torch.trapezoid(x, x * x, dim=dim), [X]),
    "cumulative_trapezoid": (lambda x, dim: torch.cumulative_trapezoid(x, dim=dim), [X]),
    "cumulative_trapezoid_at": (lambda x, dim: torch.cumulative_trapezoid(x, x.exp(), dim=dim), [X]),
}


class Function(nn.Module):
    """A loss of a function along every dimension, of parameters."""

    def __init__(self, function, values, weights):
        super().__init__()
        self.function = function
        self.values = nn.ParameterList(nn.Parameter(value) for value in values)
        self.weights = weights

    def forward(self, scale):
        total = 0.0
        for value in self.values:
            for dim in range(-1, value.dim() - 1):
                result = self.function(value, dim)
                weight = self.weights[: result.numel()].view(result.shape)
                total = total + (weight * result).sum()
        return total * scale.mean()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_gradient(name):
    function, values = FUNCTIONS[name]
    module = Function(function, [value.clone() for value in values], torch.randn(X.numel()))
    program = raddle.compile(module, (torch.ones(2),), mode="train", optimizer="sgd", lr=1.0)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    metrics = program.step(torch.ones(2))
    loss = module(torch.ones(2))
    loss.backward()
    torch.testing.assert_close(torch.tensor(metrics["loss"]), loss.detach(), rtol=1e-4, atol=1e-3)
    after = program.state_dict()
    for key, parameter in module.named_parameters():
        gradient = before[key] - after[key]
        limit = 1e-5 * max(parameter.grad.abs().max().item(), before[key].abs().max().item())
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=limit)


class Everything(nn.Module):
    def forward(self, x, mask, numbers, bad, low):
        results = [low.logcumsumexp(2), bad.cummax(2).values, x[:, 0, 0, 0].cumsum(0), x.to(torch.float64).cumprod(1)]
        for tensor in (mask, numbers, numbers.to(torch.int32)):
            for dim in (1, 2, -1):
                results += [tensor.cumsum(dim), tensor.cumprod(dim), *tensor.cummax(dim), *tensor.cummin(dim)]
        for dim in (0, 2, 3):
            results += [*bad.cummin(dim), bad.cummax(dim).indices, x.cumsum(dim, dtype=torch.float64)]
            results += [x.to(torch.bfloat16).cumsum(dim), x.to(torch.float16).cumprod(dim)]
        results += [x.sum().cumsum(0), *x.sum().cummax(0), x.cumsum(1)[:, :1].logcumsumexp(1)]
        return tuple(results)


def test_types_and_corners():
    args = (X, TIES > 0, TIES.long(), WITH_NAN, LOW)
    expected = Everything()(*args)
    results = raddle.compile(Everything(), args)(*args)
    assert len(results) == len(expected)
    for index, (ours, theirs) in enumerate(zip(results, expected)):
        assert ours.dtype == theirs.dtype
        half = theirs.dtype in (torch.bfloat16, torch.float16)
        tolerance = dict(rtol=1e-2, atol=1e-2) if half else dict(rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours, theirs, equal_nan=True, **tolerance, msg=lambda text: f"result {index}: {text}")


class Long(nn.Module):
    def forward(self, x):
        return x.cumsum(1), x.cumsum(0), x.cummax(1).indices


def test_long_rows():
    """A sum of a million numbers keeps its digits, and takes no time that grows with the square."""
    x = torch.rand(2, 1 << 19)
    rows, columns, places = raddle.compile(Long(), (x,))(x)
    torch.testing.assert_close(rows, x.double().cumsum(1).float(), rtol=1e-6, atol=0)
    torch.testing.assert_close(columns, x.cumsum(0))
    assert torch.equal(places, x.cummax(1).indices)
