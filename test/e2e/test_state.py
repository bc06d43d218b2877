"""Reading and setting the state of a program."""

import pytest
import torch
from models import Mlp, bert_batches, TinyBert, mlp_batches, tiny_llama, token_batches
from parity import assert_same_state, compare_training, train_pytorch

import raddle


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("make", [Mlp, tiny_llama], ids=["mlp", "llama"])
def test_state_is_the_module_s(make, ranks):
    module = make()
    batches = mlp_batches(1) if make is Mlp else token_batches(1)
    program = raddle.compile(module, batches[0], mode="train", ranks=ranks)
    assert_same_state(program.state_dict(), module.state_dict(), tolerance=0)
    assert_same_state(program.merged_state_dict(), module.state_dict(), tolerance=0)


def test_load_state_dict_takes_over():
    batches = token_batches(2)
    program = raddle.compile(tiny_llama(), batches[0], mode="train", ranks=3)
    other = tiny_llama()
    program.load_state_dict(other.state_dict())
    assert_same_state(program.state_dict(), other.state_dict(), tolerance=0)
    expected, _ = train_pytorch(other, batches, {})
    assert program.step(*batches[0])["loss"] == pytest.approx(expected[0], rel=1e-4)
    other.load_state_dict({name: tensor.clone() for name, tensor in program.state_dict().items()})


def test_tied_names_are_loaded_as_one():
    batch = token_batches(1)[0]
    program = raddle.compile(tiny_llama(tied=True), batch, mode="train", ranks=2)
    other = tiny_llama(tied=True)
    program.load_state_dict(other.state_dict())
    assert_same_state(program.state_dict(), other.state_dict(), tolerance=0)
    assert program.eval(*batch)["loss"] == pytest.approx(other(*batch).item(), rel=1e-4)


def test_state_dict_is_a_copy():
    batch = mlp_batches(1)[0]
    program = raddle.compile(Mlp(), batch, mode="train")
    state = program.state_dict()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    program.step(*batch, lr=0.1)
    assert_same_state(state, kept, tolerance=0)


def test_module_is_not_changed():
    module = tiny_llama()
    module.train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    batch = token_batches(1)[0]
    raddle.compile(module, batch, mode="train").step(*batch)
    assert_same_state(module.state_dict(), before, tolerance=0)
    assert module.training


@pytest.mark.parametrize("ranks", [1, 4])
def test_eval_equals_pytorch_and_changes_nothing(ranks):
    module, batches = TinyBert(), bert_batches(3)
    program = raddle.compile(module, batches[0], mode="train", ranks=ranks)
    for batch in batches:
        assert program.eval(*batch)["loss"] == pytest.approx(module(*batch).item(), rel=1e-4)
    assert_same_state(program.state_dict(), module.state_dict(), tolerance=0)


def test_keys_and_shapes_that_do_not_fit_are_all_named():
    program = raddle.compile(Mlp(), mlp_batches(1)[0], mode="train")
    state = dict(program.state_dict())
    del state["hidden.bias"]
    state["surplus"] = torch.zeros(1)
    state["output.weight"] = torch.zeros(2, 2)
    with pytest.raises(ValueError) as error:
        program.load_state_dict(state)
    for name in ("hidden.bias", "surplus", "output.weight"):
        assert name in str(error.value)


def test_statistics_after_a_step():
    batch = mlp_batches(1)[0]
    program = raddle.compile(Mlp(), batch, mode="train", ranks=2)
    program.step(*batch)["loss"]
    statistics = program.statistics()
    parameters = sum(tensor.numel() for tensor in program.state_dict().values())
    floats = 4
    # A rank has its half of the parameters and of two moments.
    assert statistics["state_bytes"] >= 3 * floats * parameters // 2
    assert statistics["bytes_communicated"] > 0
    # Those of a device: a CPU has none, and makes no graph.
    phases = ("launch", "check", "stage", "submit", "collect", "wait", "deliver")
    assert [statistics[f"{phase}_seconds"] for phase in phases] == [0] * len(phases)
    assert statistics["graphs"] == []
