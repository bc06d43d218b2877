"""Where parameters are cut changes where they lie, and nothing that is computed."""

import json
import re

import pytest
from models import Mlp, mlp_batches
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
