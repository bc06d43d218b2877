"""Elementwise operators of all element types equal PyTorch's, their gradients too, at corners and ties as well."""

import math
import subprocess

import pytest
import torch
from batches import compare_gradients, compare_values
from elementwise_cases import FLAT, SMOOTH, VALUES, WHOLE

import raddle
from raddle._native import tool


def cases_of(table, dtype, differentiable=False):
    """The table's functions with their operands; floating-point ones in `dtype`."""
    result = {}
    for name, (function, *operands) in table.items():
        if differentiable and operands[-1] is False:
            continue
        values = [VALUES[operand] for operand in operands if isinstance(operand, str)]
        values = [value.to(dtype) if value.is_floating_point() else value for value in values]
        try:
            function(*values)
        except NotImplementedError:  # PyTorch itself has some not in 16 bits
            assert dtype in (torch.bfloat16, torch.float16), name
            continue
        result[name] = (function, values)
    return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_values(dtype):
    compare_values(cases_of(SMOOTH | FLAT, dtype))


@pytest.mark.parametrize("dtype", [torch.float32], ids=str)
def test_gradients(dtype):
    compare_gradients(cases_of(SMOOTH, dtype, differentiable=True))


def test_whole_numbers():
    compare_values(cases_of(WHOLE, torch.float32))


@pytest.mark.parametrize("cpu", ["native", "x86-64-v2"])
def test_exponential_to_the_last_places(cpu, tmp_path):
    class Exponential(torch.nn.Module):
        def forward(self, x):
            return x.exp()

    corners = torch.tensor([0.0, -0.0, math.nan, math.inf, -math.inf, 3e38, -3e38, 88.7228, 88.7229, -87.0, 1e-30])
    x = torch.cat([corners, torch.linspace(-87, 89, 1 << 18), torch.linspace(-2, 2, 1 << 18)])
    raddle.export(Exponential(), (x,), tmp_path / "exp.pt2")
    subprocess.run(
        [tool("raddle-compile"), tmp_path / "exp.pt2", f"--cpu={cpu}", "-o", tmp_path / "exp.raddle"], check=True
    )
    (found,) = raddle.Program(tmp_path / "exp.raddle", weights=tmp_path / "exp.pt2")(x)
    exact = x.double().exp()
    expected = exact.float()
    assert torch.equal(found[~expected.isfinite()].nan_to_num(), expected[~expected.isfinite()].nan_to_num())
    # Below this the result is zero, while PyTorch's numbers lose their last places.
    normal = expected.isfinite() & (expected > 2.0**-125)
    unit = torch.nextafter(expected, torch.tensor(math.inf)).double() - expected.double()
    assert ((found.double() - exact).abs() / unit)[normal].max() < 2.5
    assert found[expected <= 2.0**-125].max() <= 2.0**-125
