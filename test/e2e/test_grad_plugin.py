"""raddle-grad in a stock mlir-opt differentiates what torch-mlir made; upstream passes alone make code of it."""

import ctypes
import subprocess

import numpy
import pytest
import torch
from tools import ROOT, TIMEOUT_SECONDS
from torch import nn
from torch_mlir import fx

PLUGIN = ROOT / "build" / "lib" / "RaddlePlugin.so"

# From tensors to the LLVM dialect. Wrappers are asked for first, before functions of libm are declared, which have
# none.
LOWERING = """builtin.module(
  func.func(llvm-request-c-wrappers), convert-elementwise-to-linalg,
  one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},
  buffer-deallocation-pipeline, convert-linalg-to-loops, expand-strided-metadata, lower-affine, convert-scf-to-cf,
  convert-math-to-llvm, convert-math-to-libm, convert-arith-to-llvm, finalize-memref-to-llvm,
  convert-func-to-llvm, convert-cf-to-llvm, convert-index-to-llvm,
  reconcile-unrealized-casts)"""


class Network(nn.Module):
    """Linear layers, GELU, layer norm, softmax, mean squared error; parameters are arguments."""

    def forward(self, x, w1, b1, gamma, beta, w2, target):
        hidden = nn.functional.gelu(nn.functional.linear(x, w1, b1))
        hidden = nn.functional.layer_norm(hidden, hidden.shape[-1:], gamma, beta)
        return nn.functional.mse_loss(torch.softmax(hidden @ w2, dim=-1), target)


def arguments():
    shapes = [(6, 5), (9, 5), (9,), (9,), (9,), (9, 4), (6, 4)]
    return tuple(torch.randn(shape) for shape in shapes)


def call(command, text):
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def differentiate(text):
    return call(
        ["mlir-opt-22", f"--load-dialect-plugin={PLUGIN}", f"--load-pass-plugin={PLUGIN}"]
        + ["--pass-pipeline=builtin.module(raddle-grad)"],
        text,
    )


def build(text, folder):
    """A shared library of upstream MLIR text; no plugin, so that a Raddle op would be an error."""
    lowered = call(["mlir-opt-22", "--pass-pipeline=" + " ".join(LOWERING.split())], text)
    (folder / "grad.ll").write_text(call(["mlir-translate-22", "--mlir-to-llvmir"], lowered))
    library = folder / "grad.so"
    call(["clang-22", "-x", "ir", "-O1", "-shared", "-fPIC", "-w", str(folder / "grad.ll"), "-o", str(library), "-lm"], "")
    return ctypes.CDLL(str(library))


def descriptor(rank):
    """The C struct of a memref of a rank."""
    fields = [("base", ctypes.c_void_p), ("data", ctypes.c_void_p), ("offset", ctypes.c_int64)]
    if rank:
        fields += [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)]
    return type(f"Memref{rank}", (ctypes.Structure,), {"_fields_": fields})


def describe(array):
    strides = [stride // array.itemsize for stride in array.strides]
    extents = (array.shape, strides) if array.ndim else ()
    arrays = [(ctypes.c_int64 * array.ndim)(*values) for values in extents]
    return descriptor(array.ndim)(array.ctypes.data, array.ctypes.data, 0, *arrays)


def read(memref, shape):
    count = int(numpy.prod(shape))
    data = ctypes.cast(memref.data, ctypes.POINTER(ctypes.c_float))
    return torch.tensor([data[memref.offset + i] for i in range(count)]).reshape(shape)


def gradients(library, args):
    """Calls main_grad: the loss, then the gradient of each argument."""
    arrays = [arg.detach().numpy() for arg in args]
    shapes = [()] + [array.shape for array in arrays]
    results = type("Results", (ctypes.Structure,), {
        "_fields_": [(f"result{i}", descriptor(len(shape))) for i, shape in enumerate(shapes)]
    })()
    memrefs = [describe(array) for array in arrays]
    library._mlir_ciface_main_grad(ctypes.byref(results), *map(ctypes.byref, memrefs))
    return [read(getattr(results, f"result{i}"), shape) for i, shape in enumerate(shapes)]


def linalg_of(module, args):
    return str(fx.export_and_import(module, *args, output_type="linalg-on-tensors", func_name="main"))


@pytest.mark.parametrize("dialects", ["nn.", "ragged.", "exec."])
def test_result_has_upstream_ops_only(dialects):
    text = differentiate(linalg_of(Network(), arguments()))
    assert "@main_grad" in text
    assert f" {dialects}" not in text


def test_gradients_equal_pytorch(tmp_path):
    args = arguments()
    library = build(differentiate(linalg_of(Network(), args)), tmp_path)
    ours = gradients(library, args)
    leaves = [arg.clone().requires_grad_() for arg in args]
    loss = Network()(*leaves)
    loss.backward()
    torch.testing.assert_close(ours[0], loss.detach(), rtol=1e-4, atol=1e-6)
    for found, leaf in zip(ours[1:], leaves):
        torch.testing.assert_close(found, leaf.grad, rtol=1e-3, atol=1e-5)


class Elementwise(nn.Module):
    """Broadcasts, a select, powers and reductions over several dimensions."""

    def forward(self, x, y, z):
        value = torch.where(x > 0, x * y, torch.tanh(z)) / (1 + torch.exp(-x * z))
        return (value**2).sum(dim=1).mean() + torch.sigmoid(y).sum()


def test_broadcasts_equal_pytorch(tmp_path):
    args = (torch.randn(4, 7), torch.randn(1, 7), torch.randn(4, 1))
    library = build(differentiate(linalg_of(Elementwise(), args)), tmp_path)
    leaves = [arg.clone().requires_grad_() for arg in args]
    Elementwise()(*leaves).backward()
    for found, leaf in zip(gradients(library, args)[1:], leaves):
        torch.testing.assert_close(found, leaf.grad, rtol=1e-3, atol=1e-5)
