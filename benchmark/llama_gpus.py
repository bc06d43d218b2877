"""A Llama-style model of 1.36 billion parameters trained on several GPUs, beside PyTorch's FSDP2 on the same GPUs.

    .venv/bin/python benchmark/llama_gpus.py pack FOLDER --ranks=2      # where the compiler is; no GPU is needed
    python3 llama_gpus.py run FOLDER --steps=50                        # on the GPUs' host, which needs torch
    python3 llama_gpus.py host FOLDER --steps=12                       # Raddle alone: where the host's time goes

24 layers, width 2048, 5632 in the feed-forward, 16 heads, a vocabulary of 32,000; AdamW. With --dtype=f32 both sides
multiply without TF32; with bf16 Raddle is compiled for it, and the peer's FSDP2 gathers in bf16 and reduces in f32.
Neither side reads weights: Raddle's runtime draws them from a counter, and the peer draws the same ones (`draw`). Both
cut the same windows from one file of tokens, a random chain that a model can learn. `--compiled` compiles the peer's
layers with torch.compile. With --share-gpus both sides' ranks share GPUs where there are fewer, as processes that NCCL
connects through sockets: the losses are what they would be elsewhere, times and bytes are not.

The losses of all steps are compared first; the exit status is 1 where one differs by more than TOLERANCE. Each line on
standard output is a JSON object with one figure:

- `losses`: of both sides, and the largest relative difference;
- `seconds` of a step: the median of all steps but the first three; `ratio` is FSDP2 / Raddle;
- `bytes` of a GPU in use at the end, of all ranks the most, by nvidia-smi's count, `ratio` is Raddle / FSDP2;
- `host_seconds` that Raddle's first rank spends on a step beside waiting, what it asks the device for meanwhile, the
  `phases` of the call, medians of seconds by name, and the nodes of the graph that a step is (docs/run.md). `host`
  prints this figure alone, and writes the graph to graph.dot in the folder;
- `breakdown`, with --breakdown: the device's seconds of a step by kind of kernel, and the kernels with most. Raddle is
  run again, instruction by instruction and with times by events; the peer does some more steps under torch.profiler.
  `gaps` is the step's time, as above, without the time in which the device works. gpu_breakdown.py says what a kind is.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

import gpu_breakdown
import numpy
import torch
from torch import nn
from torch.nn import functional

SEED, LEARNING_RATE = 11, 3e-4
# Relative, of each loss: both sides round differently, and training multiplies that.
TOLERANCE = {"f32": 1e-2, "bf16": 3e-2}
WARM = 3  # steps that are not timed
PHASES = [f"{name}_seconds" for name in ("check", "stage", "submit", "collect", "wait", "deliver")]
TOKENS_IN_FILE = 4_000_000
PORT = 29533


class Layer(nn.Module):
    def __init__(self, width, hidden, heads):
        super().__init__()
        self.heads = heads
        self.norm, self.last_norm = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x, cos, sin):
        batch, length, width = x.shape
        h = self.norm(x)
        q, k, v = (f(h).view(batch, length, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        h = functional.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
        x = x + self.o(h.transpose(1, 2).reshape(batch, length, width))
        h = self.last_norm(x)
        return x + self.down(functional.silu(self.gate(h)) * self.up(h))


def rotate(x, cos, sin):
    """Rotary positions; the pairs are an element of the first half and its like of the second."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Llama(nn.Module):
    """Windows of token ids, i64 [batch, length], to the mean cross-entropy of `labels`, as many."""

    def __init__(self, layers, width, hidden, heads, vocabulary):
        super().__init__()
        self.head_width = width // heads
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(Layer(width, hidden, heads) for _ in range(layers))
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, input_ids, labels):
        half = torch.arange(0, self.head_width, 2, device=input_ids.device, dtype=torch.float32)
        frequencies = 1.0 / 10000.0 ** (half / self.head_width)
        positions = torch.arange(input_ids.shape[1], device=input_ids.device, dtype=torch.float32)
        angles = positions[:, None] * frequencies[None, :]
        angles = torch.cat((angles, angles), dim=-1)
        cos, sin = angles.cos(), angles.sin()
        x = self.embedding(input_ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        logits = self.head(self.norm(x)).float()
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def make_model(arguments):
    return Llama(arguments.layers, arguments.width, arguments.hidden, arguments.heads, arguments.vocabulary)


def make_tokens(vocabulary):
    """A chain in which three of four tokens follow from the one before, and the others are frequent ones."""
    generator = numpy.random.default_rng(SEED)
    follower = generator.permutation(vocabulary)
    frequent = numpy.minimum(generator.zipf(1.3, TOKENS_IN_FILE) - 1, vocabulary - 1)
    follows = generator.random(TOKENS_IN_FILE) < 0.75
    tokens = frequent.copy()
    for i in range(1, TOKENS_IN_FILE):
        if follows[i]:
            tokens[i] = follower[tokens[i - 1]]
    return tokens.astype("<u2")


def describe_parameters(bundle):
    """Name, initialiser and scale of each parameter, in the order that the runtime counts them."""
    described = [(one["name"], one["source"]) for one in bundle["parameters"]]
    return [{"name": name, "init": at["init"], "scale": at.get("init_scale", 0)} for name, at in described]


def pack(arguments):
    """The bundle, the tokens, the parameters' places among Raddle's random numbers, and the tools."""
    root = pathlib.Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(root / "scripts"))
    import pack_gpu
    import raddle

    folder, tools = arguments.folder, root / "build" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        module = make_model(arguments)
        batch = torch.zeros(arguments.batch, arguments.length, dtype=torch.int64)
    raddle.export(module, (batch, batch), folder / "llama.pt2")
    bundle = folder / "llama.raddle"
    command = [tools / "raddle-compile", folder / "llama.pt2", "--mode=train", "--target=cuda:sm_90"]
    command += [f"--ranks={arguments.ranks}", f"--batch={arguments.batch}", f"--seed={SEED}", "--optimizer=adamw"]
    command += [f"--lr={LEARNING_RATE}", f"--dtype={arguments.dtype}"]
    subprocess.run([*command, *arguments.option, "-o", bundle], check=True)
    text = subprocess.run([tools / "raddle-translate", "--bundle-to-json", bundle], check=True, capture_output=True)
    made = json.loads(text.stdout)
    keys = ("ranks", "batch", "length", "layers", "width", "hidden", "heads", "vocabulary", "dtype")
    described = {
        "setting": {key: getattr(arguments, key) for key in keys}, "parameters": describe_parameters(made),
        "instructions": gpu_breakdown.describe_instructions(made),
    }
    (folder / "setting.json").write_text(json.dumps(described, indent=1))
    make_tokens(arguments.vocabulary).tofile(folder / "tokens.u16")
    pack_gpu.copy_tools(folder)
    benchmark = pathlib.Path(__file__).resolve()
    for file in (benchmark, benchmark.parent / "gpu_breakdown.py", root / "scripts" / "check_gpu.py"):
        shutil.copy(file, folder)


def mix(x):
    """runtime/src/weights/Random.cpp on int64 tensors, whose arithmetic wraps as that of u64 does."""

    def shifted(x, bits):
        return (x >> bits) & ((1 << (64 - bits)) - 1)

    def signed(number):
        return number - (1 << 64) if number >> 63 else number

    x = x + signed(0x9E3779B97F4A7C15)
    x = (x ^ shifted(x, 30)) * signed(0xBF58476D1CE4E5B9)
    x = (x ^ shifted(x, 27)) * signed(0x94D049BB133111EB)
    return x ^ shifted(x, 31)


def random_bits(seed, major, minor):
    """`minor` is an int64 tensor."""
    first = mix(mix(torch.tensor(seed)) ^ major)
    return mix(first.to(minor.device) ^ minor)


def draw(index, parameter, rows, first=0):
    """Fills a rank's part of a parameter, rows from `first` on, with what the runtime draws."""
    if parameter["init"] in ("ones", "zeros"):
        rows.fill_(parameter["init"] == "ones")
        return
    width = rows[0].numel() if rows.dim() > 1 else 1
    flat = rows.view(-1)
    piece = 1 << 24
    for at in range(0, flat.numel(), piece):
        count = min(piece, flat.numel() - at)
        minor = torch.arange(first * width + at, first * width + at + count, device=flat.device)
        bits = random_bits(SEED, index, minor)
        one = ((bits >> 11 & (1 << 53) - 1).double() + 1) * 2.0**-53
        two = (mix(bits) >> 11 & (1 << 53) - 1).double() * 2.0**-53
        flat[at : at + count] = parameter["scale"] * torch.sqrt(-2 * one.log()) * torch.cos(2 * torch.pi * two)


def batch_of(tokens, step, setting):
    """The windows of a step that raddle-run draws: starts by `randomBelow`, labels one token later."""
    bound = len(tokens) - setting["length"]
    bits = random_bits(SEED, step, torch.arange(setting["batch"]))
    starts = [((int(value) & (1 << 64) - 1) * bound) >> 64 for value in bits]
    windows = numpy.stack([tokens[start : start + setting["length"] + 1] for start in starts]).astype("i8")
    return torch.from_numpy(windows[:, :-1]), torch.from_numpy(windows[:, 1:])


def train_fsdp2(arguments):
    """One rank of the peer, which writes what it found into the folder."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    described = json.loads((arguments.folder / "setting.json").read_text())
    setting = described["setting"]
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    gpus = torch.cuda.device_count()
    if arguments.share_gpus and rank >= gpus:
        # As runtime/src/exec/SessionGpus.cpp: NCCL takes this process for another host's.
        os.environ["NCCL_HOSTID"] = f"{socket.gethostname()}-{rank // gpus}"
    device = torch.device("cuda", rank % gpus if arguments.share_gpus else rank)
    torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl", device_id=device)
    torch.backends.cuda.matmul.allow_tf32 = False
    with torch.device("meta"):
        module = make_model(argparse.Namespace(**setting))
    if arguments.compiled:
        for layer in module.layers:
            layer.compile()
    policy = MixedPrecisionPolicy()
    if setting["dtype"] == "bf16":
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in module.layers:
        fully_shard(layer, mp_policy=policy)
    fully_shard(module, mp_policy=policy)
    module.to_empty(device=device)
    places = {parameter["name"]: (index, parameter) for index, parameter in enumerate(described["parameters"])}
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            local = tensor.to_local()
            _, first = torch.distributed.tensor._utils.compute_local_shape_and_global_offset(
                tensor.shape, tensor.device_mesh, tensor.placements
            )
            if local.numel():
                draw(*places[name], local, first[0])
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    tokens = numpy.fromfile(arguments.folder / "tokens.u16", "<u2")
    part = setting["batch"] // ranks

    def train(step):
        inputs, labels = (half[rank * part : (rank + 1) * part].to(device) for half in batch_of(tokens, step, setting))
        torch.cuda.synchronize()
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = module(inputs, labels)
        loss.backward()
        optimizer.step()
        torch.distributed.all_reduce(loss.detach(), torch.distributed.ReduceOp.AVG)
        return loss.item(), time.perf_counter() - start

    losses, seconds = zip(*(train(step) for step in range(1, arguments.steps + 1)))
    result = {"losses": losses, "seconds": seconds, "bytes": used_bytes()}
    if arguments.breakdown:
        result["breakdown"] = gpu_breakdown.profile(train, arguments.steps)
    if rank == 0:
        (arguments.folder / "fsdp2.json").write_text(json.dumps(result))
    torch.distributed.destroy_process_group()


def used_bytes():
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return max(int(line) for line in subprocess.run(query, capture_output=True, text=True).stdout.split()) << 20


def run_fsdp2(arguments, machine, ranks):
    options = [f"--nproc-per-node={ranks}", "--master-addr=127.0.0.1", f"--master-port={PORT}"]
    command = [sys.executable, "-m", "torch.distributed.run", *options, __file__, "peer", str(arguments.folder)]
    command += [f"--steps={arguments.steps}"] + ["--compiled"] * arguments.compiled
    command += ["--breakdown"] * arguments.breakdown + ["--share-gpus"] * arguments.share_gpus
    variables = machine.sharing_processes if arguments.share_gpus else {}
    subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, **variables})
    return json.loads((arguments.folder / "fsdp2.json").read_text())


def raddle_command(machine):
    options = ["--json", "--labels=next", "--data=tokens.u16", f"--seed={SEED}", "--timeout=120"]
    return [machine.folder / "raddle-run", "llama.raddle", *options]


def start_raddle(arguments, machine, ranks, options):
    command = [*raddle_command(machine), f"--steps={arguments.steps}", *options]
    if arguments.share_gpus:
        return machine.start_ranks([*command, "--share-gpus"], ranks, **machine.sharing_processes)
    return [machine.start(command)]


def run_raddle(arguments, machine, ranks, options=()):
    process, *others = start_raddle(arguments, machine, ranks, options)
    lines, used = [], {}
    for line in process.stdout:
        if line.startswith("{"):
            lines.append(json.loads(line))
            if len(lines) in (WARM, arguments.steps - 1):
                used[len(lines)] = used_bytes()
    errors = [one.communicate()[1] for one in (process, *others)]
    if any(one.returncode for one in (process, *others)):
        raise RuntimeError("raddle-run failed: " + " | ".join(error[-3000:] for error in errors))
    steps = [line for line in lines if "step" in line]
    calls = ("graph_launches", "single_instructions", "device_allocations", "synchronisations")
    return {
        "losses": [step["loss"] for step in steps], "seconds": [step["seconds"] for step in steps],
        "bytes": max(used.values()), "bytes_grown": used[arguments.steps - 1] - used[WARM],
        "host_seconds": statistics.median(step["launch_seconds"] for step in steps[WARM:]),
        **{call: max(step[call] for step in steps[WARM:]) for call in calls},
        "phases": {phase: statistics.median(step[phase] for step in steps[WARM:]) for phase in PHASES},
        "graphs": lines[-1]["graphs"],
    }


def host_figure(ours):
    calls = {key: value for key, value in ours.items() if isinstance(value, (int, float)) and key != "bytes"}
    return {
        "figure": "host_seconds", "raddle": calls.pop("host_seconds"), **calls, "phases": ours["phases"],
        "graphs": ours["graphs"],
    }


def open_folder(arguments):
    arguments.folder = arguments.folder.resolve()
    sys.path.insert(0, str(arguments.folder))
    import check_gpu

    described = json.loads((arguments.folder / "setting.json").read_text())
    return described, check_gpu.Machine(arguments.folder)


def run_host(arguments):
    described, machine = open_folder(arguments)
    ours = run_raddle(arguments, machine, described["setting"]["ranks"], ["--graph=graph.dot"])
    step = statistics.median(ours["seconds"][WARM:])
    print(json.dumps({"benchmark": "llama_gpus", **described["setting"], "step_seconds": step, **host_figure(ours)}))
    return 0


def run(arguments):
    described, machine = open_folder(arguments)
    setting = described["setting"]
    print(f"Raddle: {arguments.steps} steps", file=sys.stderr, flush=True)
    ours = run_raddle(arguments, machine, setting["ranks"])
    if arguments.breakdown:
        kinds = described["instructions"]
        ours["breakdown"] = gpu_breakdown.trace_raddle(machine, raddle_command(machine), kinds)
    print(f"FSDP2: {arguments.steps} steps", file=sys.stderr, flush=True)
    theirs = run_fsdp2(arguments, machine, setting["ranks"])
    difference = max(abs(a - b) / abs(b) for a, b in zip(ours["losses"], theirs["losses"], strict=True))
    common = {"benchmark": "llama_gpus", **setting, "steps": arguments.steps, "compiled": arguments.compiled}
    common["share_gpus"] = arguments.share_gpus
    sides = {"raddle": ours["losses"], "fsdp2": theirs["losses"]}
    print(json.dumps({**common, "figure": "losses", **sides, "max_rel_diff": difference}), flush=True)
    allowed = TOLERANCE[setting["dtype"]]
    if not difference < allowed:
        print(f"llama_gpus: error: losses differ by {difference:.2e}, allowed is {allowed:.0e}", file=sys.stderr)
    step = {name: statistics.median(side["seconds"][WARM:]) for name, side in (("raddle", ours), ("fsdp2", theirs))}
    print(json.dumps({**common, "figure": "seconds", **step, "ratio": step["fsdp2"] / step["raddle"]}))
    a, b = ours["bytes"], theirs["bytes"]
    print(json.dumps({**common, "figure": "bytes", "raddle": a, "fsdp2": b, "ratio": a / b}))
    print(json.dumps({**common, **host_figure(ours)}))
    for name, side in (("raddle", ours), ("fsdp2", theirs)):
        if arguments.breakdown:
            found = {**side["breakdown"], "gaps": step[name] - side["breakdown"]["busy"]}
            print(json.dumps({**common, "figure": "breakdown", "side": name, "step_seconds": step[name], **found}))
    return 0 if difference < allowed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pack", "run", "host", "peer"))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch", type=int, default=4, help="windows of all ranks together")
    parser.add_argument("--length", type=int, default=1024, help="tokens of a window")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=5632)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=32000, help="at most 65536")
    parser.add_argument("--dtype", choices=sorted(TOLERANCE), default="f32", help="of products and of gathers")
    parser.add_argument("--compiled", action="store_true", help="torch.compile each of the peer's layers")
    parser.add_argument("--breakdown", action="store_true", help="the device's time by kind of kernel, of both sides")
    parser.add_argument("--option", action="append", default=[], help="of raddle-compile; repeatable")
    parser.add_argument("--share-gpus", action="store_true", help="let ranks share GPUs where there are fewer")
    arguments = parser.parse_args()
    if arguments.share_gpus and arguments.breakdown:
        parser.error("--breakdown: the times of ranks that share a GPU are each other's as well (--share-gpus)")
    if arguments.steps <= WARM + 1:
        parser.error(f"--steps: expected more than {WARM + 1}, found {arguments.steps}")
    sys.exit({"pack": pack, "run": run, "host": run_host, "peer": train_fsdp2}[arguments.what](arguments))


if __name__ == "__main__":
    main()
