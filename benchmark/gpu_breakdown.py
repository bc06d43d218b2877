"""The device's time in a training step by kind of kernel, of Raddle and of PyTorch (benchmark/llama_gpus.py --breakdown).

A side's breakdown has the `seconds` of a step by kind, the `busy` ones in which the device works at all, and the
`largest` kernels with their kinds and seconds.
"""

import json
import math
import re

import torch

TRACED = 4  # steps of a breakdown, of which the first does not count
LARGEST = 12  # kernels that are named
# By the names of kernels, the first that matches.
KINDS_OF_PEER = {
    "collectives": "nccl|split_with_sizes_copy|chunk_cat",
    "attention": "fmha|flash|attention|sdpa",
    "optimizer": "multi_tensor_apply|adam",
    "gemm": "gemm|cutlass|nvjet|xmma|cublas|splitK",
    "embedding and loss": "nll|softmax|embedding|indexing",
    "norms and reductions": "triton_red|triton_per|reduce_kernel|norm",
    "copies": "Memcpy|Memset",
    "elementwise": "",
}


def elements(operands):
    return sum(math.prod(operand.get("shape", [])) for operand in operands)


def kind_of(instruction):
    """For the breakdown; a fused kernel counts as what its first operator or its shape says."""
    action, what = instruction["action_type"], instruction["action"]
    name = instruction.get("name", "")
    if action == "Attention" or name.startswith("scaled_dot_product_attention"):
        return "attention"
    if action != "Dispatch":
        return {"Gemm": "gemm", "Collective": "collectives", "Wait": "waits", "Record": "waits"}.get(action, "copies")
    inputs, outputs = what.get("inputs", []), what.get("outputs", [])
    if name == "dispatch" or any(operand.get("space") == "State" for operand in outputs):
        return "optimizer"
    if name.startswith(("cross_entropy", "embedding")):
        return "embedding and loss"
    if "norm" in name or elements(inputs) > 16 * elements(outputs):
        return "norms and reductions"
    return "elementwise"


def describe_instructions(bundle):
    """The kinds of a training step's instructions, by stream, in their order."""
    step = next(entry for entry in bundle["entries"] if entry["name"] == "train_step")["variants"][0]
    kinds = {}
    for instruction in step["instructions"]:
        kinds.setdefault(instruction.get("stream", 0), []).append(kind_of(instruction))
    return kinds


def profile(train, steps):
    """What the peer's device does in the steps behind the first `steps`."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    train(steps + 1)
    with torch.profiler.profile(activities=activities) as profiler:
        for step in range(2, TRACED + 1):
            train(steps + step)
    kernels = []
    for event in profiler.events():
        if event.device_type == torch.autograd.DeviceType.CUDA and not event.is_user_annotation:
            kind = next(kind for kind, names in KINDS_OF_PEER.items() if re.search(names, event.name, re.IGNORECASE))
            kernels.append((kind, event.name, event.time_range.start * 1e-6, event.time_range.end * 1e-6))
    return summarise(kernels)


def summarise(kernels):
    """Seconds of a step by kind, the most expensive kernels, and the seconds in which the device works at all, of
    (kind, name, begin, end) of all kernels in TRACED - 1 steps."""
    kinds, names, busy, until = {}, {}, 0.0, 0.0
    for kind, name, begin, end in sorted(kernels, key=lambda kernel: kernel[2]):
        kinds[kind] = kinds.get(kind, 0) + end - begin
        names[kind, name[:100]] = names.get((kind, name[:100]), 0) + end - begin
        busy += max(end - max(begin, until), 0)
        until = max(until, end)
    steps = TRACED - 1
    largest = sorted(names.items(), key=lambda item: -item[1])[:LARGEST]
    return {
        "seconds": {kind: seconds / steps for kind, seconds in kinds.items()}, "busy": busy / steps,
        "largest": [[*name, seconds / steps] for name, seconds in largest],
    }


def trace_raddle(machine, command, kinds):
    """What Raddle's device does in a step: the first rank's trace, whose first step does not count. `command` is that
    of raddle-run without the number of steps, `kinds` is `describe_instructions`."""
    process = machine.start([*command, f"--steps={TRACED}", "--trace=trace.json"])
    _, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError("raddle-run --trace failed: " + errors[-3000:])
    kernels, met = [], {}
    for event in json.loads((machine.folder / "trace.json").read_text())["traceEvents"]:
        if event["ph"] != "X" or event["pid"] != 0:
            continue
        stream = str(event["tid"])
        number = met[stream] = met.get(stream, -1) + 1
        kind = kinds[stream][number % len(kinds[stream])]
        if number >= len(kinds[stream]) and kind != "waits":
            name = re.sub(r"_?\d+$", "", event["name"])
            kernels.append((kind, f"{event['cat']} {name}", event["ts"] * 1e-6, (event["ts"] + event["dur"]) * 1e-6))
    return summarise(kernels)
