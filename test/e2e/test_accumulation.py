"""Products that add to what is in their result's memory: gradients of what several layers read, of weights that are used
several times, residual connections."""

import pytest
import torch
from bundles import read_bundle, variant_of
from models import Shared, TinyBert, bert_batches, shared_batches, tiny_llama, token_batches
from parity import assert_close, assert_same_state, train_pytorch
from tools import make_bundle, succeed
from torch import nn

import raddle

LAYERS = 2  # of the small models


class Residual(nn.Module):
    """x + f(x) W, twice: nothing needs x behind the sum in inference."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(16, 16, bias=False) for _ in range(3))

    def forward(self, x):
        x = self.first(x)
        x = x + self.second(torch.tanh(x))
        return torch.sigmoid(x + self.third(torch.relu(x)))


# Two layers of a transformer each sum three gradients of projections; a Llama's also those of gate and up. A BERT adds them to
# the gradient that goes past the layers.
TRAINED = {
    "llama": (tiny_llama, token_batches, LAYERS * 3),
    "llama-tied": (lambda: tiny_llama(tied=True), token_batches, LAYERS * 3),
    "bert": (TinyBert, bert_batches, LAYERS * 4),
    "shared": (Shared, shared_batches, 2),
    "shared-f64": (lambda: Shared(torch.float64), lambda: shared_batches(dtype=torch.float64), 2),
}


def accumulated_and_copied(path, entry):
    """Numbers of products that add to what is there, and of copies."""
    instructions = variant_of(read_bundle(path), entry)["instructions"]
    products = [each["action"] for each in instructions if each["action_type"] == "Gemm"]
    copies = [each for each in instructions if each["action_type"] == "Copy"]
    return sum(product.get("beta", 0.0) == 1.0 for product in products), len(copies)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("case", TRAINED)
def test_training_equals_pytorch(case, ranks, tmp_path):
    make, make_batches, expected = TRAINED[case]
    torch.manual_seed(0)
    module, batches = make(), make_batches()
    source, bundle = make_bundle(module, batches[0], tmp_path, "--optimizer=sgd", "--lr=0.05", ranks=ranks)
    assert accumulated_and_copied(bundle, "train_step") == (expected, 0)
    program = raddle.Program(bundle, weights=source)
    losses, norms = train_pytorch(module, batches, {"optimizer": "sgd", "lr": 0.05})
    metrics = [program.step(*batch) for batch in batches]
    assert_close([metric["loss"] for metric in metrics], losses)
    assert_close([metric["grad_norm"] for metric in metrics], norms, what="gradient norm")
    assert_same_state(program.state_dict(), module.state_dict())


def test_a_residual_connection_is_added_to(tmp_path):
    torch.manual_seed(0)
    module, x = Residual().eval(), torch.randn(5, 7, 16)
    source, bundle = make_bundle(module, (x,), tmp_path, mode="infer")
    assert accumulated_and_copied(bundle, "main") == (2, 0)
    with torch.no_grad():
        torch.testing.assert_close(raddle.Program(bundle, weights=source)(x)[0], module(x))


def test_bf16_sums_stay_as_precise_as_they_are(tmp_path):
    """Kernels add products of bf16 in f32 on their way; sums in bf16 memory would be rounded once more each."""
    torch.manual_seed(0)
    _, bundle = make_bundle(tiny_llama(), token_batches()[0], tmp_path, "--dtype=bf16")
    assert accumulated_and_copied(bundle, "train_step")[0] == 0


def test_gradients_of_weights_are_f32_and_add_up(tmp_path):
    """`test_bf16.py` trains it."""
    torch.manual_seed(0)
    _, bundle = make_bundle(Shared(), shared_batches()[0], tmp_path, "--dtype=bf16")
    assert accumulated_and_copied(bundle, "train_step") == (2, 0)


def test_a_gpu_adds_as_well(tmp_path):
    torch.manual_seed(0)
    source = tmp_path / "model.pt2"
    raddle.export(Shared(), shared_batches()[0], source)
    text = succeed("raddle-compile", source, "--mode=train", "--target=cuda:sm_90", "--gpu-kernels=nvvm",
                   "--stop-after=schedule").stdout
    assert text.count("accumulate") == 2
