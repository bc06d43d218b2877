"""Where parameters are cut changes where they lie, and nothing that is computed."""

import json
import re
import shutil
import subprocess

import numpy
import pytest
import torch
from models import Mlp, mlp_batches
from parity import compare_training
from tools import json_lines, succeed

import raddle

STEPS = 4
# Two ranks own 64 elements each: the rows of the first weight lie on both, behind the bias; the second is whole on one.
BY_HAND = """
  ragged.bucket @mine ranks 2 shard 64 : f32 {slots = [
    #ragged.slot<"hidden.weight" at 34 shape [10, 6] unit 6>, #ragged.slot<"hidden.bias" at 0 shape [10] unit 1>,
    #ragged.slot<"output.weight" at 96 shape [3, 10] unit 30>]}
"""


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    """The program of one training step, before it is cut."""
    folder = tmp_path_factory.mktemp("cuts")
    raddle.export(Mlp(inputs=6, hidden=10, outputs=3), mlp_batches(inputs=6, outputs=3)[0], folder / "model.pt2")
    succeed("raddle-compile", folder / "model.pt2", "--mode=train", "--ranks=2", "--clip-norm=0.5", "--stop-after=step",
            "-o", folder / "step.mlir")  # fmt: skip
    return folder / "step.mlir"


def train(step, name, text):
    path, bundle = step.with_name(f"{name}.mlir"), step.with_name(f"{name}.raddle")
    path.write_text(text)
    succeed("raddle-compile", path, "--mode=train", "--ranks=2", "--start-at=shard", "-o", bundle)
    steps, _ = json_lines(succeed("raddle-run", bundle, "--json", f"--steps={STEPS}"))
    plan = json.loads(succeed("raddle-translate", "--bundle-to-json", bundle).stdout)
    return [(line["loss"], line["grad_norm"]) for line in steps], plan


def check_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_buckets_by_hand(step):
    text = step.read_text()
    place = text.index("func.func")
    by_hand = text[:place] + BY_HAND + text[place:]
    expected, _ = train(step, "planned", text)
    found, plan = train(step, "by-hand", by_hand)
    check_same(found, expected)
    offsets = {parameter["name"]: parameter.get("offset", 0) for parameter in plan["parameters"]}
    assert [offsets[name] for name in ("hidden.weight", "hidden.bias", "output.weight")] == [34, 0, 96]


@pytest.mark.parametrize("keep", ["rows 4", "tile [3, 2]", "whole"])
def test_units(step, keep):
    text = step.read_text()
    kept = re.sub(r'(nn\.param = "[^"]+")', rf'\1, ragged.keep = [#ragged.keep<{keep} for "a test">]', text)
    assert kept != text
    expected, _ = train(step, "planned", text)
    found, _ = train(step, keep.split()[0], kept)
    check_same(found, expected)


# What upstream's `shard` dialect (MLIR 22.1, `sharding-propagation,shard-partition`) makes of 14 rows over 4 devices: 3
# rows a device, two rows are gone without a word. Explicit offsets are dropped by propagation, and then the partitioner
# crashes.
UPSTREAM = """
shard.grid @grid(shape = 4)
func.func @main(%x: tensor<14x8xf32>) -> tensor<14x8xf32> {{
  %s = shard.sharding @grid split_axes = [[0]]{offsets} : !shard.sharding
  %a = shard.shard %x to %s : tensor<14x8xf32>
  %b = shard.shard %a to %s annotate_for_users : tensor<14x8xf32>
  %y = tosa.add %b, %b : (tensor<14x8xf32>, tensor<14x8xf32>) -> tensor<14x8xf32>
  %c = shard.shard %y to %s : tensor<14x8xf32>
  return %c : tensor<14x8xf32>
}}
"""
OFFSETS = " sharded_dims_offsets = [0, 4, 8, 12, 14]"
# The same offsets in Raddle: the last rank has two rows, and padding.
FOUR_ROWS = 'ragged.bucket @mine ranks 4 shard 32 : f32 {slots = [#ragged.slot<"rows" at 0 shape [14, 8] unit 8>]}\n'


class Rows(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = torch.nn.Parameter(torch.randn(14, 8))

    def forward(self, x):
        return x @ (self.rows + self.rows).T


def upstream(folder, offsets):
    (folder / "upstream.mlir").write_text(UPSTREAM.format(offsets=offsets))
    passes = "builtin.module(func.func(sharding-propagation,shard-partition))"
    command = ["mlir-opt-22", folder / "upstream.mlir", f"--pass-pipeline={passes}"]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("offsets", ["", OFFSETS], ids=["planned", "offsets"])
def test_rows_that_upstream_loses(tmp_path, offsets):
    theirs = upstream(tmp_path, offsets)
    if offsets:
        assert theirs.returncode != 0
    else:
        assert "-> tensor<3x8xf32>" in theirs.stdout
    module, x = Rows(), torch.randn(8, 8)
    raddle.export(module, (x,), tmp_path / "model.pt2")
    text = succeed("raddle-compile", tmp_path / "model.pt2", "--ranks=4", "--batch=8", "--stop-after=step").stdout
    place = text.index("func.func")
    text = text[:place] + (FOUR_ROWS if offsets else "") + text[place:]
    keep = 'ragged.keep = [#ragged.keep<rows 1 for "a test">]'
    (tmp_path / "step.mlir").write_text(text.replace('nn.param = "rows"', f'nn.param = "rows", {keep}'))
    succeed("raddle-compile", tmp_path / "step.mlir", "--ranks=4", "--start-at=shard", "-o", tmp_path / "rows.raddle")
    numpy.save(tmp_path / "x.npy", x.numpy())
    for processes in (None, 4):
        succeed("raddle-run", tmp_path / "rows.raddle", f"--weights={tmp_path / 'model.pt2'}",
                f"--input=x={tmp_path / 'x.npy'}", f"--output={tmp_path / 'out'}", ranks=processes)  # fmt: skip
        (found,) = (tmp_path / "out").iterdir()
        expected = x.double() @ (2 * module.rows.detach().double()).T
        numpy.testing.assert_allclose(numpy.load(found), expected, rtol=1e-5, atol=1e-5)
        shutil.rmtree(tmp_path / "out")


def test_rows_that_upstream_loses_are_trained():
    class Loss(Rows):
        def forward(self, x, y):
            return torch.nn.functional.mse_loss(super().forward(x), y)

    compare_training(Loss(), [(torch.randn(8, 8), torch.randn(8, 14)) for _ in range(STEPS)], ranks=4)
