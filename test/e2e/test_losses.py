"""Losses whose mean over ranks is not the mean of a batch, and outputs beside the loss."""

import pytest
import torch
from models import VOCABULARY, bert_batches, tiny_llama, token_batches
from parity import compare_training
from torch import nn

import raddle

IGNORED = -100


class Classifier(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options
        self.embed = nn.Embedding(VOCABULARY, 17)
        self.classify = nn.Linear(17, 11)

    def forward(self, ids, labels):
        return nn.functional.cross_entropy(self.classify(self.embed(ids)), labels, **self.options)


def classifier_batches(ignored=IGNORED):
    """The first rows have most of the ignored labels, so that ranks differ in their counts."""
    batches = []
    for _ in range(8):
        labels = torch.randint(0, 11, (12,))
        labels[:5] = ignored
        labels[torch.rand(12) < 0.2] = ignored
        labels[11] = 3
        batches.append((torch.randint(0, VOCABULARY, (12,)), labels))
    return batches


@pytest.mark.parametrize("ranks", [1, 2, 3, 6])
def test_ignored_labels_uneven_over_ranks(ranks):
    compare_training(Classifier(), classifier_batches(), ranks=ranks, lr=1e-2)


def test_other_ignore_index():
    compare_training(Classifier(ignore_index=0), classifier_batches(ignored=0), ranks=3, lr=1e-2)


def test_llama_with_padding_uneven_over_ranks():
    batches = []
    for ids, _ in token_batches():
        labels = ids.clone()
        for row in range(len(labels)):
            labels[row, 2 + row % 6 :] = IGNORED
        batches.append((ids, labels))
    compare_training(tiny_llama(), batches, ranks=4)


class WithOutputs(nn.Module):
    """The loss is the second result."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x, y):
        z = self.layer(x)
        return z, nn.functional.mse_loss(z, y)


def test_loss_by_index_and_outputs_of_eval():
    module, batch = WithOutputs(), (torch.randn(12, 6), torch.randn(12, 4))
    program = raddle.compile(module, batch, mode="train", ranks=3, loss=1)
    z, loss = module(*batch)
    result = program.eval(*batch)
    assert result["loss"] == pytest.approx(loss.item(), rel=1e-5)
    others = [result[name] for name in result if name != "loss"]
    assert len(others) == 1
    torch.testing.assert_close(others[0], z.detach(), rtol=1e-5, atol=1e-6)
