"""What torch-mlir makes of a module infers and trains as the module does in PyTorch."""

import copy

import pytest
import torch
from models import TOKENS, VOCABULARY, TinyBert, bert_batches
from parity import assert_close, assert_same_state, train_pytorch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

import raddle

STEPS = 3


class TinyGpt2(GPT2LMHeadModel):
    def __init__(self):
        config = GPT2Config(
            vocab_size=VOCABULARY, n_positions=16, n_embd=24, n_layer=2, n_head=3, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, bos_token_id=0, eos_token_id=0, attn_implementation="eager",
        )
        super().__init__(config)

    def forward(self, ids, labels):
        # Without a mask transformers looks for packed sequences by a cumulative sum, which torch-mlir makes a
        # 'tm_tensor' op.
        mask = torch.ones_like(ids)
        return super().forward(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss


class TinyResNet(nn.Module):
    """Convolutions with padding, strides and groups, batch norm, a residual sum, both kinds of pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.inner = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.classify = nn.Linear(8, 5)

    def forward(self, x, labels):
        h = nn.functional.max_pool2d(torch.relu(self.norm(self.stem(x))), 3, stride=2, padding=1)
        h = nn.functional.avg_pool2d(h + torch.relu(self.inner(h)), 2)
        return nn.functional.cross_entropy(self.classify(h.mean(dim=(2, 3))), labels)


def text_batches():
    """Without token 0: its embedding has no gradient in PyTorch (padding_idx), which torch-mlir's text does not say."""
    return [(ids.clamp(min=1), mask, labels) for ids, mask, labels in bert_batches(STEPS)]


def token_batches():
    ids = [torch.randint(0, VOCABULARY, (4, TOKENS)) for _ in range(STEPS)]
    return [(tokens, tokens) for tokens in ids]


def image_batches():
    return [(torch.randn(4, 3, 15, 13), torch.randint(0, 5, (4,))) for _ in range(STEPS)]


MODELS = {
    "bert": (TinyBert, text_batches),
    "gpt2": (TinyGpt2, token_batches),
    "resnet": (TinyResNet, image_batches),
}


@pytest.fixture(scope="module", params=MODELS)
def lowered(request, tmp_path_factory):
    """The module, batches and the file of torch-mlir."""
    torch.manual_seed(0)
    make, batches = MODELS[request.param]
    module, batches = make().eval(), batches()
    path = tmp_path_factory.mktemp("torch-mlir") / f"{request.param}.mlir"
    raddle.export_linalg(module, batches[0], path)
    return module, batches, path


def test_inference(lowered):
    module, batches, path = lowered
    program = raddle.compile(path, batches[0])
    for batch in batches:
        (found,) = program(*batch)
        torch.testing.assert_close(found, module(*batch).detach(), rtol=1e-4, atol=1e-5)


def test_training(lowered):
    module, batches, path = lowered
    names = [name for name, _ in module.named_parameters()]
    options = {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}
    program = raddle.compile(path, batches[0], mode="train", param_constants=names, **options)
    twin = copy.deepcopy(module)
    losses, norms = train_pytorch(twin, batches, options)
    metrics = [program.step(*batch) for batch in batches]
    assert_close([metric["loss"] for metric in metrics], losses)
    assert_close([metric["grad_norm"] for metric in metrics], norms, what="gradient norm")
    assert_same_state(program.state_dict(), dict(twin.named_parameters()))
