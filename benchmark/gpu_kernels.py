"""Microseconds of generated GPU kernels beside eager PyTorch and torch.compile, on one GPU in one process.

    .venv/bin/python benchmark/gpu_kernels.py pack FOLDER [CASE ...]      # where the compiler is; no GPU is needed
    python3 gpu_kernels.py run FOLDER [--kernels]                         # on the GPU's host, which needs torch

`pack` compiles the cases of kernel_cases.py, and writes what a launch needs. `run` launches the bundles' kernels on
memory of torch, in the order of the program. Backward cases are the result and its gradients; of a step of training the
kernels that write states are timed.

All sides are captured as graphs. What is timed is a graph that first overwrites the L2 cache, minus one that does only
that. Results are compared with eager PyTorch's before. Prints one JSON object a case, with medians; `bytes` are those
of all tensors that come and go, each once, `gb_per_s` is what that makes, beside that of a kernel that reads
and writes 1 GiB, and ratios are PyTorch / Raddle. `--kernels` adds the time of each kernel and the bytes of its
operands.
"""

import argparse
import copy
import ctypes
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import torch

from kernel_cases import large_cases

SEED = 0
LEARNING_RATE = 1e-3
DECAY = 0.01
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 2e-2}  # of the largest element of a result
PREAMBLE = 32  # bytes of a bundle before its FlatBuffer
CACHE_BYTES = 1 << 28
DTYPES = {
    "F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "Bool": torch.bool,
}


def name_of(case):
    return f"{case.name}-{str(case.dtype).removeprefix('torch.')}"


def draw(case, device):
    generator = torch.Generator(device).manual_seed(SEED)
    inputs = case.inputs(generator)
    return tuple(value.to(case.dtype) if value.is_floating_point() else value for value in inputs)


def draw_cotangent(result):
    generator = torch.Generator(result.device).manual_seed(SEED + 1)
    return torch.randn(result.shape, generator=generator, device=result.device).to(result.dtype)


# Where the compiler is


def compile_bundle(case, folder, options):
    import raddle
    from raddle._native import tool

    exported, bundle = folder / "model.pt2", folder / "model.raddle"
    inputs = tuple(value.to("meta") for value in draw(case, "cpu"))
    raddle.export(copy.deepcopy(case.module).to("meta"), inputs, exported)
    source = exported
    if case.gradients:
        source = folder / "model.mlir"
        imported = folder / "imported.mlir"
        subprocess.run([tool("raddle-translate"), "--import-pt2", exported, "-o", imported], check=True)
        command = [tool("raddle-opt"), "--raddle-grad=with-cotangent=true", imported, "-o", source]
        subprocess.run(command, check=True)
    if case.optimizer:
        options = [*options, "--mode=train", "--optimizer=adamw", f"--lr={LEARNING_RATE}", f"--weight-decay={DECAY}"]
    subprocess.run([tool("raddle-compile"), source, "--target=cuda:sm_90", *options, "-o", bundle], check=True)
    return bundle


def write_tables(bundle, folder):
    """The bundle's tables as JSON, without its code, which goes into files."""
    raw = folder / "model.bin"
    raw.write_bytes(bundle.read_bytes()[PREAMBLE:])
    schema = pathlib.Path(__file__).resolve().parents[1] / "include" / "raddle" / "Bundle" / "bundle.fbs"
    command = ["flatc", "--json", "--raw-binary", "--strict-json", "--defaults-json", "-o", folder, schema, "--", raw]
    subprocess.run(command, check=True)
    tables = json.loads((folder / "model.json").read_text())
    return tables, [bytes(code.pop("data")) for code in tables["code"]]


def pack(arguments):
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for case in large_cases():
        if arguments.cases and case.name not in arguments.cases:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            bundle = compile_bundle(case, pathlib.Path(temporary), arguments.option)
            tables, codes = write_tables(bundle, pathlib.Path(temporary))
        (arguments.folder / f"{name_of(case)}.json").write_text(json.dumps(tables))
        for number, code in enumerate(codes):
            (arguments.folder / f"{name_of(case)}.{number}.code").write_bytes(code)
        print(f"packed {name_of(case)}", file=sys.stderr)
    for name in ("gpu_kernels.py", "kernel_cases.py"):
        shutil.copy(pathlib.Path(__file__).with_name(name), arguments.folder)


# Where the GPU is


class Driver:
    """What of CUDA's driver torch does not offer."""

    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so.1")

    def call(self, name, *arguments):
        if status := getattr(self.library, name)(*arguments):
            raise SystemExit(f"gpu_kernels: error: {name} gives {status}")

    def load(self, code, symbol, shared):
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(module), code)
        self.call("cuModuleGetFunction", ctypes.byref(function), module, symbol.encode())
        if shared > 48 << 10:
            dynamic = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            self.call("cuFuncSetAttribute", function, dynamic, shared)
        return function

    def launch(self, function, blocks, threads, shared, pointers):
        values = [ctypes.c_void_p(pointer) for pointer in pointers]
        list_of = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        self.call("cuLaunchKernel", function, blocks, 1, 1, threads, 1, 1, shared, stream, list_of, None)


class Program:
    """An entry of a bundle, on memory of torch. Has kernels, copies and fills only."""

    def __init__(self, folder, name, entry, inputs):
        self.driver = Driver()
        self.tables = json.loads((folder / f"{name}.json").read_text())
        self.variant = next(e for e in self.tables["entries"] if e["name"] == entry)["variants"][0]
        new = lambda dtype, shape: torch.zeros([int(extent) for extent in shape], dtype=DTYPES[dtype], device="cuda")
        self.outputs = [new(out["dtype"], out.get("shape", [])) for out in self.variant.get("outputs", [])]
        self.states = [new(state["dtype"], [state["elements"]]) for state in self.tables.get("states", [])]
        self.arena = new("U8", [max(int(self.variant["arena_bytes"]), 1)])
        given = iter(inputs)
        scalars = {"LearningRate": LEARNING_RATE, "Step": 1, "Call": 1, "Seed": 0, "Rank": 0}
        self.inputs = [
            next(given).contiguous() if part["role"] == "Batch"
            else torch.tensor(scalars[part["role"]], dtype=DTYPES[part["dtype"]], device="cuda")
            for part in self.variant.get("inputs", [])
        ]
        self.constants = [
            torch.tensor(constant.get("data", []), dtype=torch.uint8, device="cuda")
            for constant in self.tables.get("constants", [])
        ]
        self.kernels = self.tables["kernels"]
        codes = [(folder / f"{name}.{number}.code").read_bytes() for number in range(len(self.tables["code"]))]
        self.functions = [
            self.driver.load(codes[kernel["code"]], kernel["symbol"], kernel["shared_bytes"]) for kernel in self.kernels
        ]
        scratch = max((int(kernel["global_scratch_bytes"]) * kernel["grid"][0] for kernel in self.kernels), default=0)
        self.scratch = new("U8", [max(scratch, 1)])
        known = {"Dispatch", "Copy", "Zero", "Record", "Wait", "CheckIndex"}
        self.instructions = [one for one in self.variant["instructions"] if one["action_type"] in known]
        if len(self.instructions) != len(self.variant["instructions"]):
            raise SystemExit(f"gpu_kernels: error: {name} has instructions other than {', '.join(sorted(known))}")

    def memory(self, operand):
        """The tensor of an operand, as bytes."""
        spaces = {"State": self.states, "Input": self.inputs, "Output": self.outputs, "Constant": self.constants}
        space = operand.get("space", "Arena")
        whole = self.arena if space == "Arena" else spaces[space][operand["index"]]
        elements = 1
        for extent in operand.get("shape", []):
            elements *= int(extent)
        size = elements * DTYPES[operand["dtype"]].itemsize
        return whole.reshape(-1).view(torch.uint8)[int(operand["offset"]) : int(operand["offset"]) + size]

    def operands(self, action):
        return [self.memory(operand) for operand in action.get("inputs", []) + action.get("outputs", [])]

    def perform(self, instruction):
        action, kind = instruction["action"], instruction["action_type"]
        if kind == "Dispatch":
            kernel = self.kernels[action["kernel"]]
            pointers = [operand.data_ptr() for operand in self.operands(action)]
            trailing = [self.scratch.data_ptr(), 0, 0, 0][: kernel["trailing_pointers"]]
            threads = 32 * kernel["num_warps"]
            shared = kernel["shared_bytes"]
            function, blocks = self.functions[action["kernel"]], kernel["grid"][0]
            self.driver.launch(function, blocks, threads, shared, pointers + trailing)
        elif kind == "Copy":
            self.memory(action["dst"]).copy_(self.memory(action["src"]))
        elif kind == "Zero":
            self.memory(action["dst"]).zero_()

    def run(self):
        for instruction in self.instructions:
            self.perform(instruction)

    def updates(self):
        """Instructions that write states."""
        return [
            one for one in self.instructions
            if any(out.get("space") == "State" for out in one["action"].get("outputs", []))
        ]

    def describe(self, instruction):
        kernel = self.kernels[instruction["action"]["kernel"]]
        maker = "triton" if self.tables["code"][kernel["code"]]["target"].endswith(":triton") else "nvvm"
        moved = sum(operand.numel() for operand in self.operands(instruction["action"]))
        return {"kernel": kernel["name"], "by": maker, "blocks": kernel["grid"][0], "bytes": moved}


def capture(function):
    """A graph that overwrites the cache and then does what the function does."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            function()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        capture.cache.zero_()
        function()
    return graph


def seconds_of(functions, repeats):
    """Seconds of each function by name: medians over replays by turns, without the overwriting of the cache."""
    graphs = {name: capture(function) for name, function in functions.items()} | {None: capture(lambda: None)}
    found = {name: [] for name in graphs}
    for _ in range(repeats):
        for name, graph in graphs.items():
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            found[name].append(begin.elapsed_time(end) * 1e-3)
    cache = statistics.median(found.pop(None))
    return {name: statistics.median(values) - cache for name, values in found.items()}


def peers_of(case, module, inputs):
    """Functions that give a case's results, by name."""
    compiled = torch.compile(module)
    if not case.gradients:
        def forward(function):
            with torch.no_grad():
                return (function(*inputs),)

        return {"pytorch": lambda: forward(module), "torch_compile": lambda: forward(compiled)}
    leaves = [value.detach().clone() for value in inputs]
    for leaf in leaves[: case.gradients]:
        leaf.requires_grad_()
    cotangent = draw_cotangent(module(*inputs))

    def backward(function):
        result = function(*leaves)
        return (result.detach(), *torch.autograd.grad(result, leaves[: case.gradients], cotangent))

    return {"pytorch": lambda: backward(module), "torch_compile": lambda: backward(compiled)}


def compare(case, expected, found):
    worst = 0.0
    for theirs, ours in zip(expected, found, strict=True):
        theirs, ours = theirs.double().flatten(), ours.double().flatten()[: theirs.numel()]
        worst = max(worst, float((theirs - ours).abs().max() / theirs.abs().max()))
    if not worst <= TOLERANCE[case.dtype]:
        allowed = TOLERANCE[case.dtype]
        raise SystemExit(f"gpu_kernels: error: {name_of(case)}: results differ by {worst:.1e}, allowed {allowed}")
    return worst


def function_case(case, folder):
    """What is to be timed, the program's instructions of it, the largest difference and the bytes moved."""
    module, inputs = copy.deepcopy(case.module).cuda(), draw(case, "cuda")
    peers = peers_of(case, module, inputs)
    expected = peers["pytorch"]()
    given = [*inputs, draw_cotangent(expected[0])] if case.gradients else inputs
    program = Program(folder, name_of(case), "main_grad" if case.gradients else "main", given)
    program.run()
    torch.cuda.synchronize()
    worst = compare(case, expected, program.outputs[: len(expected)])
    moved = sum(value.nbytes for value in (*given, *expected))
    return peers | {"raddle": program.run}, program, program.instructions, worst, moved


def optimizer_case(case, folder):
    module, inputs = copy.deepcopy(case.module).cuda(), draw(case, "cuda")
    program = Program(folder, name_of(case), "train_step", inputs)
    bucket, (weight,) = program.tables["buckets"][0], list(module.parameters())
    state = program.states[bucket["param_state"]]
    state.copy_(weight.detach().flatten())
    optimizers = {
        "pytorch": torch.optim.AdamW([weight], lr=LEARNING_RATE, weight_decay=DECAY, capturable=True, foreach=True),
        "pytorch_fused": torch.optim.AdamW([weight], lr=LEARNING_RATE, weight_decay=DECAY, capturable=True, fused=True),
    }
    weight.grad = inputs[0].reshape(weight.shape)
    program.run()
    optimizers["pytorch"].step()
    worst = compare(case, [weight.detach()], [state])
    updates = program.updates()

    def update():
        for instruction in updates:
            program.perform(instruction)

    sides = {name: optimizer.step for name, optimizer in optimizers.items()} | {"raddle": update}
    return sides, program, updates, worst, 0


def run_case(case, folder, arguments, copied):
    torch._dynamo.reset()
    sides, program, instructions, worst, moved = (optimizer_case if case.optimizer else function_case)(case, folder)
    moved = case.moved * case.dtype.itemsize or moved
    seconds = seconds_of(sides, arguments.repeats)
    line = {"benchmark": "gpu_kernels", "case": case.name, "shape": list(case.shape), "max_rel_diff": worst}
    line |= {"dtype": str(case.dtype).removeprefix("torch."), "bytes": moved}
    line |= {f"{name}_us": round(1e6 * value, 2) for name, value in seconds.items()}
    peers = {name: value for name, value in seconds.items() if name != "raddle"}
    line |= {f"{name}_ratio": round(value / seconds["raddle"], 3) for name, value in peers.items()}
    line |= {"gb_per_s": round(moved / seconds["raddle"] / 1e9), "copy_gb_per_s": round(copied / 1e9)}
    if arguments.kernels:
        parts = [one for one in instructions if one["action_type"] == "Dispatch"]
        each = seconds_of({n: lambda one=one: program.perform(one) for n, one in enumerate(parts)}, arguments.repeats)
        line["kernels"] = [program.describe(one) | {"us": round(1e6 * each[n], 2)} for n, one in enumerate(parts)]
    print(json.dumps(line), flush=True)


def run(arguments):
    capture.cache = torch.empty(CACHE_BYTES, dtype=torch.uint8, device="cuda")
    # A kernel that reads and writes: the copy engine is slower.
    source = torch.empty(1 << 28, dtype=torch.float32, device="cuda")
    target = torch.empty_like(source)
    copy_once = lambda: torch.neg(source, out=target)
    copied = 2 * source.nbytes / seconds_of({"copy": copy_once}, arguments.repeats)["copy"]
    del source, target
    for case in large_cases():
        if arguments.cases and case.name not in arguments.cases:
            continue
        if (arguments.folder / f"{name_of(case)}.json").exists():
            run_case(case, arguments.folder, arguments, copied)
            torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pack", "run"))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("cases", nargs="*", help="names of cases; default: all")
    parser.add_argument("--option", action="append", default=[], help="of raddle-compile; repeatable")
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument("--kernels", action="store_true", help="time each kernel as well")
    arguments = parser.parse_intermixed_args()
    (pack if arguments.what == "pack" else run)(arguments)


if __name__ == "__main__":
    main()
