"""Runs a folder of scripts/pack_gpu.py on this machine's GPUs and compares with the CPU's results. Needs NumPy only.

    python3 check_gpu.py FOLDER [--sanitize CASES] [--seconds N] [--log FILE]

Every number of every step and every output must be within the case's tolerance of the CPU's, relative to the largest.
In bf16 it may also be as far from it as the CPU's is from that in f32: so much rounding alone makes of it.
From the third on a step must be one launch of a graph, which allocates nothing, waits for nothing and takes the host
less than HOST_SECONDS.

The device's own tests (raddle-gpu-tests) run first. Cases of several ranks follow, as threads of one process and as
processes of mpirun, torchrun and its environment. Where there are fewer GPUs than ranks, these share them: processes
with NVIDIA's NCCL, which connects them through sockets, threads with a library in its place
(unittests/Runtime/SharedGpuNccl.cpp). Then what must be refused; then cases of one rank, as many at a time
as there are GPUs, some of them traced as well; then those under compute-sanitizer. A check that hangs is ended and
fails, and the others go on; what --seconds leaves no time for is skipped and named. The last line is "N passed, M
failed"; the exit status is 1 after a failure.
"""

import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import typing

import numpy

CHECKERS = ("memcheck", "racecheck", "initcheck")
SANITIZED = ("mlp", "qwen3-train", "bert-train", "mixtral-train")
TRACES = 2
HOST_SECONDS = 100e-6
WARM = 2  # steps: instructions one by one, then the one in which they become a graph
LATER_STEPS = {"graph_launches": 1, "single_instructions": 0, "device_allocations": 0, "synchronisations": 0}
NODES = ("memsets", "copies", "events", "hosts", "children", "empties", "others", "programmatic", "joins")
IGNORED = {"step", "seconds", "launch_seconds", "lr", *LATER_STEPS}
CASE_SECONDS = 60  # of one run, and of one under compute-sanitizer three times as many
COLLECTIVE_SECONDS = 20
REFUSAL_SECONDS = 3
LIBRARIES = ("libcublasLt.so.*", "libcudart.so.*", "libcudnn.so.9", "libnccl.so.2")
PORT = 29511
# Threads that share a GPU: streams wait for each other in kernels, so that each needs a queue of its own.
SHARING_THREADS = {"CUDA_DEVICE_MAX_CONNECTIONS": "32"}


class Log:
    """Lines on standard output and in a file, and the sum of what passed."""

    def __init__(self, path, seconds):
        self.file = open(path, "w") if path else None
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.passed = self.failed = 0

    def left(self):
        return self.end - time.monotonic()

    def line(self, text):
        with self.lock:
            print(text, flush=True)
            if self.file:
                self.file.write(text + "\n")
                self.file.flush()

    def result(self, good, text):
        with self.lock:
            self.passed += good
            self.failed += not good
        self.line(f"{'pass' if good else 'FAIL'} {text}")


class Result:
    """What became of the processes of one run."""

    def __init__(self, processes, seconds):
        end = time.monotonic() + seconds
        self.outputs, self.hung = [], False
        for process in processes:
            try:
                output = process.communicate(timeout=max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                self.hung = True
                os.killpg(process.pid, signal.SIGKILL)
                output = process.communicate()
            self.outputs.append(output)
        self.status = next((process.returncode for process in processes if process.returncode), 0)
        self.stdout = self.outputs[0][0]

    def problem(self):
        texts = [error.strip()[-1500:] for _, error in self.outputs if error.strip()]
        return ("ended after its time; " if self.hung else f"exit status {self.status}; ") + " | ".join(texts)


class Machine:
    # Variables of processes that share GPUs: NCCL is to take a network that every machine has.
    sharing_processes = {"NCCL_SOCKET_IFNAME": "lo", "NCCL_IB_DISABLE": "1"}

    def __init__(self, folder):
        self.folder = folder
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        self.description = subprocess.run(query, capture_output=True, text=True).stdout.strip().splitlines()
        self.gpus = len(self.description)
        paths = [str(folder / "lib"), *library_folders()]
        if "LD_LIBRARY_PATH" in os.environ:
            paths.append(os.environ["LD_LIBRARY_PATH"])
        self.environment = {
            "NCCL_NVLS_ENABLE": "0",  # a host of other people's GPUs as well
            "NCCL_DEBUG": "WARN",
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(paths),
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }

    def start(self, command, **variables):
        environment = {**self.environment, **variables}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [str(part) for part in command], cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True,
            start_new_session=True,
        )

    def run(self, case, seconds, before=(), extra=(), gpu=None, patience=COLLECTIVE_SECONDS):
        """One case, as its ranks are to be started; on one GPU, where its number is given. Where the case says so, its
        ranks share GPUs."""
        command = [*before, self.folder / "raddle-run", case["bundle"], *case["options"], "--json"]
        command += [f"--output={output_name(case)}", f"--timeout={patience}", *extra]
        launch, ranks = case.get("launch", "threads"), case.get("ranks", 1)
        variables = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)}
        if case.get("shared"):
            command.append("--share-gpus")
            variables = self.sharing_threads() if launch == "threads" else self.sharing_processes
        if launch == "mpirun":
            command = ["mpirun", "-n", ranks, *command]
        if launch == "torchrun":
            options = [f"--nproc-per-node={ranks}", "--master-addr=127.0.0.1", f"--master-port={PORT}", "--no-python"]
            command = [sys.executable, "-m", "torch.distributed.run", *options, *command]
        if launch == "environment":
            return Result(self.start_ranks(command, ranks, **variables), seconds)
        return Result([self.start(command, **variables)], seconds)

    def start_ranks(self, command, ranks, **variables):
        return [self.start(command, **variables, **rank_environment(rank, ranks)) for rank in range(ranks)]

    def sharing_threads(self):
        libraries = f"{self.folder / 'shared'}:{self.environment['LD_LIBRARY_PATH']}"
        return {**SHARING_THREADS, "LD_LIBRARY_PATH": libraries}


def rank_environment(rank, ranks):
    """What torchrun says to a rank; without its store the ranks may be few or late."""
    return {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(PORT + 100),
    }


def library_folders():
    """Where Python packages have CUDA's libraries."""
    for root in map(pathlib.Path, sys.path):
        for library in LIBRARIES:
            yield from sorted({str(file.parent) for file in root.glob(f"nvidia/*/lib/{library}")})


def output_name(case):
    return f"{case['bundle'].removesuffix('.raddle')}.{case.get('launch', 'threads')}"


def title(case):
    if case.get("ranks", 1) == 1:
        return case["name"]
    where = "ranks that share GPUs" if case.get("shared") else "GPUs"
    return f"{case['name']} on {case['ranks']} {where} ({case['launch']})"


class Difference(typing.NamedTuple):
    """Of a number or an array, relative to the largest of the CPU's."""

    share: float  # of what is allowed
    found: float
    allowed: float
    what: str

    def __str__(self):
        return f"{self.found:.2e} of {self.allowed:.2g} ({self.what})"


def difference(ours, theirs, unrounded, tolerance, what):
    ours, theirs, unrounded = (numpy.asarray(array, "f8") for array in (ours, theirs, unrounded))
    scale = max(numpy.abs(theirs).max(), 1e-12)
    found = numpy.nan_to_num(numpy.abs(ours - theirs).max() / scale, nan=numpy.inf)
    allowed = max(tolerance, numpy.abs(unrounded - theirs).max() / scale)
    return Difference(found / allowed, found, allowed, what)


def step_differences(folder, case, actual):
    """The largest difference of the lines of JSON that describe steps."""
    expected, unrounded = (
        steps_of((folder / f"{case[key]}.expected.json").read_text()) for key in ("expected", "unrounded")
    )
    for ours, theirs, exact in zip(actual, expected, unrounded, strict=True):
        for key, value in theirs.items():
            if key not in IGNORED:
                what = f"step {theirs['step']}: {key} {ours[key]:.7g}, CPU {value:.7g}"
                yield difference(ours[key], value, exact[key], case["tolerance"], what)


def output_differences(folder, case):
    for file in sorted((folder / f"{case['expected']}.expected").glob("*.npy")):
        theirs, ours = numpy.load(file), numpy.load(folder / output_name(case) / file.name)
        if theirs.size:
            exact = numpy.load(folder / f"{case['unrounded']}.expected" / file.name)
            yield difference(ours, theirs, exact, case["tolerance"], f"output {file.stem}")


def steps_of(text):
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if "step" in line]


def describe_graphs(text):
    """How many nodes the graphs of a run had, and all kinds of nodes but kernels."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    counts = collections.Counter()
    for graph in (graph for line in lines if "summary" in line for graph in line["graphs"]):
        counts.update({key: count for key, count in graph.items() if key != "entry"})
    others = [f"{counts[kind]} {kind}" for kind in NODES if counts[kind]]
    return f"{counts['nodes']} nodes" + (f" ({', '.join(others)})" if others else "")


def compare(machine, case, log, gpu=None):
    result = machine.run(case, min(CASE_SECONDS, max(log.left(), 1)), gpu=gpu)
    if result.hung or result.status != 0:
        log.result(False, f"{title(case)}: {result.problem()}")
        if log.left() > 0:
            # Which instruction it is, and whether it is the graph.
            traced = machine.run(case, CASE_SECONDS / 2, extra=["--trace=trace.json"])
            log.line(f"     {title(case)}, without a graph: {len(steps_of(traced.stdout))} steps; {traced.problem()}")
        return
    found = steps_of(result.stdout)
    worst = max([*step_differences(machine.folder, case, found), *output_differences(machine.folder, case)])
    seconds, host = (statistics.median(step[key] for step in found[WARM:]) for key in ("seconds", "launch_seconds"))
    problems = wrong_calls(found[WARM:])
    if case.get("ranks", 1) == 1 and host > HOST_SECONDS:
        problems.append(f"the host needs more than {HOST_SECONDS * 1e6:.0f} us a step")
    log.result(
        worst.share <= 1 and not problems,
        f"{title(case)}: largest difference {worst}; "
        f"{len(found)} steps of {seconds * 1e6:.0f} us, of which {host * 1e6:.0f} us the host's; "
        + describe_graphs(result.stdout)
        + "".join("; " + problem for problem in problems),
    )


def check_trace(machine, case, log):
    """A traced run has the same results, and times by the device's clock for as many instructions in each step."""
    result = machine.run(case, CASE_SECONDS, extra=["--trace=trace.json", "--report=report.html"])
    found = steps_of(result.stdout)
    worst = max(step_differences(machine.folder, case, found))
    events = json.loads((machine.folder / "trace.json").read_text())["traceEvents"]
    times = [event["dur"] for event in events if event["ph"] == "X"]
    steps = len(found)
    good = result.status == 0 and worst.share <= 1 and len(times) % steps == 0 and min(times) >= 0
    later = sum(times[len(times) // steps :]) / (steps - 1)
    what = f"trace of {title(case)}: {len(times) / steps:g} instructions a step, which take the device {later:.0f} us"
    log.result(good and later > 0, f"{what}; largest difference {worst}")


def wrong_calls(steps):
    """What later steps ask of the device beside launching their graph."""
    return [
        f"step {step['step']} has {step[key]} {key}, expected {expected}"
        for step in steps for key, expected in LATER_STEPS.items() if step[key] != expected
    ]


def device_tests(machine, log):
    """All for a rank with NVIDIA's NCCL, then those of ranks for several that share a GPU. Lines of figures are
    kept."""
    shared = {"RADDLE_TEST_RANKS": "3", **machine.sharing_threads()}
    for what, tests, variables in (("1 rank", "*", {}), ("3 ranks", "DeviceTest.*", shared)):
        command = [machine.folder / "raddle-gpu-tests", "--gtest_brief=1", f"--gtest_filter={tests}"]
        result = Result([machine.start(command, **variables)], min(2 * CASE_SECONDS, max(log.left(), 1)))
        *figures, last = result.stdout.strip().splitlines() or [""]
        good = result.status == 0 and not result.hung and "SKIPPED" not in result.stdout
        for line in figures:
            if not good or not line.startswith(("[", "Note")):
                log.line(f"     {line}")
        log.result(good, f"raddle-gpu-tests, {what}: {last if good else result.problem()}")


def refusals(machine, cases, log):
    """What must end with a message that says why: too many ranks for the GPUs, and a rank that never comes."""
    several = {case["launch"]: case for case in cases if case.get("ranks", 1) > machine.gpus}
    for case in several.values():
        if log.left() > 0:
            result = machine.run(case, CASE_SECONDS, patience=REFUSAL_SECONDS)
            wanted = ("this machine has" if case["launch"] == "threads" else "this process sees") + f" {machine.gpus}"
            said = any(wanted in error for _, error in result.outputs)
            good = result.status != 0 and not result.hung and said
            what = f"{case['name']}, {case['ranks']} ranks ({case['launch']}) on {machine.gpus} GPUs"
            log.result(good, f"{what} are refused" + ("" if good else f": {result.problem()}"))
    case = next((case for case in cases if 1 < case.get("ranks", 1) <= machine.gpus), None)
    if case and log.left() > 0:
        command = [machine.folder / "raddle-run", case["bundle"], *case["options"], f"--timeout={REFUSAL_SECONDS}"]
        result = Result([machine.start(command, **rank_environment(0, case["ranks"]))], CASE_SECONDS)
        good = result.status == 1 and not result.hung and "did not come: 1" in result.outputs[0][1]
        log.result(good, f"a rank that never comes is named: {result.problem()}")


def sanitize(machine, case, checker, log):
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    options = [option for option in case["options"] if not option.startswith("--steps")] + ["--steps=2"]
    before = [tool, f"--tool={checker}", "--error-exitcode=9"]
    result = machine.run({**case, "options": options}, min(3 * CASE_SECONDS, max(log.left(), 1)), before=before)
    good = result.status == 0 and not result.hung
    log.result(good, f"{title(case)}: compute-sanitizer {checker}" + ("" if good else f": {result.problem()}"))
    if not good:
        log.line(result.stdout[-2000:])


def describe(machine, log):
    log.line(f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {'; '.join(machine.description)}")
    print(f"CUDA's libraries from {machine.environment['LD_LIBRARY_PATH']}", flush=True)
    if machine.gpus > 1:
        log.line(subprocess.run(["nvidia-smi", "topo", "-m"], capture_output=True, text=True).stdout.split("\n\n")[0])


def guarded(check, *arguments, log, name):
    """A check, or one line that says what it is skipped for or stumbles over."""
    if log.left() <= 0:
        return log.line(f"skip {name}: no time is left")
    try:
        check(*arguments)
    except Exception as error:
        log.result(False, f"{name}: {type(error).__name__}: {error}")


def run_singles(machine, cases, log):
    free = queue.Queue()
    for gpu in range(max(machine.gpus, 1)):
        free.put(gpu)

    def one(case):
        gpu = free.get()
        try:
            guarded(lambda: compare(machine, case, log, gpu), log=log, name=title(case))
        finally:
            free.put(gpu)

    with concurrent.futures.ThreadPoolExecutor(max(machine.gpus, 1)) as pool:
        list(pool.map(one, cases))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument(
        "--sanitize", default=",".join(SANITIZED), help="comma-separated cases to run under compute-sanitizer"
    )
    parser.add_argument("--checkers", default=",".join(CHECKERS), help="of compute-sanitizer, comma-separated")
    parser.add_argument("--seconds", type=float, default=1e9, help="after which no further check begins")
    parser.add_argument("--log", type=pathlib.Path)
    options = parser.parse_args()
    if not shutil.which("nvidia-smi"):
        sys.exit("check_gpu: error: there is no nvidia-smi, so that this machine's GPUs cannot be counted")
    machine, log = Machine(options.folder.resolve()), Log(options.log, options.seconds)
    guarded(describe, machine, log, log=log, name="the machine")
    cases = json.loads((machine.folder / "cases.json").read_text())
    guarded(device_tests, machine, log, log=log, name="raddle-gpu-tests")
    for case in cases:
        if case.get("ranks", 1) == 1:
            continue
        case = {**case, "shared": case["ranks"] > machine.gpus}
        if case["launch"] == "mpirun" and not shutil.which("mpirun"):
            log.line(f"skip {title(case)}: there is no mpirun")
            continue
        guarded(compare, machine, case, log, log=log, name=title(case))
    guarded(refusals, machine, cases, log, log=log, name="refusals")
    singles = [case for case in cases if case.get("ranks", 1) == 1]
    run_singles(machine, singles, log)
    for case in [case for case in singles if case["name"].endswith("-train")][:TRACES]:
        guarded(check_trace, machine, case, log, log=log, name=f"trace of {title(case)}")
    for case in cases:
        if case["name"] in options.sanitize.split(",") and case.get("launch", "threads") == "threads":
            if case.get("ranks", 1) <= machine.gpus:
                for checker in options.checkers.split(","):
                    guarded(sanitize, machine, case, checker, log, log=log, name=f"{title(case)} under {checker}")
    log.line(f"{log.passed} passed, {log.failed} failed")
    return 1 if log.failed else 0


if __name__ == "__main__":
    sys.exit(main())
