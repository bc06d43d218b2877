"""What a rank needs is what the plan says."""

import ctypes
import os

import pytest
import torch
from tools import json_lines, make_bundle, succeed

TOLERANCE = 0.02
# What the MPI library keeps for itself in each process, a few megabytes, is in no plan.
PROCESS_TOLERANCE = 0.03
# Large beside what libraries need in any process.
WIDTH, LAYERS = 3072, 4
BATCH = 8


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


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_growth_of_memory_is_the_plan(tmp_path, ranks):
    _, bundle = make_bundle(Wide(), (torch.randn(BATCH, WIDTH),), tmp_path, "--optimizer=adamw", ranks=ranks)
    places = {None: {}}
    if may_read_other_processes():
        places[ranks] = {"OMPI_MCA_btl_vader_single_copy_mechanism": "cma"}
    for processes, environment in places.items():
        result = succeed(
            "raddle-run", bundle, "--json", "--steps=2", "--threads=1", ranks=processes, environment=environment
        )
        _, summary = json_lines(result)
        planned = summary["state_bytes"] + summary["arena_bytes"] + summary["workspace_bytes"]
        share = bundle.stat().st_size // (1 if processes else ranks)
        assert planned <= summary["planned_bytes"] <= planned + share
        found = summary["resident_growth_bytes"] / summary["planned_bytes"]
        tolerance = PROCESS_TOLERANCE if processes else TOLERANCE
        assert abs(found - 1) <= tolerance, f"{'processes' if processes else 'threads'}: {found}"
