"""Discrete Fourier transforms against PyTorch, with gradients through complex numbers."""

import pytest
import raddle
import torch
from parity import compare_training
from torch import nn


class Mixer(nn.Module):
    """Tokens and channels are mixed by the real part of a transform of both, as in FNet (arXiv 2105.03824)."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10, 10)

    def forward(self, x):
        x = x + torch.fft.fftn(self.layer(x), dim=(1, 2)).real / 10
        return x.square().mean()


class Filter(nn.Module):
    """A long convolution: a product of half spectra."""

    def __init__(self):
        super().__init__()
        self.taps = nn.Parameter(torch.randn(3, 9))

    def forward(self, x):
        n = 2 * x.shape[-1]
        product = torch.fft.rfft(x, n=n) * torch.fft.rfft(self.taps, n=n)
        return torch.fft.irfft(product, n=n)[..., : x.shape[-1]].square().mean()


@pytest.mark.parametrize("module, shape", [(Mixer(), (4, 7, 10)), (Filter(), (4, 3, 9))], ids=["mixer", "filter"])
def test_training(module, shape):
    torch.manual_seed(0)
    batches = [(torch.randn(shape),) for _ in range(2)]
    compare_training(module, batches, ranks=2, optimizer="sgd", lr=0.1)


class Spectrogram(nn.Module):
    def __init__(self, window, **options):
        super().__init__()
        self.options = options
        self.register_buffer("window", window)

    def forward(self, signal):
        return torch.stft(signal, 16, window=self.window, return_complex=True, **self.options).abs()


@pytest.mark.parametrize(
    "options",
    [{}, {"hop_length": 5, "center": False}, {"normalized": True, "onesided": False}, {"win_length": 10}],
    ids=str,
)
def test_spectrogram(options):
    torch.manual_seed(0)
    module = Spectrogram(torch.hann_window(options.get("win_length", 16)), **options)
    signal = torch.randn(2, 50)
    (found,) = raddle.compile(module, (signal,))(signal)
    torch.testing.assert_close(found, module(signal), rtol=1e-4, atol=1e-4)


class Transform(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x).real


def test_a_transform_that_is_too_long_is_refused():
    with pytest.raises(RuntimeError, match="fft_fft.default of 5000 numbers, expected 1 to 2896"):
        raddle.compile(Transform(), (torch.randn(1, 5000),))
