"""Complex numbers equal PyTorch's: inputs, results, parameters, buffers, gradients; operators that are not there are
named."""

import numpy
import torch
from batches import compare_gradients, compare_values
from complex_cases import COMPLEX, VALUES
from tools import assert_refused, run, succeed

import raddle


def cases(differentiable=False):
    chosen = {name: case for name, case in COMPLEX.items() if not (differentiable and case[-1] is False)}
    return {
        name: (function, [VALUES[operand].float() for operand in operands if isinstance(operand, str)])
        for name, (function, *operands) in chosen.items()
    }


def test_values():
    compare_values(cases())


def test_gradients():
    compare_gradients(cases(differentiable=True))


class Turned(torch.nn.Module):
    """A complex input, a complex parameter, a complex buffer and a complex constant."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.complex64)
        self.weight = torch.nn.Parameter(draw(5, 3))
        self.register_buffer("turns", draw(3))
        self.constant = draw(3, 2)

    def forward(self, x):
        return (x @ self.weight * self.turns + 0.5j) @ self.constant


class Loss(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Turned()

    def forward(self, x):
        return self.model(x).abs().square().mean()


def test_inference():
    module, x = Turned(), torch.randn(4, 5, dtype=torch.complex64)
    (result,) = raddle.compile(module, (x,))(x)
    assert result.dtype == torch.complex64
    torch.testing.assert_close(result, module(x))


def test_training():
    batches = [(torch.randn(4, 5, dtype=torch.complex64),) for _ in range(3)]
    program = raddle.compile(Loss(), batches[0], mode="train", ranks=2, optimizer="sgd", lr=1e-2)
    module = Loss()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-2)
    for batch in batches:
        optimizer.zero_grad()
        loss = module(*batch)
        loss.backward()
        optimizer.step()
        assert abs(program.step(*batch)["loss"] - loss.item()) <= 1e-4 * loss.item()
    state = program.state_dict()
    assert state["model.weight"].dtype == torch.complex64
    torch.testing.assert_close(state["model.weight"], module.state_dict()["model.weight"], rtol=1e-4, atol=1e-5)
    state = module.state_dict()
    program.load_state_dict(state)
    assert all(torch.equal(program.state_dict()[name], state[name]) for name in state)


def test_files(tmp_path):
    module, x = Turned(), torch.randn(4, 5, dtype=torch.complex64)
    raddle.export(module, (x,), tmp_path / "model.pt2")
    succeed("raddle-compile", tmp_path / "model.pt2", "--mode=infer", "--batch=4", "-o", tmp_path / "model.raddle")
    numpy.save(tmp_path / "x.npy", x.numpy())
    succeed("raddle-run", tmp_path / "model.raddle", "--input", f"x={tmp_path / 'x.npy'}", f"--output={tmp_path}")
    result = numpy.load(tmp_path / "output_0.npy")
    assert result.dtype == numpy.complex64
    numpy.testing.assert_allclose(result, module(x).detach().numpy(), rtol=1e-4, atol=1e-5)


class Unknown(torch.nn.Module):
    def forward(self, x):
        return torch.sqrt(x), torch.tan(x)


def test_unknown_operators_are_named(tmp_path):
    raddle.export(Unknown(), (torch.randn(2, 3, dtype=torch.complex64),), tmp_path / "model.pt2")
    refused = run("raddle-compile", tmp_path / "model.pt2", "--mode=infer", "-o", tmp_path / "model.raddle")
    assert_refused(refused, "aten.sqrt.default of complex numbers", "aten.tan.default of complex numbers")
