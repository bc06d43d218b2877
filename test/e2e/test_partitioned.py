"""Ten architectures, partitioned over any number of ranks and replicas, train like the whole program.

By default each is tried on one of the meshes, all of which have their turn; with RADDLE_ALL_MESHES=1 each on all.
"""

import os

import pytest
import torch
from architectures import ARCHITECTURES, build, exported

import raddle

NAMES = ["Llama", "GPT-2", "BERT", "ViT", "ResNet", "Mixtral", "Qwen3", "Gemma 3", "Mamba-2", "DINOv2"]
MESHES = [(2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (8, 1), (4, 2), (6, 2)]  # ranks, replicas
LEAST_ROWS = 4
STEPS = 3
TOLERANCE = 1e-6  # of a loss; of the norm of a parameter
OPTIONS = dict(mode="train", optimizer="sgd", lr=0.02, momentum=0.9, clip_norm=1.0)


def batches_of(batch, rows):
    """Batches of `rows` rows, of values like those of the given one, the same at each call."""
    torch.manual_seed(rows)

    def draw(tensor):
        shape = (rows, *tensor.shape[1:])
        if tensor.is_floating_point():
            return torch.randn(shape)
        return tensor.flatten()[torch.randint(tensor.numel(), shape)]

    return [tuple(map(draw, batch)) for _ in range(STEPS)]


def train(path, batches, **mesh):
    program = raddle.compile(path, batches[0], **OPTIONS, **mesh)
    metrics = [program.step(*batch) for batch in batches]
    return [(step["loss"], step["grad_norm"]) for step in metrics], program.state_dict()


def meshes_of(name):
    if os.environ.get("RADDLE_ALL_MESHES"):
        return MESHES
    return [MESHES[NAMES.index(name) % len(MESHES)]]


def relative(found, expected):
    return ((found.double() - expected.double()).norm() / expected.double().norm().clamp(min=TOLERANCE)).item()


@pytest.mark.parametrize("name", NAMES)
def test_partitioned_equals_whole(name):
    module, batch = build(ARCHITECTURES[name])
    whole = {}
    with exported(module, batch) as path:
        for ranks, replicas in meshes_of(name):
            rows = -(-LEAST_ROWS // ranks) * ranks
            batches = batches_of(batch, rows)
            if rows not in whole:
                whole[rows] = train(path, batches)
            expected, parameters = whole[rows]
            found, others = train(path, batches, ranks=ranks, replicas=replicas)
            distances = [abs(a / b - 1) for ours, theirs in zip(found, expected) for a, b in zip(ours, theirs)]
            floats = {key: value for key, value in parameters.items() if value.is_floating_point()}
            distances += [relative(others[key], value) for key, value in floats.items()]
            assert max(distances) <= TOLERANCE, f"{ranks} ranks, {replicas} replicas: {max(distances)}"
