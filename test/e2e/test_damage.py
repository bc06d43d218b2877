"""Damaged files: the tools end with 1 and a message of a few lines, do not crash and leave nothing behind."""

import ctypes
import ctypes.util
import random
import shutil
import struct
import zipfile

import pytest
import torch
from models import Mlp, mlp_batches
from tools import assert_folder_holds, assert_refused, make_bundle, run, succeed

CASES = 24
PREAMBLE_BYTES = 32


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    torch.manual_seed(0)
    return make_bundle(Mlp(), mlp_batches(1)[0], tmp_path_factory.mktemp("whole"), "--optimizer=sgd", mode="train")


def truncations(data):
    """Lengths from nothing to all but one byte."""
    return [data[: len(data) * i // CASES] for i in range(CASES)] + [data[:-1]]


def flips(data, seed):
    """One bit each, at places spread over the file."""
    draw = random.Random(seed)
    result = []
    for index in range(CASES):
        begin, end = len(data) * index // CASES, len(data) * (index + 1) // CASES
        damaged = bytearray(data)
        damaged[draw.randrange(begin, end)] ^= 1 << draw.randrange(8)
        result.append(bytes(damaged))
    return result


def noise(seed):
    draw = random.Random(seed)
    return [draw.randbytes(size) for size in (0, 1, 31, 32, 33, 1000, 100_000)]


def compile_damaged(folder, data):
    (folder / "damaged.pt2").write_bytes(data)
    return run("raddle-compile", "damaged.pt2", "--mode=train", "--batch=12", "-o", "out.raddle", cwd=folder)


@pytest.mark.parametrize("kind", ["truncated", "random"])
def test_pt2(files, tmp_path, kind):
    for data in truncations(files[0].read_bytes()) if kind == "truncated" else noise(seed=1):
        assert_refused(compile_damaged(tmp_path, data), "damaged.pt2")
        assert_folder_holds(tmp_path, "damaged.pt2")


def test_flipped_pt2(files, tmp_path):
    """A flip in padding or in an entry that nobody reads is no error; anything else is refused."""
    refused = 0
    for data in flips(files[0].read_bytes(), seed=2):
        result = compile_damaged(tmp_path, data)
        if result.returncode == 0:
            (tmp_path / "out.raddle").unlink()
        else:
            assert_refused(result)
            refused += 1
        assert_folder_holds(tmp_path, "damaged.pt2")
    assert refused > 0


def test_flipped_weight(files, tmp_path):
    """The runtime reads parts of weights, which have no checksum: the compiler checks them whole."""
    data = bytearray(files[0].read_bytes())
    with zipfile.ZipFile(files[0]) as archive:
        entry = next(info for info in archive.infolist() if info.filename.endswith("/weight_0"))
    # The name and the extra field of the local header, whose lengths it gives, precede the bytes.
    name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
    data[entry.header_offset + 30 + name + extra + entry.file_size // 2] ^= 1
    assert_refused(compile_damaged(tmp_path, bytes(data)), "weight_0")
    assert_folder_holds(tmp_path, "damaged.pt2")


@pytest.mark.parametrize("kind", ["truncated", "flipped", "random"])
@pytest.mark.parametrize("tool", ["raddle-run", "raddle-translate"])
def test_bundle(files, tmp_path, kind, tool):
    source, bundle = files
    shutil.copy(source, tmp_path / "model.pt2")
    whole = bundle.read_bytes()
    damaged = {"truncated": lambda: truncations(whole), "flipped": lambda: flips(whole, 3), "random": lambda: noise(4)}
    for data in damaged[kind]():
        (tmp_path / "damaged.raddle").write_bytes(data)
        if tool == "raddle-run":
            result = run(tool, "damaged.raddle", "--output=out", "--trace=trace.json", cwd=tmp_path)
        else:
            result = run(tool, "--bundle-to-json", "damaged.raddle", "-o", "out.json", cwd=tmp_path)
        assert_refused(result, "damaged.raddle")
        assert_folder_holds(tmp_path, "damaged.raddle", "model.pt2")


def hashed(buffer):
    """A whole bundle around a FlatBuffer, with the checksum that belongs to it."""
    library = ctypes.CDLL(ctypes.util.find_library("xxhash"))
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return b"RADDLE\0\1" + struct.pack("<QQQ", len(buffer), library.XXH3_64bits(buffer, len(buffer)), 0) + buffer


@pytest.mark.skipif(ctypes.util.find_library("xxhash") is None, reason="no library of xxhash to make checksums with")
def test_bundle_with_flips_behind_a_valid_checksum(files, tmp_path):
    """The verifier is on its own here. Only reading is tried: flipped machine code may do anything when it runs."""
    buffer = files[1].read_bytes()[PREAMBLE_BYTES:]
    (tmp_path / "whole.raddle").write_bytes(hashed(buffer))
    succeed("raddle-translate", "--bundle-to-json", "whole.raddle", cwd=tmp_path)
    for seed in range(6):
        for data in flips(buffer, seed):
            (tmp_path / "damaged.raddle").write_bytes(hashed(data))
            result = run("raddle-translate", "--bundle-to-json", "damaged.raddle", cwd=tmp_path)
            if result.returncode != 0:
                assert_refused(result, "damaged.raddle")


def test_weights_that_went_away(files, tmp_path):
    shutil.copy(files[1], tmp_path / "model.raddle")
    assert_refused(run("raddle-run", "model.raddle", cwd=tmp_path), "model.pt2")


def test_weights_of_another_model(files, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    source, _ = make_bundle(Mlp(hidden=5), mlp_batches(1)[0], other)
    shutil.copy(files[1], tmp_path / "model.raddle")
    result = run("raddle-run", "model.raddle", f"--weights={source}", cwd=tmp_path)
    assert_refused(result, "hidden.weight")
