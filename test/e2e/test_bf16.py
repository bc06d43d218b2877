"""dtype="bf16": as near to f64 as PyTorch's autocast is, on any number of ranks."""

import copy

import pytest
import torch
from models import VOCABULARY, Shared, TinyBert, bert_batches, shared_batches, tiny_llama, token_batches
from parity import train_pytorch
from torch import nn
from transformers import AutoModelForCausalLM, MixtralConfig, ResNetConfig, ResNetModel, ViTConfig, ViTModel

import raddle

# Of the error of PyTorch's autocast: what is rounded where differs, and errors are random.
MARGIN = 1.5
# Errors below it are those of few roundings, whose sum is a matter of chance.
CHANCE = 1e-3
# Sums over ranks differ in the last digit of f32: the first step shows no more. Later that tips a rounding here and
# there, and momentum makes more of it, up to the error that bf16 has anyway. Gradients that are reduced in bf16 are
# rounded once more.
FIRST_STEP = 1e-5
BETWEEN_RANKS = 1e-2
STEPS = 6
OPTIONS = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9}


class Classifier(nn.Module):
    """A backbone of pictures, and the cross-entropy of its classes."""

    def __init__(self, backbone, width, classes=5):
        super().__init__()
        self.backbone, self.classify = backbone, nn.Linear(width, classes)

    def forward(self, pictures, labels):
        return nn.functional.cross_entropy(self.classify(self.backbone(pictures).pooler_output.flatten(1)), labels)


def vision_transformer():
    config = ViTConfig(
        hidden_size=36, num_hidden_layers=2, num_attention_heads=3, intermediate_size=70, image_size=16, patch_size=4,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )
    return Classifier(ViTModel(config), 36)


def residual_network():
    config = ResNetConfig(embedding_size=8, hidden_sizes=[16, 24], depths=[1, 2], layer_type="basic")
    return Classifier(ResNetModel(config), 24)


class Mixture(nn.Module):
    """A transformer whose experts multiply the rows that a router sends them, as one product of groups of rows."""

    def __init__(self):
        super().__init__()
        config = MixtralConfig(
            vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, max_position_embeddings=16,
        )
        self.model = AutoModelForCausalLM.from_config(config)

    def forward(self, input_ids, labels):
        return self.model(input_ids=input_ids, labels=labels, use_cache=False).loss


def picture_batches(steps=STEPS, batch=12):
    return [(torch.randn(batch, 3, 16, 16), torch.randint(0, 5, (batch,))) for _ in range(steps)]


MODELS = {
    "llama": (tiny_llama, token_batches),
    "llama-tied": (lambda: tiny_llama(tied=True), token_batches),
    "bert": (TinyBert, bert_batches),
    "vit": (vision_transformer, picture_batches),
    "resnet": (residual_network, picture_batches),
    "mixture": (Mixture, token_batches),
    "shared": (Shared, shared_batches),
}


class Autocast(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.module(*args)


def to_double(batches):
    return [tuple(x.double() if x.is_floating_point() else x for x in batch) for batch in batches]


def gap(found, expected):
    """Distance of two lists of numbers, relative to the second."""
    found, expected = torch.tensor(found, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64)
    return ((found - expected).norm() / expected.norm()).item()


def state_gap(found, expected, first):
    """Distance of two states, relative to what training changed."""
    names = [name for name, value in expected.items() if value.is_floating_point()]
    moved = sum((expected[name] - first[name].double()).norm() ** 2 for name in names)
    return (sum((found[name].double() - expected[name]).norm() ** 2 for name in names) / moved).sqrt().item()


@pytest.fixture(params=MODELS)
def case(request):
    torch.manual_seed(0)
    make, batches = MODELS[request.param]
    return make(), batches(STEPS)


def in_double(module):
    """A copy that computes in f64; products of groups of rows, which PyTorch lacks there, one group after the other."""
    twin = copy.deepcopy(module).double()
    if isinstance(module, Mixture):
        twin.model.set_experts_implementation("eager")
    return twin


def train_raddle(module, batches, **options):
    """Losses, norms, the state behind the last step, and statistics."""
    program = raddle.compile(module, batches[0], mode="train", dtype="bf16", opt_level=0, **OPTIONS, **options)
    metrics = [program.step(*batch) for batch in batches]
    losses, norms = ([step[name] for step in metrics] for name in ("loss", "grad_norm"))
    return losses, norms, program.state_dict(), program.statistics()


def test_training_is_as_near_as_autocast(case):
    module, batches = case
    first = copy.deepcopy(module.state_dict())
    losses, norms, state, _ = train_raddle(module, batches)
    exact, cast = in_double(module), copy.deepcopy(module)
    exact_losses, exact_norms = train_pytorch(exact, to_double(batches), OPTIONS)
    cast_losses, cast_norms = train_pytorch(Autocast(cast), batches, OPTIONS)
    errors = {
        "loss": (gap(losses, exact_losses), gap(cast_losses, exact_losses)),
        "norm": (gap(norms, exact_norms), gap(cast_norms, exact_norms)),
        "state": tuple(state_gap(values, exact.state_dict(), first) for values in (state, cast.state_dict())),
    }
    for what, (found, allowed) in errors.items():
        assert found <= MARGIN * max(allowed, CHANCE), f"{what}: {found}, autocast {allowed}"
    # It is not f32 that was computed.
    assert errors["state"][0] > CHANCE


@pytest.mark.parametrize("name", ["llama-tied", "mixture"])
def test_ranks_equal_one(name):
    torch.manual_seed(0)
    make, draw = MODELS[name]
    module, batches = make(), draw(STEPS)
    first = {key: value.double() for key, value in copy.deepcopy(module.state_dict()).items()}
    losses, norms, state, _ = train_raddle(module, batches)
    state = {key: value.double() for key, value in state.items()}

    def compare(**options):
        found_losses, found_norms, found_state, statistics = train_raddle(module, batches, **options)
        assert gap(found_losses[:1], losses[:1]) <= FIRST_STEP
        if "reduce_dtype" not in options:
            assert gap(found_norms[:1], norms[:1]) <= FIRST_STEP
        assert gap(found_losses, losses) <= CHANCE and gap(found_norms, norms) <= CHANCE
        assert state_gap(found_state, state, first) <= BETWEEN_RANKS
        return statistics["bytes_communicated"]

    compare(ranks=4)
    wide = compare(ranks=2)
    narrow = compare(ranks=2, reduce_dtype="bf16")
    # All that is left in f32 are norms and, of the step, loss and gradient's norm; of two layers one may be gathered
    # again, where that takes less memory.
    whole = raddle.compile(module, batches[0], mode="train", ranks=2, opt_level=0, **OPTIONS)
    for batch in batches:
        whole.step(*batch)
    single = whole.statistics()["bytes_communicated"]
    assert narrow <= 0.65 * single and wide <= 0.9 * single


def test_inference_is_as_near_as_autocast():
    torch.manual_seed(0)
    module = vision_transformer().backbone.eval()
    pictures = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        exact = copy.deepcopy(module).double()(pictures.double())
        cast = Autocast(module)(pictures)
    found = raddle.compile(module, (pictures,), dtype="bf16", ranks=2)(pictures)
    for ours, theirs, expected in zip(found, cast.values(), exact.values(), strict=True):
        assert ours.dtype == torch.float32
        error, allowed = (((value.double() - expected).norm() / expected.norm()).item() for value in (ours, theirs))
        assert 0 < error <= MARGIN * allowed


class Angles(nn.Module):
    """What would lose its digits: positions as a product of one number each, and a Fourier transform."""

    def forward(self, positions, frequencies, signal):
        return positions[:, None] @ frequencies[None, :], torch.fft.rfft(signal).abs()


def test_exact_products_stay_exact():
    torch.manual_seed(0)
    args = torch.arange(1000.0, 1008.0), torch.rand(8), torch.randn(8, 16)
    for found, expected in zip(raddle.compile(Angles(), args, dtype="bf16")(*args), Angles()(*args), strict=True):
        torch.testing.assert_close(found, expected)


def test_state_goes_between_types():
    """Masters are f32: what a program of one type trained, one of the other takes without a loss."""
    torch.manual_seed(0)
    module, batches = tiny_llama(), token_batches(2)
    narrow = raddle.compile(module, batches[0], mode="train", dtype="bf16", opt_level=0, **OPTIONS)
    wide = raddle.compile(module, batches[0], mode="train", ranks=2, opt_level=0, **OPTIONS)
    for batch in batches:
        narrow.step(*batch)
    state = narrow.state_dict()
    assert all(value.dtype == torch.float32 for value in state.values())
    wide.load_state_dict(state)
    for name, value in wide.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert any(not torch.equal(value, value.bfloat16().float()) for value in state.values())


def test_curve_of_fifty_steps():
    """AdamW learns eight batches by heart; the curve stays as near to that of f64 as autocast's."""
    torch.manual_seed(0)
    module, batches = tiny_llama(), token_batches(8)
    batches = [batches[step % 8] for step in range(50)]
    options = {"optimizer": "adamw", "lr": 3e-3, "clip_norm": 1.0}
    program = raddle.compile(module, batches[0], mode="train", dtype="bf16", **options)
    curve = [program.step(*batch)["loss"] for batch in batches]
    exact, _ = train_pytorch(in_double(module), batches, options)
    cast, _ = train_pytorch(Autocast(copy.deepcopy(module)), batches, options)
    assert curve[-1] < 0.85 * curve[0]
    assert gap(curve, exact) <= MARGIN * max(gap(cast, exact), CHANCE)
