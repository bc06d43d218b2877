"""Elementwise operators of all element types equal PyTorch's, their gradients too, at corners and ties as well."""

import pytest
import torch
from batches import compare_gradients, compare_values
from elementwise_cases import FLAT, SMOOTH, VALUES, WHOLE


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
