"""Random numbers: Philox bit for bit, distributions, the same values on any number of ranks, masks in gradients."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import raddle

MASK32 = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Philox-4x32-10 (Salmon et al., SC 2011) on arrays of 64-bit integers that hold 32-bit words."""
    c = [np.asarray(word, np.uint64) for word in counter]
    k = [np.asarray(word, np.uint64) for word in key]
    for _ in range(10):
        low, high = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(high >> np.uint64(32)) ^ c[1] ^ k[0], high & MASK32, (low >> np.uint64(32)) ^ c[3] ^ k[1], low & MASK32]
        k = [(k[0] + np.uint64(0x9E3779B9)) & MASK32, (k[1] + np.uint64(0xBB67AE85)) & MASK32]
    return c


def uniform(seed, call, stream, count):
    """What nn.random_uniform is said to give in f32."""
    words = lambda value: (value & 0xFFFFFFFF, value >> 32)
    key = [int(word) for word in philox((*words(call), stream, 0), words(seed))[:2]]
    first = philox((np.arange(count), 0, 0, 0), key)[0]
    return torch.from_numpy((first >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24))


def test_known_answers():
    # Of the authors' Random123 library.
    assert [int(w) for w in philox((0, 0, 0, 0), (0, 0))] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 0xFFFFFFFF
    assert [int(w) for w in philox((ones,) * 4, (ones,) * 2)] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


class Draws(nn.Module):
    def forward(self, x):
        return torch.rand_like(x), torch.rand(5, 3), F.dropout(x, 0.25, training=True)


SEED = (9 << 32) + 12345


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_bits(ranks):
    x = torch.randn(8, 6)
    program = raddle.compile(Draws(), (x,), ranks=ranks, seed=SEED)
    for call in (1, 2):
        batched, whole, dropped = program(x)
        assert torch.equal(batched.flatten(), uniform(SEED, call, 0, 48))
        assert torch.equal(whole.flatten(), uniform(SEED, call, 1, 15))
        kept = (uniform(SEED, call, 2, 48) >= 0.25).view(8, 6)
        torch.testing.assert_close(dropped, torch.where(kept, x / 0.75, 0.0))


COUNT = 40000
WEIGHTS = torch.tensor([1.0, 3.0, 0.0, 6.0]) * 0.7  # mean place 2.1
# Name: function of a tensor, mean, variance, and the distribution function where it is continuous.
NORMAL = lambda z: 0.5 * (1 + torch.erf(z / math.sqrt(2)))
DISTRIBUTIONS = {
    "rand_like": (torch.rand_like, 0.5, 1 / 12, lambda u: u),
    "rand_double": (lambda x: torch.rand_like(x, dtype=torch.float64), 0.5, 1 / 12, lambda u: u),
    "randn_like": (torch.randn_like, 0, 1, NORMAL),
    "randn_double": (lambda x: torch.randn_like(x, dtype=torch.float64), 0, 1, NORMAL),
    "uniform": (lambda x: torch.empty_like(x).uniform_(-3, 1), -1, 16 / 12, lambda u: (u + 3) / 4),
    "normal": (lambda x: torch.empty_like(x).normal_(2, 3), 2, 9, lambda z: NORMAL((z - 2) / 3)),
    "normal_of_tensor": (lambda x: torch.normal(x * 0 + 1, 2.0), 1, 4, lambda z: NORMAL((z - 1) / 2)),
    "exponential": (lambda x: torch.empty_like(x).exponential_(2.0), 0.5, 0.25, lambda e: 1 - torch.exp(-2 * e)),
    "log_normal": (lambda x: torch.empty_like(x).log_normal_(0, 0.5).log(), 0, 0.25, lambda z: NORMAL(z / 0.5)),
    "bernoulli": (lambda x: torch.bernoulli(x * 0 + 0.3), 0.3, 0.21, None),
    "bernoulli_p": (lambda x: torch.empty_like(x).bernoulli_(0.8), 0.8, 0.16, None),
    "randint": (lambda x: torch.randint_like(x, -2, 3), 0, 2, None),
    "randint_wide": (lambda x: torch.randint(0, 2**40, x.shape).double() / 2**40, 0.5, 1 / 12, lambda u: u),
    "dropout": (lambda x: F.dropout(x * 0 + 1, 0.2, training=True), 1, 0.25, None),
    "native_dropout_mask": (lambda x: torch.native_dropout(x, 0.2, True)[1].float(), 0.8, 0.16, None),
    "alpha_dropout": (lambda x: F.alpha_dropout(torch.randn_like(x), 0.3, training=True), 0, 1, None),
    "feature_alpha_dropout": (
        lambda x: F.feature_alpha_dropout(torch.randn_like(x)[..., None], 0.3, training=True), 0, 1, None,
    ),
    # Cauchy numbers have no mean, their distribution function has.
    "cauchy": (
        lambda x: torch.atan((torch.empty_like(x).cauchy_(1, 2) - 1) / 2) / math.pi + 0.5, 0.5, 1 / 12, lambda u: u,
    ),
    "geometric": (lambda x: torch.empty_like(x).geometric_(0.4), 1 / 0.4, 0.6 / 0.16, None),
    "multinomial": (
        lambda x: torch.multinomial(x[0, :4] + WEIGHTS, x.numel(), replacement=True).double(), 2.1, 1.29, None,
    ),
    "multinomial_of_rows": (
        lambda x: torch.multinomial((x[:, :4] + WEIGHTS), x.shape[1], replacement=True).double(), 2.1, 1.29, None,
    ),
    "rrelu": (lambda x: F.rrelu(x * 0 - 1, 0.1, 0.5, training=True), -0.3, 0.16 / 12, lambda u: (u + 0.5) / 0.4),
}


class Distributions(nn.Module):
    def forward(self, x):
        return tuple(function(x) for function, *_ in DISTRIBUTIONS.values())


@pytest.fixture(scope="module")
def drawn():
    """(values of the first call, of the second, of another seed) by name."""
    x = torch.zeros(200, COUNT // 200)
    program, other = (raddle.compile(Distributions(), (x,), seed=seed) for seed in (3, 4))
    return [dict(zip(DISTRIBUTIONS, result)) for result in (program(x), program(x), other(x))]


def correlation(a, b):
    a, b = a.double() - a.double().mean(), b.double() - b.double().mean()
    return ((a * b).mean() / (a.std() * b.std())).item()


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distribution(name, drawn):
    _, mean, variance, cumulative = DISTRIBUTIONS[name]
    first, second, other = (draws[name].double().flatten() for draws in drawn)
    # Five standard errors; that of the variance with a kurtosis of at most 9.
    assert abs(first.mean() - mean) < 5 * math.sqrt(variance / COUNT)
    assert abs(first.var() - variance) < 5 * variance * math.sqrt(9 / COUNT)
    if cumulative is not None:
        # Kolmogorov and Smirnov: 2.5 / sqrt(n) is exceeded once in 135,000 times.
        places = cumulative(first.sort().values)
        steps = torch.arange(1, COUNT + 1, dtype=torch.float64) / COUNT
        assert (places - steps).abs().max() < 2.5 / math.sqrt(COUNT)
    limit = 5 / math.sqrt(COUNT)
    assert abs(correlation(first, second)) < limit
    assert abs(correlation(first, other)) < limit
    assert abs(correlation(first[1:], first[:-1])) < limit


def test_streams_are_independent(drawn):
    # Not dropout of the same generator's normal numbers against these themselves, which are other streams as well.
    values = torch.stack([values.double().flatten() for values in drawn[0].values()])
    off = torch.corrcoef(values) - torch.eye(len(values), dtype=torch.float64)
    # native_dropout's mask and dropout differ in stream, too.
    assert off.abs().max() < 5 / math.sqrt(COUNT)


class Choices(nn.Module):
    """Places that are drawn: of rows of a batch, of one row, in any order."""

    def forward(self, x):
        weights = torch.tensor([0.0, 1.0, 4.0, 0.0, 2.0, 3.0])
        drawn = torch.multinomial(weights.expand(x.shape[0], -1) + x * 0, 4)
        first = torch.multinomial(weights, 1)
        again = torch.multinomial(weights.expand(x.shape[0], -1) + x * 0, 9, replacement=True)
        return drawn, first, again, torch.randperm(500), torch.randperm(1, dtype=torch.int32)


def test_choices():
    x, most = torch.zeros(4000, 6), {1: 0.1, 2: 0.4, 4: 0.2, 5: 0.3}
    programs = [raddle.compile(Choices(), (x,), ranks=ranks, seed=5) for ranks in (1, 2)]
    calls = [[program(x) for program in programs] for _ in range(2)]
    for one, two in calls:
        assert all(torch.equal(a, b) for a, b in zip(one, two))
    (drawn, first, again, order, single), (_, _, _, other, _) = calls[0][0], calls[1][0]
    assert single.tolist() == [0] and single.dtype == torch.int32
    assert order.sort().values.tolist() == list(range(500)) and not torch.equal(order, other)
    # The mean of |i - order[i]| of n elements is n / 3, its variance about 2 n / 45.
    assert abs((order - torch.arange(500)).abs().double().mean() - 500 / 3) < 5 * math.sqrt(2 * 500 / 45)
    # Each place once, and none that weighs nothing.
    assert all(sorted(row) == [1, 2, 4, 5] for row in drawn.tolist())
    assert first.item() in most and torch.isin(again, torch.tensor(list(most))).all()
    for place, share in most.items():
        for counted in (drawn[:, 0], again):
            part = (counted == place).double().mean()
            assert abs(part - share) < 5 * math.sqrt(share * (1 - share) / counted.numel())
    # After place 2, whose weight is 4 of 10, place 5 follows with 3 of 6.
    follows = drawn[drawn[:, 0] == 2, 1]
    assert abs((follows == 5).double().mean() - 0.5) < 5 * 0.5 / math.sqrt(len(follows))
    twin = raddle.compile(Choices(), (x,), seed=6)(x)
    assert not torch.equal(twin[3], order)


class Net(nn.Module):
    """Dropout before and inside; loss over the batch."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x, y):
        hidden = F.dropout(torch.relu(self.first(x)), 0.4, training=True)
        noise = torch.randn(3) * 0.1
        return F.mse_loss(self.second(hidden) + noise, y)


BATCHES = [(torch.randn(8, 6), torch.randn(8, 3)) for _ in range(3)]


def train(ranks, seed):
    torch.manual_seed(1)
    program = raddle.compile(Net(), BATCHES[0], mode="train", ranks=ranks, optimizer="sgd", lr=0.1, seed=seed)
    losses = []
    for batch in BATCHES:
        losses.append(program.step(*batch)["loss"])
        program.eval(*batch)  # draws by its own calls
    return losses, program.state_dict()


def test_training_is_the_same_on_any_ranks():
    losses, state = train(1, seed=7)
    for ranks in (2, 4):
        others, other = train(ranks, seed=7)
        assert others == pytest.approx(losses, rel=1e-6)
        for name, value in state.items():
            torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-6)
    assert train(1, seed=7)[0] == losses
    assert train(1, seed=8)[0] != losses


def test_gradient_uses_the_mask_of_forward():
    """Trains like PyTorch with the masks that the stream is said to have."""
    losses, state = train(2, seed=7)
    torch.manual_seed(1)
    twin = Net()
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for step, (x, y) in enumerate(BATCHES, start=1):
        kept = (uniform(7, step, 0, 8 * 16) >= 0.4).view(8, 16) / 0.6
        hidden = torch.relu(twin.first(x)) * kept
        key = philox((step, 0, 1, 0), (7, 0))[:2]
        words = philox((np.arange(3), 0, 0, 0), key)
        u, v = (words[0] + 0.5) * 2.0**-32, (words[1] >> np.uint64(8)) * 2.0**-24
        noise = torch.from_numpy(np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)).float() * 0.1
        loss = F.mse_loss(twin.second(hidden) + noise, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert losses[step - 1] == pytest.approx(loss.item(), rel=1e-5)
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(state[name], value, rtol=1e-4, atol=1e-5)


def test_evaluation_keeps_everything():
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.AlphaDropout(0.5)).eval()
    x = torch.randn(4, 4)
    program = raddle.compile(copy.deepcopy(module), (x,))
    torch.testing.assert_close(program(x)[0], module(x))


class Dropping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))

    def forward(self, x, y):
        return F.mse_loss(self.layers(x), y)


def test_evaluation_of_a_module_in_training_drops_nothing():
    module = Dropping().train()
    program = raddle.compile(module, BATCHES[0], mode="train", ranks=2)
    for batch in BATCHES:
        expected = copy.deepcopy(module).eval()(*batch).item()
        assert program.eval(*batch)["loss"] == pytest.approx(expected, rel=1e-5)


def test_everything_dropped():
    class All(nn.Module):
        def forward(self, x):
            return F.dropout(x, 1.0, training=True), F.dropout1d(x[..., None], 1.0, training=True)

    x = torch.randn(4, 4)
    for result in raddle.compile(All(), (x,))(x):
        assert torch.equal(result, torch.zeros_like(result))
