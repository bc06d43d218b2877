"""Norms of channels, and the statistics that they keep, equal PyTorch's in training, evaluation and inference."""

import copy

import torch
from parity import assert_same_state, compare_training, make_optimizer
from torch import nn
from torch.nn import functional as F

import raddle

BATCH = 8


class Classifier(nn.Module):
    """Batch norms with and without parameters and with and without statistics, on planes and on vectors."""

    def __init__(self):
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 4, 3, stride=2, groups=4, bias=False)
        self.second_norm = nn.BatchNorm2d(4, affine=False, momentum=0.3)
        self.last, self.last_norm = nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5, track_running_stats=False)

    def forward(self, x, labels):
        x = F.relu(self.first_norm(self.first(x)))
        x = self.second_norm(self.second(x)).mean((2, 3))
        return F.cross_entropy(self.last_norm(self.last(x)), labels)


def batch(scale=1.0):
    return torch.randn(BATCH, 3, 9, 9) * scale + 1, torch.randint(0, 5, (BATCH,))


def test_training_and_evaluation():
    module, batches = Classifier(), [batch(scale) for scale in (1.0, 2.0, 0.5)]
    program = compare_training(module, batches, optimizer="sgd", lr=0.1)
    twin = copy.deepcopy(module)
    twin.load_state_dict(program.state_dict())
    assert twin.first_norm.num_batches_tracked == 3
    # Evaluation takes the statistics that training kept, and leaves them alone.
    for x, labels in batches[:2]:
        expected = twin.eval()(x, labels).item()
        assert abs(program.eval(x, labels)["loss"] - expected) <= 1e-4 * abs(expected)
    assert_same_state(program.state_dict(), twin.state_dict())
    # So does a state that comes from elsewhere.
    program.load_state_dict(module.state_dict())
    expected = copy.deepcopy(module).eval()(*batches[0]).item()
    assert abs(program.eval(*batches[0])["loss"] - expected) <= 1e-4 * abs(expected)


def test_fine_tuning_with_fixed_statistics():
    module = Classifier()
    for scale in (1.0, 2.0):
        module(*batch(scale))
    compare_training(module.eval(), [batch(), batch()], optimizer="sgd", lr=0.1)


def test_ranks_average_their_statistics():
    module, options, whole = Classifier(), {"optimizer": "sgd", "lr": 0.1}, batch()
    program = raddle.compile(module, whole, mode="train", ranks=2, **options)
    loss = program.step(*whole)["loss"]
    # Each rank normalises by its own part of the batch.
    twins = [copy.deepcopy(module) for _ in range(2)]
    losses = [twin(*(part.chunk(2)[rank] for part in whole)) for rank, twin in enumerate(twins)]
    expected = (losses[0] + losses[1]) / 2
    expected.backward()
    for mine, other in zip(twins[0].parameters(), twins[1].parameters()):
        mine.grad += other.grad
    make_optimizer(twins[0], options).step()
    state = twins[0].state_dict()
    for name, value in twins[1].state_dict().items():
        if "running" in name:
            state[name] = (state[name] + value) / 2
    assert abs(loss - expected.item()) <= 1e-4 * abs(expected.item())
    assert_same_state(program.state_dict(), state)


def test_inference_keeps_buffers_between_calls():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(3)
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
            self.register_buffer("last", torch.zeros(4, 3, 2, 2))

        def forward(self, x):
            result = self.norm(x) + self.last
            self.calls += 1
            self.last.copy_(x)
            return result, self.calls * 2

    module = Counting()
    x = torch.randn(4, 3, 2, 2)
    program = raddle.compile(module, (x,))
    for _ in range(3):
        x = torch.randn(4, 3, 2, 2)
        for found, expected in zip(program(x), module(x), strict=True):
            assert torch.allclose(found, expected, atol=1e-4)
    assert_same_state(program.state_dict(), module.state_dict())


class Channels(nn.Module):
    def __init__(self):
        super().__init__()
        self.group, self.instance = nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True)
        self.first, self.local = nn.Conv2d(4, 4, 3, bias=False), nn.LocalResponseNorm(3)
        for parameter in self.parameters():
            nn.init.normal_(parameter)

    def forward(self, x):
        x = self.first(x)
        parts = self.group(x), self.instance(x), self.local(x), F.group_norm(x.flatten(2), 4)
        return sum(torch.sin(1.7 * part).mean() for part in parts)


def test_groups_and_instances():
    compare_training(Channels(), [(torch.randn(4, 4, 6, 7),) for _ in range(2)], ranks=2, optimizer="sgd", lr=0.1)
