"""Kernels in Triton's language: what they compute, against PyTorch, and that Triton makes code of them. Needs no
GPU."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

import raddle
from batches import Function
from tools import succeed
from triton_ir import DTYPES, OP, Program, type_of

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def integers(high, *shape):
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(high))


FORWARD = {
    "bias-gelu": (lambda x, b: F.gelu(x + b), randn(7, 130), randn(130)),
    "softmax": (lambda x: F.softmax(x, -1), randn(5, 3, 97)),
    "softmax-long": (lambda x: F.softmax(x, -1), randn(3, 5000)),
    "layer-norm": (lambda x, w, b: F.layer_norm(x, (48,), w, b), randn(33, 48), randn(48), randn(48)),
    "rms-norm": (lambda x, w: F.rms_norm(x, (384,), w), randn(9, 384), randn(384)),
    "sum-rows": (lambda x: x.sum(0), randn(300, 70)),
    "sum-rows-in-parts": (lambda x, y: (x * y).sum((0, 1)) + x[0, 0], randn(4, 1024, 96), randn(4, 1024, 96)),
    "sum-all-in-parts": (lambda x: x.exp().sum().log(), randn(600, 1000)),
    "sum-middle": (lambda x: x.sum(1), randn(4, 37, 19)),
    "max-all": (lambda x: x.amax(), randn(11, 13)),
    "transpose": (lambda x: x.permute(2, 0, 1).contiguous() * 2, randn(5, 6, 7)),
    "concat": (lambda x, y: torch.cat([x, y, x], 1), randn(4, 5), randn(4, 9)),
    "slice-pad": (lambda x: F.pad(x[:, 2:9:3], (1, 2)), randn(3, 12)),
    "embedding": (lambda i, w: F.embedding(i, w), integers(11, 11, 5), randn(11, 20)),
    "gather": (lambda x, i: x.gather(1, i), randn(6, 9), integers(9, 6, 4)),
    "where": (lambda x, y: torch.where(x > y, x, -y), randn(40, 3), randn(3)),
    "comparison": (lambda x: (x > 0) & (x < 1), randn(129)),
    "integers": (lambda i: (i * 3 - 7) * i, integers(100, 33)),
    "narrow": (lambda x, y: x * y + x.exp(), randn(65).bfloat16(), randn(65).bfloat16()),
    "rows-in-parts": (lambda x, s: (x * s).sin(), randn(3, 2100), randn(3, 1)),
    "half": (lambda x: (x.float() * 2).half(), randn(17, 3).half()),
    "depthwise-by-one": (lambda x, w: F.conv2d(x, w.reshape(4, 1, 1, 1), groups=4), randn(2, 4, 5, 5), randn(2, 2)),
}


def to_generic(tmp_path, function, args, passes):
    """The kernels' module, in generic form, of what `function` computes."""
    source = tmp_path / "model.pt2"
    raddle.export(Function(function), args, source)
    imported = tmp_path / "model.mlir"
    succeed("raddle-compile", source, "--stop-after=import", "-o", imported)
    stages = [*passes, "--nn-decompose", "--canonicalize", "--cse", "--fuse-outline=tiles=true", "--codegen-triton"]
    return succeed("raddle-opt", imported, *stages, "--mlir-print-op-generic").stdout


def stored(tensor):
    return tensor.to(torch.int8 if tensor.dtype == torch.bool else tensor.dtype)


class Module:
    """Runs a function that is made of kernels and views, every kernel by its version for Triton."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.kernels = {}
        for line in self.lines:
            if '"func.func"' in line:
                name = re.search(r'sym_name = "(\w+)"', line)[1]
            if "exec.triton = " in line:
                escaped = re.search(r'exec\.triton = "((?:[^"\\]|\\.)*)"', line)[1]
                version = re.sub(r"\\([0-9A-F]{2}|[\\n\"])", lambda m: unescape(m[1]), escaped)
                self.kernels[name] = Program(version), int(re.search(r"exec\.blocks = (\d+)", line)[1])

    def run(self, name, args):
        start = next(i for i, line in enumerate(self.lines) if '"func.func"' in line and f'sym_name = "{name}"' in line)
        values = dict(zip(re.findall(r"(%\w+): tensor", self.lines[start + 1]), args))
        for line in self.lines[start + 2 :]:
            result, op, operands, rest = OP.match(line).groups()
            operands = [values[operand] for operand in operands.split(", ") if operand]
            if op == "func.return":
                return operands
            types = re.findall(r"tensor<[^>]*>", rest.rsplit("->", 1)[1])
            for number, value in enumerate(self.apply(op, operands, rest, [type_of(text) for text in types])):
                values[f"{result}#{number}"] = values[result] = value

    def apply(self, op, operands, rest, types):
        if op in ("tensor.collapse_shape", "tensor.expand_shape"):
            return [operands[0].reshape(types[0][0])]
        assert op == "exec.dispatch", op
        program, programs = self.kernels[re.search(r"kernel = @(\w+)", rest)[1]]
        outputs = [torch.zeros(torch.Size(shape).numel(), dtype=stored(torch.empty(0, dtype=DTYPES[element])).dtype)
                   for shape, element in types]
        program.run([stored(operand).flatten() for operand in operands] + outputs, programs)
        for output, writes in zip(outputs, program.writes[len(operands) :]):
            assert bool((writes == 1).all()), "an element is not written once"
        return [output.to(DTYPES[element]).reshape(shape) for output, (shape, element) in zip(outputs, types)]


def unescape(code):
    return {"n": "\n", '"': '"', "\\": "\\"}.get(code) or chr(int(code, 16))


def assert_close(ours, theirs):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    if not theirs.is_floating_point():
        assert torch.equal(ours, theirs)
        return
    scale = max(theirs.abs().max().item(), 1e-6)
    tolerance = {torch.float32: 2e-6, torch.bfloat16: 1e-2, torch.float16: 2e-3}[theirs.dtype]
    assert (ours.float() - theirs.float()).abs().max().item() <= tolerance * scale


@pytest.mark.parametrize("name", FORWARD)
def test_forward(tmp_path, name):
    function, *args = FORWARD[name]
    (ours,) = Module(to_generic(tmp_path, function, tuple(args), [])).run("main", args)
    assert_close(ours, function(*args))


GRADIENT = {
    "gelu": (lambda x, b: F.gelu(x + b).sum(), randn(7, 130), randn(130)),
    "softmax": (lambda x, y: (F.softmax(x, -1) * y).sum(), randn(6, 97), randn(6, 97)),
    "layer-norm": (lambda x, w, b: F.layer_norm(x, (48,), w, b).square().sum(), randn(33, 48), randn(48), randn(48)),
    "rms-norm": (lambda x, w: F.rms_norm(x, (70,), w).square().sum(), randn(9, 70), randn(70)),
    "cross-entropy": (lambda x, t: F.cross_entropy(x, t), randn(24, 31), integers(31, 24)),
    "embedding": (lambda w, i: F.embedding(i, w[0]).square().sum(), randn(1, 37, 70), integers(37, 1300)),
}


@pytest.mark.parametrize("name", GRADIENT)
def test_gradient(tmp_path, name):
    function, *args = GRADIENT[name]
    ours = Module(to_generic(tmp_path, function, tuple(args), ["--raddle-grad"])).run("main_grad", args)
    leaves = [arg.clone().requires_grad_(arg.is_floating_point()) for arg in args]
    loss = function(*leaves)
    assert_close(ours[0], loss.detach())
    for gradient, theirs in zip(ours[1:], torch.autograd.grad(loss, [leaf for leaf in leaves if leaf.requires_grad])):
        scale = max(theirs.abs().max().item(), 1e-6)
        assert (gradient - theirs).abs().max().item() <= 1e-5 * scale


# Stripes of rows, and how many: a gradient with respect to rows comes with one that sums over them.
STRIPES = {
    "rms-norm": (256, lambda x, w: F.rms_norm(x, (40,), w).square().sum(), randn(8, 256, 40), randn(40)),
    "rms-norm-cut-first": (256, lambda x, w: F.rms_norm(x, (40,), w).square().sum(), randn(512, 4, 40), randn(40)),
    "layer-norm": (
        130, lambda x, w, b: F.layer_norm(x, (24,), w, b).square().sum(), randn(1170, 24), randn(24), randn(24)
    ),
}


@pytest.mark.parametrize("name", STRIPES)
def test_stripes(tmp_path, name):
    """One kernel computes the gradient of the rows and parts of the weights', and touches every array once."""
    stripes, function, *args = STRIPES[name]
    module = Module(to_generic(tmp_path, function, tuple(args), ["--raddle-grad"]))
    (program,) = [program for program, programs in module.kernels.values() if programs == stripes]
    accesses = [line for line in program.lines if '"tt.load"' in line or '"tt.store"' in line]
    assert len(accesses) == program.lines[program.start].count("!tt.ptr")
    _, *ours = module.run("main_grad", args)
    leaves = [arg.double().requires_grad_() for arg in args]
    for gradient, theirs in zip(ours, torch.autograd.grad(function(*leaves), leaves)):
        assert (gradient - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@needs_triton
def test_code(tmp_path):
    """What a launch passes is what the code object says, by NVIDIA's own tool."""
    import triton

    text = to_generic(tmp_path, FORWARD["softmax"][0], FORWARD["softmax"][1:], [])
    (tmp_path / "kernels.mlir").write_text(text)
    compiled = succeed(
        "raddle-opt", tmp_path / "kernels.mlir", f"--codegen-triton-compile=python={sys.executable} required=true"
    ).stdout
    entries = [line for line in compiled.splitlines() if "exec.cubin = " in line]
    assert len(entries) == text.count("exec.triton = ")
    tool = pathlib.Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    for number, line in enumerate(entries):
        escaped = re.search(r'exec\.cubin = "((?:[^"\\]|\\.)*)"', line)[1]
        code = re.sub(r"\\([0-9A-F]{2}|\\)", lambda m: "\\" if m[1] == "\\" else chr(int(m[1], 16)), escaped)
        path = tmp_path / f"{number}.cubin"
        path.write_bytes(code.encode("latin-1"))
        listing = subprocess.run([tool, "-elf", path], capture_output=True, text=True, check=True).stdout
        launch = {key: int(re.search(rf"exec\.{key} = (\d+)", line)[1]) for key in ("args", "trailing", "threads")}
        assert listing.count("EIATTR_KPARAM_INFO") == launch["args"] + launch["trailing"]
        threads = re.search(r"EIATTR_REQNTID.*?Value:\s*0x([0-9a-f]+)", listing, re.S)
        assert int(threads[1], 16) == launch["threads"]


@needs_triton
def test_equal_kernels_are_compiled_once(tmp_path, monkeypatch):
    """Whatever they are called, and wherever they are in a program."""
    monkeypatch.setenv("RADDLE_CACHE", str(tmp_path / "cache"))
    kernel = """
      func.func private @{name}(%x: tensor<48xf32>) -> tensor<48xf32> attributes {{exec.kernel}} {{
        %e = tensor.empty() : tensor<48xf32>
        %r = linalg.{op} ins(%x : tensor<48xf32>) outs(%e : tensor<48xf32>) -> tensor<48xf32>
        return %r : tensor<48xf32>
      }}"""

    def compiled(*kernels):
        """Code and its symbol by kernel."""
        source = tmp_path / "kernels.mlir"
        source.write_text("".join(kernel.format(name=name, op=op) for name, op in kernels))
        passes = ["--linalg-generalize-named-ops", "--codegen-triton"]
        compiling = f"--codegen-triton-compile=python={sys.executable} required=true"
        text = succeed("raddle-opt", source, *passes, compiling).stdout
        found = [re.search(rf'@{name}\(.*exec\.cubin = "((?:[^"\\]|\\.)*)".*exec\.symbol = "(\w+)"', text)
                 for name, _ in kernels]
        return [match.groups() for match in found]

    first, second = compiled(("first", "exp"), ("second", "exp"))
    assert first == second
    (kept,) = (tmp_path / "cache" / "triton").glob("*.cubin")
    assert first[1].encode() in kept.read_bytes()
    other, again = compiled(("other", "tanh"), ("again", "exp"))
    assert again == first and other[1] != first[1]
    assert len(list((tmp_path / "cache" / "triton").glob("*.cubin"))) == 2
