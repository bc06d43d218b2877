"""Ten architectures, partitioned over any number of ranks and replicas, train like the whole program.

Each runs on all meshes, with one of the layouts in turn; with RADDLE_ALL_LAYOUTS=1 with each.
"""

import os

import pytest
import torch
from architectures import ARCHITECTURES, build, exported
from partitioning import LAYOUTS, MESHES, Whole, layout_of

NAMES = ["Llama", "GPT-2", "BERT", "ViT", "ResNet", "Mixtral", "Qwen3", "Gemma 3", "Mamba-2", "DINOv2"]


def like(tensor, rows):
    """Values like those of the given tensor."""
    shape = (rows, *tensor.shape[1:])
    if tensor.is_floating_point():
        return torch.randn(shape)
    return tensor.flatten()[torch.randint(tensor.numel(), shape)]


@pytest.mark.parametrize("name", NAMES)
def test_partitioned_equals_whole(tmp_path, name):
    module, batch = build(ARCHITECTURES[name])
    every = os.environ.get("RADDLE_ALL_LAYOUTS")
    with exported(module, batch) as path:
        whole = Whole(tmp_path, path, lambda rows: tuple(like(tensor, rows) for tensor in batch))
        for number, (ranks, replicas) in enumerate(MESHES):
            for layout in LAYOUTS if every else [layout_of(number, NAMES.index(name))]:
                whole.compare(ranks, replicas, layout)
