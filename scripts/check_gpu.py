"""Runs a folder of scripts/pack_gpu.py on this machine's GPU and compares with the CPU's results. Needs NumPy only.

    python3 check_gpu.py FOLDER [--sanitize CASES] [--log FILE]

Every number of every step and every output must be within RELATIVE of the CPU's, relative to the largest. The last
line is "N passed, M failed"; the exit status is 1 after a failure.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy

RELATIVE = 1e-3
CHECKERS = ("memcheck", "racecheck", "initcheck")
IGNORED = {"step", "seconds", "launch_seconds", "lr"}


class Log:
    def __init__(self, path):
        self.file = open(path, "w") if path else None

    def line(self, text):
        print(text, flush=True)
        if self.file:
            self.file.write(text + "\n")
            self.file.flush()


def environment(folder):
    paths = [str(folder / "lib")] + [str(path) for path in cublas_folders()]
    if "LD_LIBRARY_PATH" in os.environ:
        paths.append(os.environ["LD_LIBRARY_PATH"])
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(paths)}


def cublas_folders():
    """Where Python packages have CUDA's libraries."""
    for root in map(pathlib.Path, sys.path):
        yield from (file.parent for file in root.glob("nvidia/*/lib/libcublasLt.so.*"))


def run(folder, case, before=()):
    name = case["name"]
    command = [*before, folder / "raddle-run", f"{name}.cuda.raddle", *case["options"], "--json", f"--output={name}.gpu"]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)


def differences(expected, actual):
    """Of each line of JSON that describes a step: the largest relative difference of a number, and its name."""
    for ours, theirs in zip(actual, expected, strict=True):
        for key, value in theirs.items():
            if key not in IGNORED:
                text = f"step {theirs['step']}: {key} {ours[key]:.7g}, CPU {value:.7g}"
                yield abs(ours[key] - value) / max(abs(value), 1e-12), text


def output_differences(folder, name):
    for file in sorted((folder / f"{name}.expected").glob("*.npy")):
        theirs, ours = numpy.load(file), numpy.load(folder / f"{name}.gpu" / file.name)
        if theirs.size:
            scale = max(float(numpy.abs(theirs).max()), 1e-12)
            yield float(numpy.abs(ours.astype("f8") - theirs.astype("f8")).max()) / scale, f"output {file.stem}"


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def compare(folder, case, log):
    result = run(folder, case)
    if result.returncode != 0:
        log.line(f"FAIL {case['name']}: {result.stderr.strip()}")
        return False
    found, expected = lines(result.stdout), lines((folder / f"{case['name']}.expected.json").read_text())
    steps = lambda rows: [row for row in rows if "step" in row]
    worst = max([*differences(steps(expected), steps(found)), *output_differences(folder, case["name"])])
    seconds = [row["seconds"] for row in steps(found)]
    good = worst[0] <= RELATIVE
    host = steps(found)[-1]["launch_seconds"] * 1e6
    log.line(
        f"{'pass' if good else 'FAIL'} {case['name']}: largest difference {worst[0]:.2e} ({worst[1]}); "
        f"{len(seconds)} steps, the last {seconds[-1] * 1e6:.0f} us, of which {host:.0f} us the host's"
    )
    return good


def sanitize(folder, case, checker, log):
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    options = [option for option in case["options"] if not option.startswith("--steps")] + ["--steps=2"]
    result = run(folder, {**case, "options": options}, before=[tool, f"--tool={checker}", "--error-exitcode=9"])
    good = result.returncode == 0
    log.line(f"{'pass' if good else 'FAIL'} {case['name']}: compute-sanitizer {checker}")
    if not good:
        log.line(result.stdout[-2000:] + result.stderr[-2000:])
    return good


def describe_device():
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--sanitize", default="", help="comma-separated cases to run under compute-sanitizer")
    parser.add_argument("--log", type=pathlib.Path)
    options = parser.parse_args()
    folder, log = options.folder.resolve(), Log(options.log)
    log.line(f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {describe_device()}")
    cases = json.loads((folder / "cases.json").read_text())
    results = [compare(folder, case, log) for case in cases]
    chosen = [case for case in cases if case["name"] in options.sanitize.split(",")]
    results += [sanitize(folder, case, checker, log) for case in chosen for checker in CHECKERS]
    log.line(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
