"""Runs Raddle's programs as a user would, and says how a failure has to look."""

import json
import os
import pathlib
import subprocess

import raddle

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / "bin"
TIMEOUT_SECONDS = 120
# What is wrong fits a few lines, whatever is wrong.
LONGEST_MESSAGE_LINES = 12

# Open MPI refuses root and more ranks than cores unless it is told otherwise.
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
}


def run(name, *args, ranks=None, cwd=None, environment=()):
    """One of build/bin's programs, or with `ranks` that many of it under mpirun."""
    command = [str(BIN / name), *map(str, args)]
    if ranks is not None:
        command = ["mpirun", "-n", str(ranks), *command]
    environment = {**os.environ, **MPI_ENVIRONMENT, **dict(environment)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS
    )


def succeed(name, *args, **options):
    result = run(name, *args, **options)
    assert result.returncode == 0, result.stderr
    return result


def assert_refused(result, *words):
    """It ended with 1 and a message of a few lines that has all `words`; it did not crash."""
    assert result.returncode == 1, f"exit status {result.returncode}: {result.stderr[-2000:]}"
    lines = result.stderr.strip().splitlines()
    assert 1 <= len(lines) <= LONGEST_MESSAGE_LINES, result.stderr[-2000:]
    for word in words:
        assert word in result.stderr, result.stderr


def assert_folder_holds(folder, *names):
    """Nothing else was left, no output and no temporary file."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def make_bundle(module, args, folder, *options, ranks=1, mode="train", batch=None):
    """Exports and compiles with the tools. Returns the paths of the .pt2 and the .raddle."""
    source, bundle = folder / "model.pt2", folder / "model.raddle"
    raddle.export(module, args, source)
    if batch is None:
        batch = args[0].shape[0]
    succeed(
        "raddle-compile", source, f"--mode={mode}", "--target=cpu", f"--ranks={ranks}", f"--batch={batch}", *options,
        "-o", bundle,
    )
    return source, bundle


def json_lines(result):
    """(objects of steps, object of the summary) of raddle-run --json."""
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return [line for line in lines if "step" in line], next(line for line in lines if line.get("summary"))
