"""Wrong arguments are refused with a message that names them; nothing crashes."""

import pytest
import torch
from models import Mlp, VOCABULARY, mlp_batches, tiny_llama, token_batches
from torch import nn

import raddle


@pytest.fixture(scope="module")
def mlp():
    return raddle.compile(Mlp(), mlp_batches(1)[0], mode="train", ranks=2)


@pytest.fixture(scope="module")
def llama():
    return raddle.compile(tiny_llama(), token_batches(1)[0], mode="train", ranks=2)


X, Y = torch.zeros(12, 13), torch.zeros(12, 7)


@pytest.mark.parametrize(
    "args, words",
    [
        ((X,), ["expected 2", "found 1"]),
        ((X, Y, Y), ["expected 2", "found 3"]),
        ((X, torch.zeros(12, 8)), ["'y'", "(12, 7)", "(12, 8)"]),
        ((X.double(), Y), ["'x'", "float32", "float64"]),
        ((X[:6], Y[:6]), ["'x'", "(12, 13)", "(6, 13)"]),
        ((X[:11], Y[:11]), ["11", "2 ranks"]),
        ((X, "text"), ["'y'", "str"]),
    ],
    ids=["too-few", "too-many", "shape", "dtype", "batch", "indivisible", "type"],
)
@pytest.mark.parametrize("entry", ["step", "eval"])
def test_arguments(mlp, entry, args, words):
    with pytest.raises(ValueError) as error:
        getattr(mlp, entry)(*args)
    for word in words:
        assert word in str(error.value)


def test_call_of_a_program_for_training(mlp):
    with pytest.raises(ValueError, match="train_step"):
        mlp(X, Y)


@pytest.mark.parametrize("token", [VOCABULARY, -1, 2**40])
def test_token_out_of_range(llama, token):
    ids, labels = (tensor.clone() for tensor in token_batches(1)[0])
    ids[7, 3] = token
    with pytest.raises((ValueError, RuntimeError), match=str(token)):
        llama.step(ids, labels)


def test_label_out_of_range(llama):
    ids, labels = (tensor.clone() for tensor in token_batches(1)[0])
    labels[2, 4] = VOCABULARY + 2
    with pytest.raises((ValueError, RuntimeError), match=str(VOCABULARY + 2)):
        llama.step(ids, labels)


class Labelled(nn.Module):
    def __init__(self, loss):
        super().__init__()
        self.layer, self.loss = nn.Linear(5, 4), loss

    def forward(self, x, labels):
        return self.loss(torch.log_softmax(self.layer(x), 1), labels)


@pytest.mark.parametrize(
    "loss, passes", [(nn.NLLLoss(ignore_index=-7), -7), (nn.MultiMarginLoss(), 3)], ids=["nll", "multi margin"]
)
def test_class_of_a_loss_out_of_range(loss, passes):
    x, labels = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, passes, 0])
    program = raddle.compile(Labelled(loss), (x, labels), mode="train", ranks=2)
    program.step(x, labels)
    for wrong in (4, -1):
        labels[4] = wrong
        with pytest.raises((ValueError, RuntimeError), match=str(wrong)):
            program.step(x, labels)


def test_program_goes_on_after_an_error():
    batch = token_batches(1)[0]
    program = raddle.compile(tiny_llama(), batch, mode="train", ranks=2)
    ids = batch[0].clone()
    ids[0, 0] = VOCABULARY
    before = program.eval(*batch)["loss"]
    with pytest.raises((ValueError, RuntimeError)):
        program.eval(ids, ids)
    assert program.eval(*batch)["loss"] == before


@pytest.mark.parametrize(
    "options, kind, words",
    [
        ({"mode": "serve"}, ValueError, ["mode", "serve"]),
        ({"optimizer": "adam3"}, ValueError, ["optimizer", "adam3"]),
        ({"optimizer": "muon"}, NotImplementedError, ["muon"]),
        ({"ranks": 0}, ValueError, ["ranks", "0"]),
        ({"ranks": 5}, ValueError, ["12", "5 ranks"]),
        ({"lr": -1.0}, ValueError, ["lr", "-1.0"]),
        ({"clip_norm": 0.0}, ValueError, ["clip_norm"]),
        ({"betas": (0.9, 1.0)}, ValueError, ["betas"]),
        ({"dtype": "f16", "reduce_dtype": "f64"}, ValueError, ["dtype", "'f16'", "'f64'"]),
        ({"target": "cuda:sm_80"}, NotImplementedError, ["target"]),
        ({"quant": "fp8-block"}, NotImplementedError, ["quant"]),
        ({"unheard_of": 1}, TypeError, ["unheard_of"]),
    ],
)
def test_options(options, kind, words):
    with pytest.raises(kind) as error:
        raddle.compile(Mlp(), (X, Y), **{"mode": "train", **options})
    for word in words:
        assert word in str(error.value)


def test_loss_that_is_no_scalar():
    with pytest.raises(raddle.CompileError) as error:
        raddle.compile(nn.Linear(13, 7), (X,), mode="train")
    assert "one element" in str(error.value) and "result 0" in str(error.value)


def test_loss_that_does_not_exist():
    with pytest.raises(raddle.CompileError) as error:
        raddle.compile(Mlp(), (X, Y), mode="train", loss=3)
    assert "expects result 3 to be the loss, the results are 0 to below 1" in str(error.value)


class Unknown(nn.Module):
    def forward(self, x):
        return torch.linalg.matrix_exp(x @ x.t()), torch.special.bessel_j0(x)


def test_unknown_operators_are_all_listed_with_their_lines():
    with pytest.raises(raddle.CompileError) as error:
        raddle.compile(Unknown(), (X,))
    text = str(error.value)
    assert "matrix_exp" in text and "bessel_j0" in text and "test_errors.py" in text


def test_file_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="nowhere.pt2"):
        raddle.compile("nowhere.pt2", (X,))
