"""What fusion leaves: a remark for every tensor in memory between kernels, no kernel twice, one update for each
bucket."""

import re

import pytest
import raddle
import torch
from bundles import read_bundle, variant_of
from models import TinyBert, bert_batches, demo_models, tiny_llama, token_batches
from tools import make_bundle, succeed

FUSE = ("--fuse-check-indices", "--fuse-attention", "--nn-decompose", "--canonicalize", "--cse", "--fuse-outline")
OP = re.compile(r"^\s*(?:(%\w+)(?::\d+)? = )?([a-z]+\.[a-z_]+)\b(.*)$")
LIBRARY = ("exec.gemm", "exec.attention")
VIEWS = ("tensor.expand_shape", "tensor.collapse_shape")


class Network(torch.nn.Module):
    """Windows, sums over rows and columns, lookups, values that are read in other shapes."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 8, 3)
        self.norm = torch.nn.BatchNorm2d(8)
        self.table = torch.nn.Embedding(11, 8)
        self.linear = torch.nn.Linear(8, 8)

    def forward(self, x, ids):
        h = torch.nn.functional.gelu(self.norm(self.convolution(x)))
        rows = h.flatten(2).transpose(1, 2).softmax(-1) + self.table(ids)[:, None]
        return (self.linear(rows).logsumexp(1) * h.amax((2, 3))).square().mean()


def llama():
    return tiny_llama(), token_batches(1)[0]


def bert():
    return TinyBert(), bert_batches(1)[0]


def network():
    return Network(), (torch.randn(12, 3, 7, 7), torch.randint(0, 11, (12,)))


def shard(case, folder, ranks=1):
    """A file with the program before fusion."""
    module, args = case()
    source, path = folder / "model.pt2", folder / "sharded.mlir"
    raddle.export(module, args, source)
    command = ("--mode=train", f"--ranks={ranks}", f"--batch={args[0].shape[0]}", "--stop-after=shard")
    succeed("raddle-compile", source, *command, "-o", path)
    return path


def programs(text):
    """The lines of each function that is no kernel."""
    lines = None
    for line in text.splitlines():
        if line.startswith("  func.func"):
            lines = [] if "exec.kernel" not in line else None
        elif line.startswith("  }") and lines is not None:
            yield lines
            lines = None
        elif lines is not None:
            lines.append(line)


def count_edges(lines):
    """Pairs of a tensor and an op that reads it, of which one is a kernel and the other a kernel or a library call."""
    makers, views, edges = {}, {}, 0
    for line in lines:
        match = OP.match(line)
        if not match:
            continue
        result, op, rest = match.groups()
        if op in VIEWS:
            operand = re.match(r"\s*(%[\w#]+)", rest).group(1)
            views[result] = views.get(operand, operand)
        elif op == "exec.dispatch" or op in LIBRARY:
            inside = re.search(r"ins\((.*?) :", rest)
            operands = re.findall(r"%[\w#]+", inside.group(1)) if inside else []
            sources = {views.get(operand, operand) for operand in operands}
            makes = [makers.get(source.split("#")[0]) for source in sources]
            edges += sum(maker == "exec.dispatch" or (maker in LIBRARY and op == "exec.dispatch") for maker in makes)
            makers[result] = op
    return edges


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("case, ranks", [(llama, 1), (llama, 2), (bert, 1), (network, 2)])
def test_every_edge_has_a_remark(tmp_path, case, ranks, joined):
    passes = (*FUSE[:-1], f"--fuse-outline=join-rows={str(joined).lower()}")
    path = shard(case, tmp_path, ranks)
    result = succeed("raddle-opt", path, *passes, "--remark-policy=all", "--remarks-filter=fuse-outline")
    remarks = re.findall(r"remark: \[Missed\] apart .*Remark=\"its result goes through memory to .*", result.stderr)
    edges = sum(count_edges(lines) for lines in programs(result.stdout))
    assert edges > 20 and len(remarks) == edges
    assert all(re.search(r"Remark=\"': \", Remark=\"\w[^\"]{10,}\"$", remark) for remark in remarks)


@pytest.mark.parametrize("case", [llama, bert, network])
def test_no_kernel_is_there_twice(tmp_path, case):
    text = succeed("raddle-opt", shard(case, tmp_path), *FUSE, "--canonicalize", "--cse").stdout
    kernels = re.findall(r"^  func\.func private @(kernel_\d+)(.*?)^  }$", text, re.DOTALL | re.MULTILINE)
    bodies = [body for _, body in kernels]
    assert len(bodies) > 10 and len(set(bodies)) == len(bodies)
    called = re.findall(r"exec\.dispatch @(kernel_\d+)", text)
    assert set(called) == {name for name, _ in kernels} and len(called) > len(kernels)


def test_more_layers_need_no_more_kernels(tmp_path):
    counts = []
    for layers in (3, 5):
        folder = tmp_path / str(layers)
        folder.mkdir()
        module = torch.nn.Sequential(
            *(torch.nn.Sequential(torch.nn.LayerNorm(24), torch.nn.Linear(24, 24), torch.nn.GELU()) for _ in range(layers))
        )

        class Loss(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = module

            def forward(self, x):
                return self.layers(x).square().mean()

        _, bundle = make_bundle(Loss(), (torch.randn(6, 24),), folder)
        counts.append(len(read_bundle(bundle)["kernels"]))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("ranks", [1, 3])
def test_one_kernel_updates_a_bucket(tmp_path, ranks):
    """Parameters of a bucket and both moments of AdamW, however many tensors there are."""
    ids = torch.randint(0, 256, (3, 16))
    _, path = make_bundle(demo_models().make_llama(16, seed=0), (ids, ids), tmp_path, "--optimizer=adamw", ranks=ranks)
    bundle = read_bundle(path)
    writers = {}
    for number, instruction in enumerate(variant_of(bundle)["instructions"]):
        for output in instruction["action"].get("outputs", []):
            if output.get("space") == "State":
                writers.setdefault(output.get("index", 0), []).append((number, instruction["action"].get("kernel", 0)))
    updates = []
    for bucket in bundle["buckets"]:
        states = [bucket.get("param_state", 0), *bucket["optimizer_states"]]
        assert len(states) == 3
        ((update,),) = {tuple(writers[state]) for state in states}
        updates.append(update)
    assert len({number for number, _ in updates}) == len(bundle["buckets"])
    assert len(bundle["parameters"]) > 2 * len(bundle["buckets"])
    # Buckets of layers are alike, so are their updates.
    assert len({kernel for _, kernel in updates}) < len(updates)
