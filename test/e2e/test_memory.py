"""What a rank needs is what the plan says."""

import ctypes
import os

import numpy
import pytest
import torch
from models import demo_models
from tools import json_lines, make_bundle, succeed

TOLERANCE = 0.02
# Large beside what libraries need in any process.
WIDTH, LAYERS = 3072, 4
BATCH = 8
# Of a process with a small model: pages of libraries that it had not touched before, MPI's connections.
LIBRARY_BYTES = 1 << 20


class Wide(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(LAYERS))

    def forward(self, x):
        for layer in self.layers:
            x = x + torch.relu(layer(x))
        return x.square().mean()


def may_read_other_processes():
    """Whether processes may copy from each other's memory. Where not, MPI keeps buffers of its own between them."""
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        os.execvp("sleep", ["sleep", "10"])
    try:
        word = ctypes.create_string_buffer(8)

        class Range(ctypes.Structure):
            _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

        here = Range(ctypes.addressof(word), 8)
        # An address that no process has: permission is asked for first.
        there = Range(8, 8)
        libc.process_vm_readv(child, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        return ctypes.get_errno() != 1
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def check_growth(bundle, ranks, processes, *inputs, beside=0):
    environment = {"OMPI_MCA_btl_vader_single_copy_mechanism": "cma"} if processes else {}
    result = succeed(
        "raddle-run", bundle, "--json", "--steps=2", "--threads=1", *inputs, ranks=processes, environment=environment
    )
    _, summary = json_lines(result)
    planned = summary["state_bytes"] + summary["arena_bytes"] + summary["workspace_bytes"]
    # The bundle, and the code of it that is loaded.
    share = 2 * bundle.stat().st_size // (1 if processes else ranks)
    assert planned <= summary["planned_bytes"] <= planned + share
    found, planned = summary["resident_growth_bytes"], summary["planned_bytes"]
    where = f"{'processes' if processes else 'threads'}: {found} bytes of {planned}"
    assert (1 - TOLERANCE) * planned <= found <= (1 + TOLERANCE) * planned + beside, where


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_growth_of_memory_is_the_plan(tmp_path, ranks):
    _, bundle = make_bundle(Wide(), (torch.randn(BATCH, WIDTH),), tmp_path, "--optimizer=adamw", ranks=ranks)
    check_growth(bundle, ranks, None)
    if may_read_other_processes():
        check_growth(bundle, ranks, ranks)


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_growth_of_the_demo_is_the_plan(tmp_path, ranks):
    windows = torch.randint(0, 256, (BATCH, 128))
    llama = demo_models().make_llama(windows.shape[1], seed=0)
    _, bundle = make_bundle(llama, (windows, windows), tmp_path, "--optimizer=adamw", ranks=ranks)
    numpy.save(tmp_path / "windows.npy", windows.numpy())
    inputs = [f"--input={name}={tmp_path / 'windows.npy'}" for name in ("input_ids", "labels")]
    check_growth(bundle, ranks, None, *inputs, beside=LIBRARY_BYTES)
    if may_read_other_processes():
        check_growth(bundle, ranks, ranks, *inputs, beside=LIBRARY_BYTES)
