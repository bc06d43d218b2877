"""Recurrent layers and cells against PyTorch: losses and parameters of training on ranks."""

import pytest
import raddle
import torch
from parity import compare_training
from torch import nn

BATCH, STEPS, INPUTS, WIDTH = 4, 7, 5, 6


class Layers(nn.Module):
    """A loss of the outputs and of all last states."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        outputs, states = self.layer(x)
        states = states if isinstance(states, tuple) else (states,)
        return outputs.square().mean() + sum(state.sin().mean() for state in states)


LAYERS = {
    "lstm": lambda: nn.LSTM(INPUTS, WIDTH, num_layers=2, bidirectional=True, batch_first=True),
    "lstm without bias": lambda: nn.LSTM(INPUTS, WIDTH, bias=False, batch_first=True),
    "lstm with projection": lambda: nn.LSTM(INPUTS, WIDTH, proj_size=3, batch_first=True),
    "gru": lambda: nn.GRU(INPUTS, WIDTH, num_layers=2, batch_first=True),
    "rnn": lambda: nn.RNN(INPUTS, WIDTH, batch_first=True),
    "rnn with relu": lambda: nn.RNN(INPUTS, WIDTH, nonlinearity="relu", batch_first=True, bidirectional=True),
}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_training(name, ranks):
    torch.manual_seed(0)
    batches = [(torch.randn(BATCH, STEPS, INPUTS),) for _ in range(2)]
    compare_training(Layers(LAYERS[name]()), batches, ranks=ranks, optimizer="sgd", lr=0.1)


class Cells(nn.Module):
    """A loop over time in Python."""

    def __init__(self):
        super().__init__()
        self.gru, self.lstm = nn.GRUCell(INPUTS, WIDTH), nn.LSTMCell(WIDTH, WIDTH)
        self.plain = nn.RNNCell(WIDTH, WIDTH)

    def forward(self, x):
        hidden = state = memory = last = torch.zeros(x.shape[0], WIDTH)
        for step in x.unbind(1):
            hidden = self.gru(step, hidden)
            state, memory = self.lstm(hidden, (state, memory))
            last = self.plain(state, last)
        return last.square().mean() + memory.sin().mean()


def test_cells():
    torch.manual_seed(0)
    compare_training(Cells(), [(torch.randn(BATCH, 3, INPUTS),)] * 2, ranks=2, optimizer="sgd", lr=0.1)


def test_time_before_the_batch():
    torch.manual_seed(0)
    layer, x = nn.LSTM(INPUTS, WIDTH, num_layers=2).eval(), torch.randn(STEPS, BATCH, INPUTS)
    outputs, (hidden, memory) = layer(x)
    for found, expected in zip(raddle.compile(layer, (x,))(x), (outputs, hidden, memory)):
        torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)


class LanguageModel(nn.Module):
    """Tokens, recurrent layers with dropout between them, logits."""

    def __init__(self, layer):
        super().__init__()
        self.embedding, self.layer, self.head = nn.Embedding(17, INPUTS), layer, nn.Linear(WIDTH, 17)

    def forward(self, tokens):
        logits = self.head(self.layer(self.embedding(tokens))[0])
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU], ids=lambda kind: kind.__name__)
def test_language_model_learns_with_dropout(kind):
    torch.manual_seed(0)
    layer = kind(INPUTS, WIDTH, num_layers=2, dropout=0.1, batch_first=True)
    tokens = torch.randint(0, 17, (BATCH, 9))
    program = raddle.compile(LanguageModel(layer), (tokens,), mode="train", ranks=2, lr=0.05)
    losses = [program.step(tokens)["loss"] for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0], losses
