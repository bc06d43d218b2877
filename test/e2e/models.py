"""Small models of sizes that no number of ranks divides, and batches for them."""

import importlib.util
import pathlib

import torch
from torch import nn
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

# Divides by every number of ranks that is tested.
BATCH = 12
STEPS = 8
VOCABULARY = 51
TOKENS = 9


class Mlp(nn.Module):
    """Mean squared error of a network of two layers."""

    def __init__(self, inputs=13, hidden=33, outputs=7):
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, x, y):
        return nn.functional.mse_loss(self.output(torch.relu(self.hidden(x))), y)


def mlp_batches(steps=STEPS, batch=BATCH, inputs=13, outputs=7):
    return [(torch.randn(batch, inputs), torch.randn(batch, outputs)) for _ in range(steps)]


class Mixed(nn.Module):
    """Layers of three types in one loss."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, 4)
        self.second = nn.Linear(4, 3, dtype=torch.float64)
        self.third = nn.Linear(3, 2, dtype=torch.bfloat16)

    def forward(self, x):
        hidden = self.second(torch.tanh(self.first(x)).double())
        return self.third(hidden.to(torch.bfloat16)).float().square().mean() + hidden.square().mean().float()


class TinyLlamaForCausalLM(LlamaForCausalLM):
    def forward(self, input_ids, labels):
        return super().forward(input_ids=input_ids, labels=labels, use_cache=False).loss


def tiny_llama(tied=False):
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=33, intermediate_size=45, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=1, head_dim=10, max_position_embeddings=16, tie_word_embeddings=tied,
    )
    return TinyLlamaForCausalLM(config)


def token_batches(steps=STEPS, batch=BATCH):
    ids = [torch.randint(0, VOCABULARY, (batch, TOKENS)) for _ in range(steps)]
    return [(tokens, tokens) for tokens in ids]


class TinyBert(nn.Module):
    """Classifies sequences with padding; the loss is the cross-entropy of five classes."""

    CLASSES = 5

    def __init__(self):
        super().__init__()
        config = BertConfig(
            vocab_size=VOCABULARY, hidden_size=33, intermediate_size=47, num_hidden_layers=2, num_attention_heads=3,
            max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )
        self.bert = BertModel(config, add_pooling_layer=False)
        self.classify = nn.Linear(33, self.CLASSES)

    def forward(self, input_ids, attention_mask, labels):
        vectors = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return nn.functional.cross_entropy(self.classify(vectors[:, 0]), labels)


def bert_batches(steps=STEPS, batch=BATCH):
    lengths = torch.arange(batch) % TOKENS + 1
    mask = (torch.arange(TOKENS) < lengths[:, None]).long()
    draw = lambda: (torch.randint(0, VOCABULARY, (batch, TOKENS)), mask, torch.randint(0, TinyBert.CLASSES, (batch,)))
    return [draw() for _ in range(steps)]


def demo_models():
    """examples/models.py, whose name is that of this file."""
    path = pathlib.Path(__file__).resolve().parents[2] / "examples" / "models.py"
    spec = importlib.util.spec_from_file_location("demo_models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Shared(nn.Module):
    """One layer three times, whose gradient is a sum of three products, beside one that shares its bucket."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.layer = nn.Linear(13, 13, bias=False, dtype=dtype)
        self.last = nn.Linear(13, 7, dtype=dtype)

    def forward(self, x, y):
        for _ in range(3):
            x = torch.tanh(self.layer(x))
        return nn.functional.mse_loss(self.last(x), y)


def shared_batches(steps=4, dtype=torch.float32):
    return [(torch.randn(12, 13, dtype=dtype), torch.randn(12, 7, dtype=dtype)) for _ in range(steps)]
