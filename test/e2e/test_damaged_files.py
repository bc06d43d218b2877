"""1,000 and more damaged files of five kinds: each is read, or refused with a message; nothing crashes, hangs or stays.

The bulk goes through the drivers of the fuzzers, many files a process and with sanitizers; some of each kind through
the tools as users run them. test_damage.py has what a message has to name.
"""

import json
import struct
import subprocess
import sys

import pytest
import torch
from damaged import damage
from models import Mlp, mlp_batches
from tools import ROOT, assert_folder_holds, make_bundle, run, succeed

KINDS = ["pt2", "raddle", "npy", "safetensors", "mlir"]
# Of each kind.
FILES = 220
FILES_OF_TOOLS = 8
SANITIZED = ROOT / "build-asan" / "bin"
# The driver and the folder of its seeds.
DRIVERS = {kind: kind for kind in KINDS} | {"raddle": "bundle"}
SECONDS_A_FILE = 20
DRIVER_SECONDS = 400

needs_sanitizers = pytest.mark.skipif(not (SANITIZED / "fuzz-mlir").exists(), reason="scripts/build --sanitize was not run")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Whole files of each kind, as (name, bytes)."""
    folder = tmp_path_factory.mktemp("seeds")
    names = [name for name in DRIVERS.values() if name != "bundle" or (SANITIZED / "fuzz-bundle-seeds").exists()]
    subprocess.run([sys.executable, ROOT / "fuzz" / "make_seeds.py", folder, *names], check=True)
    return {
        kind: [(path.name, path.read_bytes()) for path in sorted((folder / name).iterdir())]
        for kind, name in DRIVERS.items()
        if name in names
    }


def damaged_files(seeds, kind, count):
    for index in range(count):
        # A step that has no divisor in common with most numbers: few files of a kind that has many seeds see all parts.
        _, whole = seeds[kind][index * 7919 % len(seeds[kind])]
        yield damage(kind, whole, index)


@needs_sanitizers
@pytest.mark.parametrize("kind", KINDS)
def test_drivers(seeds, tmp_path, kind):
    paths = []
    for index, data in enumerate(damaged_files(seeds, kind, FILES)):
        paths.append(tmp_path / f"{index:04}")
        paths[-1].write_bytes(data)
    command = [SANITIZED / f"fuzz-{DRIVERS[kind]}", f"-timeout={SECONDS_A_FILE}", f"-artifact_prefix={tmp_path}/", *paths]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=DRIVER_SECONDS)
    assert result.returncode == 0, result.stderr[-4000:]
    assert result.stderr.count("Executed ") == FILES


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A bundle, and its weights once more as a .safetensors file whose tensors have the names of the archive's
    entries."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    _, bundle = make_bundle(Mlp(), mlp_batches(1)[0], folder, mode="infer")
    described = json.loads(succeed("raddle-translate", "--bundle-to-json", bundle).stdout)
    header, data = {}, b""
    for parameter in described["parameters"]:
        count = 4 * int(torch.tensor(parameter["shape"]).prod())
        header[parameter["source"]["entry"]] = {
            "dtype": "F32", "shape": parameter["shape"], "data_offsets": [len(data), len(data) + count],
        }  # fmt: skip
        data += bytes(count)
    text = json.dumps(header).encode()
    weights = struct.pack("<Q", len(text)) + text + data
    return bundle, next(i["name"] for i in described["entries"][0]["variants"][0]["inputs"]), weights


def commands(kind, name, model):
    bundle, given, _ = model
    if kind == "npy":
        yield "raddle-run", bundle, "--input", f"{given}={name}", "--output=out"
    elif kind == "safetensors":
        yield "raddle-run", bundle, f"--weights={name}", "--output=out"
    elif kind == "raddle":
        yield "raddle-translate", "--bundle-to-json", name, "-o", "out"
    else:
        yield "raddle-compile", name, "-o", "out"


def check_tool(result):
    assert result.returncode in (0, 1), f"exit status {result.returncode}: {result.stderr[-2000:]}"
    assert "Sanitizer" not in result.stderr, result.stderr[-4000:]
    if result.returncode == 1:
        assert "error: " in result.stderr


def try_tools(kind, contents, folder, model, prefix=""):
    name = f"damaged.{kind}"
    refused = 0
    for data in contents:
        (folder / name).write_bytes(data)
        for tool, *arguments in commands(kind, name, model):
            result = run(prefix + tool, *arguments, cwd=folder)
            check_tool(result)
            if result.returncode == 0:
                subprocess.run(["rm", "-rf", folder / "out"], check=True)
            refused += result.returncode
            assert_folder_holds(folder, name)
    return refused


def contents_of(seeds, kind, model, count):
    if kind == "safetensors":
        return [damage(kind, model[2], index) for index in range(count)]
    return list(damaged_files(seeds, kind, count))


@pytest.mark.parametrize("kind", KINDS)
def test_tools(seeds, model, tmp_path, kind):
    if kind not in seeds:
        pytest.skip("the seeds come from the sanitizer build")
    assert try_tools(kind, contents_of(seeds, kind, model, FILES_OF_TOOLS), tmp_path, model) > 0


@needs_sanitizers
@pytest.mark.parametrize("kind", KINDS)
def test_sanitized_tools(seeds, model, tmp_path, kind):
    try_tools(kind, contents_of(seeds, kind, model, 2), tmp_path, model, prefix=f"{SANITIZED}/")
