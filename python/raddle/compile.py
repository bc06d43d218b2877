"""Turns a module or a ``.pt2`` file into a program."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import torch

from ._native import tool
from .export import export
from .program import Program

_OPTIMIZERS = ("sgd", "adamw")
_TARGETS = ("cpu", "cuda:sm_90")
_KNOWN_OPTIMIZERS = _OPTIMIZERS + ("adamw8bit", "muon", "shampoo")


class CompileError(RuntimeError):
    """The compiler refused the model; the text is the compiler's message."""


def _refuse_unsupported(options):
    """What the interface has and this release lacks is refused by name, never ignored."""
    supported = {
        "quant": None,
        "vwn": None,
        "bypass": None,
        "groups": None,
        "decay_mask": None,
        "accumulate": 1,
    }
    problems = [
        f"{name}={options[name]!r} (only {value!r})" for name, value in supported.items() if options[name] != value
    ]
    if options["target"] not in _TARGETS:
        problems.append(f"target={options['target']!r} (only {', '.join(map(repr, _TARGETS))})")
    if problems:
        raise NotImplementedError("this release does not support " + ", ".join(problems))


def _check_optimizer(optimizer):
    if optimizer not in _KNOWN_OPTIMIZERS:
        raise ValueError(f"optimizer: expected one of {', '.join(_KNOWN_OPTIMIZERS)}, found {optimizer!r}")
    if optimizer not in _OPTIMIZERS:
        raise NotImplementedError(f"this release does not support optimizer={optimizer!r} (only sgd and adamw)")


def _check_numbers(options):
    problems = []
    for name in ("lr", "weight_decay", "momentum", "eps"):
        if not options[name] >= 0:
            problems.append(f"{name}: expected a number from 0, found {options[name]!r}")
    if len(options["betas"]) != 2 or not all(0 <= beta < 1 for beta in options["betas"]):
        problems.append(f"betas: expected two numbers from 0 to below 1, found {options['betas']!r}")
    if options["clip_norm"] is not None and not options["clip_norm"] > 0:
        problems.append(f"clip_norm: expected a number above 0 or None, found {options['clip_norm']!r}")
    if problems:
        raise ValueError("; ".join(problems))


def _global_batch(args, ranks):
    """Dimension 0 of the tensors, which the ranks share out; None without one."""
    tensors = [value for value in torch.utils._pytree.tree_leaves(args) if isinstance(value, torch.Tensor)]
    for index, tensor in enumerate(tensors):
        if tensor.dim() >= 1 and tensor.shape[0] % ranks != 0:
            raise ValueError(f"input {index}: a batch of {tensor.shape[0]} does not divide by {ranks} ranks")
    return next((tensor.shape[0] for tensor in tensors if tensor.dim() >= 1), None)


def _command(source, output, mode, ranks, batch, options):
    command = [tool("raddle-compile"), str(source), f"--mode={mode}", f"--target={options['target']}"]
    command.append(f"--ranks={ranks}")
    command.append(f"--replicas={options['replicas']}")
    command.append(f"--dtype={options['dtype']}")
    command.append(f"--cpu={options['cpu']}")
    command.append(f"--opt-level={options['opt_level']}")
    command.append(f"--gpu-kernels={options['gpu_kernels']}")
    command.append(f"--gpu-attention={options['gpu_attention']}")
    if options["memory_budget"] is not None:
        command.append(f"--memory-budget={int(options['memory_budget'])}")
    if options["recompute"] is not None:
        command.append(f"--recompute={options['recompute']}")
    if batch is not None:
        command.append(f"--batch={batch}")
    if mode == "train":
        command += [
            f"--optimizer={options['optimizer']}",
            f"--loss={options['loss']}",
            f"--lr={options['lr']!r}",
            f"--weight-decay={options['weight_decay']!r}",
            f"--momentum={options['momentum']!r}",
            f"--betas={options['betas'][0]!r},{options['betas'][1]!r}",
            f"--eps={options['eps']!r}",
            f"--reduce-dtype={options['reduce_dtype']}",
        ]
        if options["clip_norm"] is not None:
            command.append(f"--clip-norm={options['clip_norm']!r}")
    if options["param_arguments"]:
        command.append("--param-arguments=" + ",".join(options["param_arguments"]))
    if options["param_constants"]:
        pattern = options["param_constants"]
        names = pattern if isinstance(pattern, str) else "|".join(map(re.escape, pattern))
        command.append(f"--param-constants={names}")
    return command + [f"--seed={options['seed']}", "-o", str(output)]


def _run_compiler(command):
    # Kernels of a GPU are compiled by the Triton that this Python has.
    environment = {"RADDLE_PYTHON": sys.executable, **os.environ}
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=environment
    )
    if result.returncode != 0:
        message = result.stderr.strip() or f"raddle-compile ended with {result.returncode} and no message"
        raise CompileError(message)


def compile(
    module_or_path,
    args,
    mode="infer",
    target="cpu",
    ranks=1,
    dtype="f32",
    quant=None,
    vwn=None,
    bypass=None,
    loss=0,
    optimizer="adamw",
    lr=1e-3,
    weight_decay=0.0,
    momentum=0.0,
    betas=(0.9, 0.999),
    eps=1e-8,
    clip_norm=None,
    accumulate=1,
    seed=0,
    groups=None,
    decay_mask=None,
    reduce_dtype="f32",
    replicas=1,
    memory_budget=None,
    recompute=None,
    cpu="native",
    opt_level=3,
    gpu_kernels="auto",
    gpu_attention="cudnn",
    param_arguments=(),
    param_constants=(),
    trace=False,
):
    """Compiles a ``torch.nn.Module`` or the path of a ``.pt2`` or ``.mlir`` and returns a ``Program``.

    ``args`` is a tuple of tensors with the shapes of the global batch; each of ``ranks`` ranks gets an equal part of
    dimension 0. ``target`` is ``"cpu"`` or ``"cuda:sm_90"``, an NVIDIA GPU for each rank, which must be there when the
    program is made. With ``mode="train"``, ``loss`` is the index of the scalar output to minimise and the options from
    ``optimizer`` on describe a step; ``mode="infer"`` needs none of them. The module does not change, and nothing is
    shared with it afterwards.

    With ``dtype="bf16"`` matrix products, convolutions and attention take bf16 and add in f32, as under
    ``torch.autocast(dtype=torch.bfloat16)``; norms, losses, sums and the optimizer compute in f32. Results have the
    types that they have without it. In training parameters stay f32 and are gathered in bf16 where products alone read
    them; in inference those are held in bf16. ``reduce_dtype`` is the type that gradients are reduced over the ranks
    in, ``"f32"`` or ``"bf16"``.

    The ranks form ``replicas`` groups, each of which holds a copy of all parameters and states, cut over its ranks.
    ``memory_budget`` is the number of bytes that a rank may use for states and intermediate results: buckets of
    parameters are held between forward and backward while they fit, and gathered again where not; by default, as few
    bytes as that allows.

    ``recompute`` says what backward computes a second time, with the same results, rather than hold since forward:
    ``"none"``; ``"auto"``, what is cheaper to compute than to hold, or with a ``memory_budget`` as much as it takes;
    ``"block"``, everything but what passes from the parameters of one bucket to those of the next. By default
    ``"auto"`` on CPUs, where it costs next to no time, and ``"none"`` on a GPU.

    ``cpu`` says which processors run the program: ``"native"``, the best that this machine's has, or a level of the
    x86-64 ABI, ``"x86-64-v2"``, ``"x86-64-v3"`` (AVX2) or ``"x86-64-v4"`` (AVX-512), for a bundle that goes elsewhere.
    ``opt_level`` is LLVM's level of optimisation of kernels for the CPU, 0 to 3: 0 compiles several times faster, and
    what it makes is much slower.

    ``trace`` records how long every instruction takes, for ``Program.write_report`` and ``Program.write_trace``.

    ``gpu_kernels`` says what generates kernels for a GPU: ``"nvvm"``, Raddle itself; ``"triton"``, which must be
    installed beside this Python, or be that of the environment variable RADDLE_PYTHON, and Raddle what Triton's
    language cannot express; ``"auto"``, Triton where it is installed.

    ``gpu_attention`` says what computes attention on a GPU: ``"cudnn"``, calls of that library where it takes the
    vectors (bf16 and f16), without the scores of all pairs in memory; ``"cudnn-unordered"``, the same in less scratch
    memory, but gradients differ in their last bits from run to run; ``"decompose"``, matrix products and kernels.

    Of MLIR, ``param_arguments`` names the leading arguments of ``@main``, which are parameters, and ``param_constants``
    the constants that are, by their resource keys: a list of names or a regular expression.

    Of a step, ``optimizer`` is ``"sgd"`` or ``"adamw"``, ``lr`` the learning rate of steps that are not told another,
    ``weight_decay``, ``momentum`` (of sgd), ``betas`` and ``eps`` (of adamw) are as in ``torch.optim``; ``clip_norm``
    is the largest global norm of the gradient, None for no limit. ``seed`` is that of everything random.

    ``quant``, ``vwn``, ``bypass``, ``accumulate``, ``groups`` and ``decay_mask`` are names of later releases: anything
    but their defaults is refused.

    Raises CompileError with the compiler's message, ValueError for arguments that make no sense, FileNotFoundError for
    a path where no file is, and NotImplementedError for options that this release lacks.
    """
    options = dict(locals())
    if mode not in ("infer", "train"):
        raise ValueError(f"mode: expected 'infer' or 'train', found {mode!r}")
    if isinstance(ranks, bool) or not isinstance(ranks, int) or ranks < 1:
        raise ValueError(f"ranks: expected a whole number from 1, found {ranks!r}")
    if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 1 or ranks % replicas != 0:
        raise ValueError(f"replicas: expected a divisor of the {ranks} ranks, found {replicas!r}")
    if memory_budget is not None and not memory_budget > 0:
        raise ValueError(f"memory_budget: expected a number of bytes above 0 or None, found {memory_budget!r}")
    if recompute not in (None, "none", "auto", "block"):
        raise ValueError(f"recompute: expected 'none', 'auto' or 'block', found {recompute!r}")
    if opt_level not in range(4):
        raise ValueError(f"opt_level: expected 0, 1, 2 or 3, found {opt_level!r}")
    if wrong := [name for name in ("dtype", "reduce_dtype") if options[name] not in ("f32", "bf16")]:
        raise ValueError("; ".join(f"{name}: expected 'f32' or 'bf16', found {options[name]!r}" for name in wrong))
    if gpu_kernels not in ("auto", "triton", "nvvm"):
        raise ValueError(f"gpu_kernels: expected 'auto', 'triton' or 'nvvm', found {gpu_kernels!r}")
    if gpu_kernels != "auto" and target == "cpu":
        raise ValueError(f"gpu_kernels={gpu_kernels!r} is for a GPU, target is 'cpu'")
    if gpu_attention not in ("cudnn", "cudnn-unordered", "decompose"):
        raise ValueError(
            f"gpu_attention: expected 'cudnn', 'cudnn-unordered' or 'decompose', found {gpu_attention!r}"
        )
    if gpu_attention != "cudnn" and target == "cpu":
        raise ValueError(f"gpu_attention={gpu_attention!r} is for a GPU, target is 'cpu'")
    _refuse_unsupported(options)
    _check_optimizer(optimizer)
    _check_numbers(options)
    args = tuple(args)
    batch = _global_batch(args, ranks)
    # The bundle names its weights by a path, so the exported file stays until the program has loaded them.
    folder = tempfile.mkdtemp(prefix="raddle-")
    try:
        if isinstance(module_or_path, torch.nn.Module):
            source = pathlib.Path(folder) / "model.pt2"
            export(module_or_path, args, source)
        else:
            source = pathlib.Path(os.fspath(module_or_path)).resolve()
            if not source.is_file():
                raise FileNotFoundError(f"'{source}' is not a file")
        bundle = pathlib.Path(folder) / "program.raddle"
        _run_compiler(_command(source, bundle, mode, ranks, batch, options))
        return Program(bundle, weights=source, folder=folder, trace=trace)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
