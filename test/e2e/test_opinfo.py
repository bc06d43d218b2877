"""What `opinfo_sweep.py` has found to work works: operators on the samples of torch's own tests, against PyTorch.

Gradients are compared in f32 alone, which halves the time; the sweep compares them in f64 as well.
"""

import dataclasses
import json
import types

import opinfo
import opinfo_sweep
import pytest
import torch

TABLE = json.loads(opinfo_sweep.RESULTS.read_text())


def works(name):
    """(samples of f32, samples of other types) that the sweep found right; gradients count for f32 alone."""
    op = opinfo.OPERATORS[name]
    singles, others = [], []
    for part in TABLE[name].get("types", []):
        for dtype in (getattr(torch, dtype) for dtype in part["names"]):
            kinds = ("forward", "gradient", "refused") if dtype == torch.float32 else ("forward", "refused")
            wrong = {text for kind in kinds for texts in (part.get(kind) or {}).values() for text in texts}
            right = [sample for sample in opinfo.samples_of(op, dtype) if sample.text not in wrong]
            if dtype == torch.float32:
                singles += right
            else:
                others += [dataclasses.replace(sample, trained=[False] * len(sample.trained)) for sample in right]
    return singles, others


def is_worth_it(name):
    """Whether a third of the samples work, so that what is tested is the operator."""
    samples, forward, _ = opinfo_sweep.summary(TABLE[name])
    return samples > 0 and 3 * (samples - forward) >= samples


@pytest.mark.parametrize("name", [name for name in TABLE if is_worth_it(name)])
def test_operator(name):
    for samples in works(name):
        if samples:
            outcome = opinfo.try_samples(opinfo.OPERATORS[name], samples)
            assert not outcome.forward and not outcome.gradient


def test_a_wrong_operator_is_found():
    """One that is exported as another function than the one that PyTorch runs."""
    sine = opinfo.OPERATORS["sin"]
    wrong = types.SimpleNamespace(op=lambda x: x.cos() if torch.compiler.is_exporting() else x.sin())
    samples = [sample for sample in opinfo.samples_of(sine, torch.float32) if sample.tensors[0].numel() > 1]
    outcome = opinfo.try_samples(wrong, samples)
    assert outcome.forward.startswith("wrong value: result 0: ")
    assert outcome.gradient.startswith("wrong value: gradient 0: ")


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    "found, expected, is_near",
    [
        ([1.0, NAN], [1.0, NAN], True),
        ([1.0, 2.0], [1.0, NAN], False),
        ([NAN, 2.0], [1.0, 2.0], False),
        ([INFINITY, 1.0], [INFINITY, 1.0], True),
        ([INFINITY, 1.0], [-INFINITY, 1.0], False),
        ([3e38, 1.0], [INFINITY, 1.0], False),
        ([1.00001, 0.0], [1.0, 0.0], True),
        ([1.001, 0.0], [1.0, 0.0], False),
        ([1.0, 0.001], [1.0, 0.0], False),
        ([[1.0]], [1.0], False),
    ],
)
def test_difference(found, expected, is_near):
    assert (opinfo.difference(torch.tensor(found), torch.tensor(expected)) is None) == is_near


def test_difference_of_types():
    assert opinfo.difference(torch.tensor([1]), torch.tensor([1.0]))
    assert opinfo.difference(torch.tensor([1, 2]), torch.tensor([1, 3]))
    assert opinfo.difference(torch.tensor([True]), torch.tensor([True])) is None
