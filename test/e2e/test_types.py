"""Models of several element types: parameters, inputs, results, training."""

import pytest
import torch
from models import Mixed
from parity import assert_close, train_pytorch
from torch import nn

import raddle


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("options", [{"optimizer": "sgd", "clip_norm": 0.1}, {"optimizer": "adamw"}], ids=str)
def test_training_of_several_types(options, ranks):
    torch.manual_seed(0)
    module, batches = Mixed(), [(torch.randn(6, 5),) for _ in range(3)]
    program = raddle.compile(module, batches[0], mode="train", ranks=ranks, lr=1e-2, **options)
    losses, norms = train_pytorch(module, batches, {"lr": 1e-2, **options})
    metrics = [program.step(*batch) for batch in batches]
    # bf16 rounds to three digits.
    assert_close([step["loss"] for step in metrics], losses, 1e-2)
    assert_close([step["grad_norm"] for step in metrics], norms, 1e-2, "norm")
    for name, value in module.state_dict().items():
        tolerance = 2e-2 if value.dtype == torch.bfloat16 else 5e-3
        gap = (program.state_dict()[name].double() - value.double()).abs().max()
        assert gap <= tolerance * value.double().abs().max(), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_whole_model_of_a_type(dtype):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 4), nn.Softmax(-1)).to(dtype)
    x = torch.randn(6, 8, dtype=dtype)
    (result,) = raddle.compile(module, (x,), ranks=2)(x)
    assert result.dtype == dtype
    tolerance = {torch.bfloat16: 2e-2, torch.float16: 3e-3, torch.float64: 1e-9}[dtype]
    torch.testing.assert_close(result, module(x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_training_of_a_whole_model_of_a_type_on_ranks(dtype):
    """Gradients of 16 bits are added over the ranks in f32 and rounded once."""
    torch.manual_seed(0)
    module = Scored(dtype)
    batches = [(torch.randn(8, 6, dtype=dtype), torch.randint(0, 4, (8,))) for _ in range(3)]
    program = raddle.compile(module, batches[0], mode="train", ranks=4, optimizer="sgd", lr=0.1)
    losses, _ = train_pytorch(module, batches, {"optimizer": "sgd", "lr": 0.1})
    tolerance = {torch.bfloat16: 2e-2, torch.float16: 3e-3}[dtype]
    assert_close([program.step(*batch)["loss"] for batch in batches], losses, tolerance)
    for name, value in module.state_dict().items():
        gap = (program.state_dict()[name].double() - value.double()).abs().max()
        assert gap <= tolerance * value.double().abs().max(), name


class Scored(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 4)).to(dtype)

    def forward(self, x, labels):
        return nn.functional.cross_entropy(self.layers(x), labels)


class Bytes(nn.Module):
    """Pictures as bytes, a table of bytes, a result of bytes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.arange(200, 206, dtype=torch.uint8))

    def forward(self, picture):
        return picture.float() / 255, picture + self.table, (picture > 127).sum()


def test_bytes():
    module, picture = Bytes(), torch.arange(24, dtype=torch.uint8).reshape(4, 6) * 10
    program = raddle.compile(module, (picture,))
    for found, expected in zip(program(picture), module(picture)):
        assert found.dtype == expected.dtype and torch.equal(found, expected)
    assert torch.equal(program.state_dict()["table"], module.table)


class Nothing(nn.Module):
    """Results without elements, and what is computed of none."""

    def forward(self, x):
        return x[:, 1:1] * 2, torch.cat([x[:, :0], x], 1), x[:, :0].sum(1), x[:, :, :0] @ x[:, :, :0].mT


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 0, 3)], ids=str)
def test_tensors_without_elements(shape):
    x = torch.randn(shape)
    for found, expected in zip(raddle.compile(Nothing(), (x,))(x), Nothing()(x), strict=True):
        assert torch.equal(found, expected)


class Logarithms(nn.Module):
    def forward(self, x):
        return torch.log(x), torch.log2(x), torch.log10(x)


def test_logarithms_of_subnormal_numbers():
    x = torch.tensor([1e-45, 1e-40, 1.1754942e-38, 1.1754944e-38, 1.0, 3e38])
    for found, expected in zip(raddle.compile(Logarithms(), (x,))(x), Logarithms()(x)):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
