"""Every op of Raddle's dialects, partitioned over any number of ranks and replicas, trains like the whole program."""

import json
import pathlib
import re
import subprocess

import pytest
from architectures import exported
from partition_cases import CASES
from partitioning import MESHES, Whole, layout_of
from tools import ROOT, succeed

# Ops that no training program has so far, by the file that compares them with whole tensors.
ELSEWHERE = {
    "test_collectives.py": ["ragged.redistribute", "ragged.gather_to_roots", "ragged.scatter_from_roots"],
}


def registered(folder):
    """The ops that a dialect's TableGen declares."""
    tools = subprocess.run(["llvm-config-22", "--bindir", "--includedir"], capture_output=True, text=True, check=True)
    binaries, upstream = tools.stdout.split()
    result = subprocess.run(
        [f"{binaries}/llvm-tblgen", "--dump-json", f"-I{ROOT / 'include'}", f"-I{upstream}", folder / f"{folder.parent.name}Ops.td"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    records = json.loads(result.stdout)
    ops = [records[name] for name in records["!instanceof"]["Op"]]
    return {f"{records[op['opDialect']['def']]['name']}.{op['opName']}" for op in ops}


def test_every_op_has_a_test():
    folders = [path for path in (ROOT / "include" / "raddle" / "Dialect").glob("*/IR")]
    known = set().union(*map(registered, folders))
    assert len(folders) >= 4 and len(known) > 50
    for file, ops in ELSEWHERE.items():
        text = (pathlib.Path(__file__).parent / file).read_text()
        assert all(op in text for op in ops)
    tested = [op for *_, ops in [*CASES.values(), *ELSEWHERE.items()] for op in ops]
    assert sorted(tested) == sorted(known)


def ops_at_any_stage(folder, path, options):
    """Of the program that two ranks run and of what became it."""
    mesh = ("--ranks=2", "--batch=4")
    stages = folder / "stages"
    succeed("raddle-compile", path, "--mode=train", *options, *mesh, f"--dump-stages={stages}", "--stop-after=schedule",
            "-o", folder / "schedule.mlir")  # fmt: skip
    text = "".join(file.read_text() for file in stages.iterdir())
    return set(re.findall(r"\b(?:nn|moe|ragged|exec)\.\w+", text))


@pytest.mark.parametrize("name", CASES)
def test_partitioned_equals_whole(tmp_path, name):
    make, draw, options, ops = CASES[name]
    with exported(make().eval(), draw(4)) as path:
        missing = set(ops) - ops_at_any_stage(tmp_path, path, options)
        assert not missing, f"the program of '{name}' has none of {sorted(missing)}"
        whole = Whole(tmp_path, path, draw, options)
        for number, mesh in enumerate(MESHES):
            whole.compare(*mesh, layout_of(number, list(CASES).index(name)))
