"""Products of 16-bit operands: one library call each, summed in f32 and rounded once, forward and backward."""

import pytest
import raddle
import torch
from batches import Function
from bundles import read_bundle, variant_of
from tools import make_bundle

# Bits of the significand, the leading one included.
SIGNIFICANT = {torch.bfloat16: 8, torch.float16: 11}


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


CASES = {
    "linear": (torch.nn.functional.linear, (33, 9, 40), (33, 40)),
    "transposed": (lambda x, y: torch.einsum("km,kn->mn", x, y), (450, 7), (450, 12)),
    "vector": (lambda x, y: x @ y, (5, 64), (64,)),
    "heads": (lambda q, k: torch.einsum("bshd,bthd->bhst", q, k), (2, 6, 3, 8), (2, 10, 3, 8)),
    "panels": (lambda x, y: x @ y, (400, 800), (800, 390)),
}


def check_rounded_once(actual, exact, magnitude):
    """`magnitude` is the product of absolute values: the error of a sum in f32, of 800 terms at most, is a part of
    it."""
    bound = exact.abs() * 2.0 ** -SIGNIFICANT[actual.dtype] + magnitude * 800 * 2.0**-24
    # Below the smallest normal number of f16, steps are of one size.
    bound += 2.0**-25 if actual.dtype == torch.float16 else 0
    error = (actual.double() - exact).abs()
    assert (error <= bound).all(), f"{(error - bound).max()} above the bound"


@pytest.mark.parametrize("dtype", SIGNIFICANT, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_products_are_rounded_once(name, dtype, tmp_path):
    function, *shapes = CASES[name]
    args = tuple(normal(*shape).to(dtype) for shape in shapes)
    _, path = make_bundle(Function(function), args, tmp_path, mode="infer")
    actions = [instruction["action_type"] for instruction in variant_of(read_bundle(path), "main")["instructions"]]
    assert set(actions) == {"Gemm"}
    (actual,) = raddle.compile(Function(function), args)(*args)
    assert actual.dtype == dtype
    wide = [arg.double() for arg in args]
    check_rounded_once(actual, function(*wide), function(*(arg.abs() for arg in wide)))


class Layer(torch.nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.weight = torch.nn.Parameter(normal(24, 32).to(dtype))

    def forward(self, x):
        return torch.nn.functional.linear(x, self.weight).float().square().sum()


@pytest.mark.parametrize("dtype", SIGNIFICANT, ids=str)
def test_gradient_of_a_weight_is_summed_in_single_precision(dtype, tmp_path):
    module, x = Layer(dtype), normal(200, 32).to(dtype) / 8
    _, path = make_bundle(module, (x,), tmp_path, "--optimizer=sgd")
    instructions = variant_of(read_bundle(path))["instructions"]
    products = [each["action"] for each in instructions if each["action_type"] == "Gemm"]
    assert [(product["m"], product["n"], product["k"]) for product in products] == [(200, 24, 32), (24, 32, 200)]
    program = raddle.compile(module, (x,), mode="train", optimizer="sgd", lr=2.0**-10)
    before = module.weight.detach().double()
    program.step(x)
    # The gradient of the output as it is rounded in the model, 2 y.
    out = (x.double() @ before.T).to(dtype).double()
    gradient, magnitude = 2 * out.T @ x.double(), 2 * out.T.abs() @ x.double().abs()
    after = program.state_dict()["weight"].double()
    step = before - 2.0**-10 * gradient
    bits = SIGNIFICANT[dtype]
    bound = (step.abs() + 2.0**-10 * (gradient.abs() + magnitude * 2.0 ** (3 - 24) * 200)) * 2.0 ** (1 - bits)
    assert ((after - step).abs() <= bound + 2.0**-20).all()
