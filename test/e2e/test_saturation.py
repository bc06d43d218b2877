"""Gradients where functions are flat, steep or not defined: finite and PyTorch's own."""

import pytest
import raddle
import torch
import torch.nn.functional as F

FAR = [-100.0, -30.0, -1.0, 0.0, 1.0, 30.0, 100.0]

CASES = {
    "sigmoid": (FAR, torch.sigmoid),
    "silu": (FAR, F.silu),
    "softplus": (FAR, F.softplus),
    "softplus with beta": (FAR, lambda x: F.softplus(x, beta=2.0, threshold=10.0)),
    "mish": (FAR, F.mish),
    "elu": (FAR, F.elu),
    "logsigmoid": (FAR, F.logsigmoid),
    "gelu": (FAR, F.gelu),
    "norm of zeros": ([0.0, 0.0, 0.0], lambda x: torch.linalg.vector_norm(x)),
    "deviation of a constant": ([2.0, 2.0, 2.0], lambda x: x.std()),
    "sine of large angles": ([1e3, 1e4, 1e5], torch.sin),
    "maximum of equals": ([1.0, 1.0, 0.5], lambda x: x.amax()),
    "first of equals": ([1.0, 1.0, 0.5], lambda x: x.max(0).values),
}


class Weighted(torch.nn.Module):
    """A parameter through a function; the batch's one input keeps the graph from being constant."""

    def __init__(self, values, function):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(values))
        self.function = function

    def forward(self, x):
        return (self.function(self.w).sum() * x).mean()


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_torchs(name):
    values, function = CASES[name]
    module = Weighted(values, function)
    batch = torch.ones(2)
    program = raddle.compile(module, (batch,), mode="train", optimizer="sgd", lr=0.5)
    loss = program.step(batch)["loss"]
    expected = module(batch)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)
    torch.testing.assert_close(
        program.state_dict()["w"], module.w.detach() - 0.5 * module.w.grad, rtol=1e-5, atol=1e-5
    )


def test_angles_are_the_c_librarys():
    angles = torch.tensor([1e2, 1e3, 1e4, 1e5])

    class Angles(torch.nn.Module):
        def forward(self, x):
            return x.sin(), x.cos()

    sine, cosine = raddle.compile(Angles(), (angles,))(angles)
    torch.testing.assert_close(sine, angles.sin())
    torch.testing.assert_close(cosine, angles.cos())
