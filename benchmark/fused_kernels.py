"""Milliseconds of fused kernels beside PyTorch, eager and under torch.compile, on the same inputs and threads.

All three run in one process, by turns; results are compared first. Backward cases compute the result and its gradients;
the optimizer's is a step of training with a loss whose gradients are its inputs. Raddle's gradients are raddle-grad's.
The C library keeps the memory of results for the next call: otherwise every result of a few megabytes is new memory of
the system, which takes all three longer to get than to fill.
Prints one JSON object a case and number of threads: medians in ms, and the medians of the paired ratios
PyTorch / Raddle (above 1: Raddle is faster).
"""

import argparse
import copy
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch

import raddle
from kernel_cases import all_cases
from raddle._native import tool

LEARNING_RATE = 1e-3
TOLERANCE = 2e-5  # of the largest element of a result
SEED = 0
PAUSE = 0.02  # seconds
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 28)}


def compile_backward(case, inputs, cotangent, folder, threads):
    """A program whose entry main_grad gives the result and the gradients for a cotangent."""
    exported, module = folder / "model.pt2", folder / "model.mlir"
    raddle.export(case.module, inputs, exported)
    imported = subprocess.run([tool("raddle-translate"), "--import-pt2", exported], check=True, stdout=subprocess.PIPE)
    module.write_bytes(
        subprocess.run(
            [tool("raddle-opt"), "--raddle-grad=with-cotangent=true"],
            input=imported.stdout, check=True, stdout=subprocess.PIPE,
        ).stdout
    )
    bundle = folder / "model.raddle"
    subprocess.run([tool("raddle-compile"), module, "-o", bundle], check=True)
    program = raddle.Program(bundle, threads=threads)
    return lambda: program._run("main_grad", (*inputs, cotangent))[1]


def compile_forward(case, inputs, folder, threads):
    exported, bundle = folder / "model.pt2", folder / "model.raddle"
    raddle.export(case.module, inputs, exported)
    subprocess.run([tool("raddle-compile"), exported, "-o", bundle], check=True)
    program = raddle.Program(bundle, weights=exported, threads=threads)
    return lambda: program(*inputs)


def compile_step(case, inputs, folder, threads):
    exported, bundle = folder / "model.pt2", folder / "model.raddle"
    raddle.export(case.module, inputs, exported)
    options = ["--mode=train", "--optimizer=adamw", f"--lr={LEARNING_RATE}", "--weight-decay=0.01"]
    subprocess.run([tool("raddle-compile"), exported, *options, "-o", bundle], check=True)
    program = raddle.Program(bundle, weights=exported, threads=threads)

    def step():
        program.step(*inputs)
        return tuple(program.state_dict().values()) if step.checking else ()

    step.checking = False
    return step


def pytorch_forward(function, inputs):
    def run():
        with torch.no_grad():
            return (function(*inputs),)

    return run


def pytorch_backward(function, inputs, count, cotangent):
    leaves = tuple(value.clone().requires_grad_(index < count) for index, value in enumerate(inputs))

    def run():
        result = function(*leaves)
        return (result.detach(), *torch.autograd.grad(result, leaves[:count], cotangent))

    return run


def pytorch_step(module, inputs, wrap):
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    loss, update = wrap(module), wrap(optimizer.step)

    def step():
        optimizer.zero_grad()
        loss(*inputs).backward()
        update()
        return tuple(weight.detach() for weight in module.parameters()) if step.checking else ()

    step.checking = False
    return step


def sides(case, folder, threads):
    """Functions without arguments that give the results, by name."""
    inputs = case.inputs(torch.Generator().manual_seed(SEED))
    if case.optimizer:
        return {
            "pytorch": pytorch_step(copy.deepcopy(case.module), inputs, lambda function: function),
            "torch_compile": pytorch_step(copy.deepcopy(case.module), inputs, torch.compile),
            "raddle": compile_step(case, inputs, folder, threads),
        }
    compiled = torch.compile(case.module)
    if not case.gradients:
        return {
            "pytorch": pytorch_forward(case.module, inputs),
            "torch_compile": pytorch_forward(compiled, inputs),
            "raddle": compile_forward(case, inputs, folder, threads),
        }
    cotangent = torch.randn(case.module(*inputs).shape, generator=torch.Generator().manual_seed(SEED + 1))
    return {
        "pytorch": pytorch_backward(case.module, inputs, case.gradients, cotangent),
        "torch_compile": pytorch_backward(compiled, inputs, case.gradients, cotangent),
        "raddle": compile_backward(case, inputs, cotangent, folder, threads),
    }


def difference(runs):
    """The largest difference between Raddle's results and eager PyTorch's, in units of each result's largest
    element."""
    for run in runs.values():
        run.checking = True
    expected, found = runs["pytorch"](), runs["raddle"]()
    runs["torch_compile"]()
    for run in runs.values():
        run.checking = False
    if len(found) < len(expected):
        raise SystemExit(f"fused_kernels: error: expected {len(expected)} results, found {len(found)}")
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(expected, found))


def measure(runs, repeats):
    """Seconds of each side, one of each by turns."""
    seconds = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            # OpenMP's threads look for work a while before they sleep: a side shall find its own awake, not another's.
            time.sleep(PAUSE)
            run()
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def run_case(case, threads, repeats):
    # Inductor specialises to a number of sizes before it gives up.
    torch._dynamo.reset()
    with tempfile.TemporaryDirectory() as folder:
        runs = sides(case, pathlib.Path(folder), threads)
        found = difference(runs)
        if not found <= TOLERANCE:
            raise SystemExit(f"fused_kernels: error: {case.name}: results differ by {found:.1e}, allowed {TOLERANCE}")
        seconds = measure(runs, repeats)
    line = {"benchmark": "fused_kernels", "case": case.name, "shape": list(case.shape), "threads": threads}
    line["max_rel_diff"] = found
    line |= {f"{name}_ms": round(1e3 * statistics.median(values), 4) for name, values in seconds.items()}
    for name in ("pytorch", "torch_compile"):
        ratios = [theirs / ours for theirs, ours in zip(seconds[name], seconds["raddle"])]
        line[f"{name}_ratio"] = round(statistics.median(ratios), 3)
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases to run; default: all")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument("--rows", type=int, help="only cases whose first dimension is this")
    arguments = parser.parse_args()
    known = {case.name for case in all_cases()}
    if unknown := [name for name in arguments.names if name not in known]:
        parser.error(f"unknown cases {', '.join(unknown)}, expected some of {', '.join(sorted(known))}")
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        # torch.compile writes the number of threads into its code: a process for each.
        rest = [*arguments.names, f"--repeats={arguments.repeats}"]
        rest += [f"--rows={arguments.rows}"] if arguments.rows else []
        for threads in arguments.threads:
            command = [sys.executable, __file__, *rest, f"--threads={threads}"]
            subprocess.run(command, check=True, env=os.environ | KEEP_MEMORY | {"OMP_NUM_THREADS": str(threads)})
        return
    torch.set_num_threads(arguments.threads[0])
    for case in all_cases():
        if (not arguments.names or case.name in arguments.names) and arguments.rows in (None, case.shape[0]):
            run_case(case, arguments.threads[0], arguments.repeats)


if __name__ == "__main__":
    main()
