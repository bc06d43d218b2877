"""Parameters that are frozen, tied, unused or without a value, and buffers."""

import pytest
import torch
from models import Mlp, mlp_batches, tiny_llama, token_batches
from parity import assert_same_state, compare_training
from torch import nn

import raddle


@pytest.mark.parametrize("ranks", [1, 3])
def test_frozen_parameters_stay(ranks):
    module = Mlp()
    module.hidden.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in module.hidden.state_dict().items()}
    program = compare_training(module, mlp_batches(), ranks=ranks, weight_decay=0.1, lr=1e-2)
    for name, tensor in before.items():
        assert torch.equal(program.state_dict()[f"hidden.{name}"], tensor)


@pytest.mark.parametrize("ranks", [1, 4])
def test_tied_weights_stay_equal(ranks):
    program = compare_training(tiny_llama(tied=True), token_batches(), ranks=ranks)
    state = program.state_dict()
    assert torch.equal(state["lm_head.weight"], state["model.embed_tokens.weight"])


class Scaled(Mlp):
    """With a buffer that the loss depends on, one that is not saved, and a parameter that nothing uses."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.rand(13) + 0.5)
        self.register_buffer("shift", torch.rand(13), persistent=False)
        self.unused = nn.Parameter(torch.randn(5, 3))

    def forward(self, x, y):
        return super().forward(x * self.scale + self.shift, y)


@pytest.mark.parametrize("ranks", [1, 2])
def test_buffers_and_unused_parameters(ranks):
    module = Scaled()
    program = compare_training(module, mlp_batches(), ranks=ranks, lr=1e-2)
    state = program.state_dict()
    assert torch.equal(state["scale"], module.scale)
    assert torch.equal(state["unused"], module.unused)
    assert "shift" not in state


class SharedTwice(nn.Module):
    """One weight used in two layers: its gradients add."""

    def __init__(self):
        super().__init__()
        self.square = nn.Linear(13, 13, bias=False)
        self.output = nn.Linear(13, 7)

    def forward(self, x, y):
        return nn.functional.mse_loss(self.output(torch.tanh(self.square(torch.tanh(self.square(x))))), y)


@pytest.mark.parametrize("ranks", [1, 2])
def test_weight_used_twice(ranks):
    compare_training(SharedTwice(), mlp_batches(), ranks=ranks, lr=1e-2)


def meta_mlp():
    with torch.device("meta"):
        return Mlp()


def meta_program(ranks, seed):
    args = (torch.empty(12, 13, device="meta"), torch.empty(12, 7, device="meta"))
    return raddle.compile(meta_mlp(), args, mode="train", ranks=ranks, seed=seed)


def test_initial_values_without_weights_do_not_depend_on_ranks():
    state = meta_program(1, seed=7).state_dict()
    for ranks in (2, 3):
        assert_same_state(meta_program(ranks, seed=7).state_dict(), state, tolerance=0)
    weight = state["hidden.weight"]
    assert weight.std() > 0 and weight.mean().abs() < weight.std()
    assert not torch.equal(meta_program(1, seed=8).state_dict()["hidden.weight"], weight)


def test_program_without_weights_trains():
    program = meta_program(2, seed=0)
    batches = mlp_batches(steps=1) * 20
    losses = [program.step(*batch, lr=1e-2)["loss"] for batch in batches]
    assert losses[-1] < losses[0]
