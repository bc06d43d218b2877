"""Writes the seeds of fuzzers, small files that are whole: `make_seeds.py FOLDER NAME...` fills FOLDER/NAME anew, with
the same bytes each time.

`bundle` needs fuzz-bundle-seeds of the sanitizer build. `mlir` takes the cases of the lit tests with the passes of
their RUN lines; `pt2` and `program` are exported here.
"""

import io
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PASSES = "// passes: "


def write_npy(folder):
    import numpy

    arrays = [
        numpy.arange(6, dtype=kind).reshape(2, 3) for kind in ("<f4", "<f8", "<f2", "<i8", "<i4", "<i2", "|i1", "|u1")
    ]
    arrays += [numpy.zeros(()), numpy.zeros((0, 3), "<f4"), numpy.array([True, False]), numpy.zeros((2, 2), order="F")]
    for index, array in enumerate(arrays):
        for version in ((1, 0), (2, 0), (3, 0)) if index == 0 else ((1, 0),):
            data = io.BytesIO()
            numpy.lib.format.write_array(data, array, version=version)
            (folder / f"{index}-{version[0]}").write_bytes(data.getvalue())


def safetensors(tensors, metadata=None):
    """The file of (name, dtype, shape, bytes)."""
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, dtype, shape, content in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write_safetensors(folder):
    two = [("a", "F32", [2, 3], bytes(24)), ("b", "BF16", [4], bytes(8))]
    files = {
        "empty": safetensors([]),
        "two": safetensors(two, metadata={"format": "pt"}),
        "unknown": safetensors([("a", "F8_E4M3", [3], bytes(3)), ("layers.0.weight", "I64", [], bytes(8))]),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)


def write_planner(folder):
    """Lists of parameters with the options of a plan, and headers of .safetensors files."""
    layers = [
        {"name": f"layers.{layer}.{name}", "shape": shape, "dtype": dtype}
        for layer in range(3)
        for name, shape, dtype in (("w", [96, 40], "bf16"), ("x", [3, 33, 65], "bf16"), ("b", [77], "f32"))
    ]
    odd = [
        {"name": "scalar", "shape": [], "dtype": "f32"},
        {"name": "none", "shape": [0, 4], "dtype": "bf16", "block": None},
        {"name": "one", "shape": [1], "dtype": "u8", "bucket": "layers.0"},
        {"name": "own", "shape": [64, 64], "dtype": "f4", "block": [7, 5]},
        {"name": "rows", "shape": [50, 11], "dtype": "bf16", "block": "rows:3"},
    ]
    documents = {
        "layers": {"ranks": 8, "default_block": "32x32", "params": layers},
        "odd": {"ranks": 6, "shard_ranks": 3, "default_block": "rows:1", "params": odd},
        "whole": {"ranks": 5, "default_block": "7x3", "whole_tensors": True, "params": layers},
        "all": {"ranks": 127, "default_block": "1x32", "params": layers + odd},
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document))
    write_safetensors(folder)
    for path in [*folder.iterdir()]:
        if path.name not in documents:
            (folder / f"{path.name}-header").write_bytes(path.read_bytes()[8:].partition(b"}}")[0] + b"}}")


def exported(*names):
    """(name, bytes of the .pt2 file) of models of the importer's tests, all of them without a name."""
    sys.path.insert(0, str(ROOT / "test" / "Import"))
    import export_models

    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for name in names or export_models.MODELS:
            export_models.write(pathlib.Path(folder), name, [])
            yield name, (pathlib.Path(folder) / f"{name}.pt2").read_bytes()


def write_pt2(folder):
    for name, data in exported("mlp"):
        (folder / name).write_bytes(repacked(data))


def slim(document):
    """A program's JSON without what the importer does not read or only quotes, in nested graphs too."""
    kept = {key: document[key] for key in ("graph_module", "schema_version", "range_constraints") if key in document}

    def without_metadata(entries):
        return {**entries, "metadata": {}} if "target" in entries and "metadata" in entries else entries

    return json.loads(json.dumps(kept), object_hook=without_metadata)


def repacked(data):
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            folder, _, rest = info.filename.partition("/")
            if rest == "models/model.json":
                content = json.dumps(slim(json.loads(content))).encode()
            if rest.startswith(("models/", "data/weights/", "data/constants/", "byteorder")):
                # Such an entry has the same date whenever it is written.
                new.writestr(zipfile.ZipInfo(f"model/{rest}"), content)
    return target.getvalue()


def as_json(data):
    """An archive as ProgramFuzzer takes it: JSON entries as such, text as strings, anything else by its size."""
    entries = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            name = info.filename.partition("/")[2]
            content = archive.read(info)
            if name.endswith(".json"):
                entries[name] = json.loads(content)
            else:
                entries[name] = content.decode() if name == "byteorder" else len(content)
    return json.dumps(entries)


def write_program(folder):
    for name, data in exported():
        (folder / name).write_text(as_json(repacked(data)))


def write_bundle(folder):
    subprocess.run([ROOT / "build-asan" / "bin" / "fuzz-bundle-seeds", folder], check=True)


def pipeline_of(line):
    """The passes of a RUN line as a textual pipeline; empty where it has none."""
    given = re.search(r"--pass-pipeline='builtin\.module\((.*?)\)'", line)
    if given:
        return given.group(1)
    passes = []
    for name, options in re.findall(r"--((?:nn|import|grad|raddle|train|ragged|fuse|schedule|codegen)-[\w-]+)(?:=(\"[^\"]*\"|\S+))?", line):
        options = options.strip('"')
        text = name + (f"{{{options}}}" if options else "")
        passes.append(f"func.func({text})" if name == "fuse-check-indices" else text)
    return ",".join(passes)


def write_mlir(folder):
    for path in sorted((ROOT / "test").rglob("*.mlir")):
        text = path.read_text()
        pipelines = {pipeline_of(line) for line in text.splitlines() if "RUN:" in line} or {""}
        for number, case in enumerate(text.split("// -----")):
            lines = [line for line in case.splitlines() if line.strip() and not line.lstrip().startswith("//")]
            for index, pipeline in enumerate(sorted(pipelines)):
                name = "-".join([*path.relative_to(ROOT / "test").with_suffix("").parts, str(number), str(index)])
                (folder / name).write_text("\n".join([PASSES + pipeline, *lines, ""]))


WRITERS = {
    "bundle": write_bundle,
    "npy": write_npy,
    "safetensors": write_safetensors,
    "planner": write_planner,
    "pt2": write_pt2,
    "program": write_program,
    "mlir": write_mlir,
}


def main():
    target = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        folder = target / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        WRITERS[name](folder)


if __name__ == "__main__":
    main()
