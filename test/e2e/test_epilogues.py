"""What products compute of what follows them (bias, GELU, sums), done by the CPU's runtime as by a GPU's library."""

import pytest
import raddle
import torch
from bundles import read_bundle, variant_of
from parity import assert_same_state, train_pytorch
from test_fusion import FUSE, shard
from tools import succeed


class Layers(torch.nn.Module):
    """Linear layers with both forms of GELU, one that nothing reads but the next product, and a bias without
    activation."""

    def __init__(self, approximate):
        super().__init__()
        self.approximate = approximate
        self.first = torch.nn.Linear(12, 24)
        self.second = torch.nn.Linear(24, 16)
        self.third = torch.nn.Linear(16, 5)

    def forward(self, x):
        hidden = torch.nn.functional.gelu(self.first(x), approximate=self.approximate)
        hidden = torch.nn.functional.gelu(self.second(hidden), approximate=self.approximate)
        return self.third(hidden).square().mean()


def batches():
    generator = torch.Generator().manual_seed(3)
    return [(torch.randn(6, 7, 12, generator=generator),) for _ in range(4)]


def compile_with_epilogues(module, folder):
    """A bundle for the CPU whose products do what those for a GPU do."""
    sharded = shard(lambda: (module, batches()[0]), folder)
    fused = folder / "fused.mlir"
    succeed("raddle-opt", sharded, *FUSE[:-1], "--fuse-outline=epilogues=true", "--fuse-verify", "-o", fused)
    fused.write_text(fused.read_text().replace('nn.stage = "shard"', 'nn.stage = "fuse"'))
    path = folder / "fused.raddle"
    succeed("raddle-compile", fused, "--mode=train", "-o", path)
    return path


@pytest.mark.parametrize("approximate", ["tanh", "none"])
def test_training_equals_pytorch(approximate, tmp_path):
    torch.manual_seed(0)
    module = Layers(approximate)
    path = compile_with_epilogues(module, tmp_path)
    instructions = variant_of(read_bundle(path))["instructions"]
    products = [each["action"] for each in instructions if each["action_type"] == "Gemm"]
    activations = [product.get("activation", "None") for product in products]
    tanh = approximate == "tanh"
    assert sum("bias" in product for product in products) == 3
    # The form with erf is another function.
    assert activations.count("Gelu") == activations.count("GeluGradient") == (2 if tanh else 0)
    assert sum("sums" in product for product in products) == 3
    program = raddle.Program(path, weights=tmp_path / "model.pt2")
    losses, norms = train_pytorch(module, batches(), {})
    for batch, loss, norm in zip(batches(), losses, norms):
        metrics = program.step(*batch)
        assert metrics["loss"] == pytest.approx(loss, rel=1e-4)
        assert metrics["grad_norm"] == pytest.approx(norm, rel=1e-4)
    assert_same_state(program.state_dict(), module.state_dict())
