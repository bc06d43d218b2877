"""Training equals PyTorch's on the whole batch, on any number of ranks."""

import pytest
from models import Mlp, TinyBert, bert_batches, mlp_batches, tiny_llama, token_batches
from parity import compare_training

ALL_RANKS = [1, 2, 3, 4, 6]


@pytest.mark.parametrize("ranks", ALL_RANKS)
def test_mlp_with_adamw(ranks):
    compare_training(Mlp(), mlp_batches(), ranks=ranks, weight_decay=0.1, lr=1e-2)


@pytest.mark.parametrize("ranks", ALL_RANKS)
def test_llama_with_adamw_and_clipping(ranks):
    compare_training(tiny_llama(), token_batches(), ranks=ranks, weight_decay=0.01, clip_norm=0.5)


@pytest.mark.parametrize("ranks", [1, 4])
def test_bert_with_adamw(ranks):
    # The bias of keys has a gradient of rounding errors alone; a larger eps keeps AdamW from following them.
    compare_training(TinyBert(), bert_batches(), ranks=ranks, eps=1e-4)


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "clip_norm": 0.1},
    ],
    ids=["plain", "momentum", "momentum-decay-clip"],
)
def test_mlp_with_sgd(ranks, options):
    compare_training(Mlp(), mlp_batches(), ranks=ranks, optimizer="sgd", **options)


def test_betas_and_eps():
    compare_training(Mlp(), mlp_batches(), betas=(0.7, 0.9), eps=1e-3, lr=1e-2)


def test_clipping_that_never_applies():
    compare_training(Mlp(), mlp_batches(), ranks=2, clip_norm=1e6)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_rate_of_each_step(optimizer):
    compare_training(Mlp(), mlp_batches(), ranks=2, optimizer=optimizer, rates=[i * 1e-2 for i in range(8)])


def test_more_ranks_than_rows():
    compare_training(Mlp(inputs=3, hidden=5, outputs=1), mlp_batches(inputs=3, outputs=1), ranks=6, lr=1e-2)
