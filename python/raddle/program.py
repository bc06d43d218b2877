"""A compiled program with its state."""

import collections.abc
import os
import shutil
import weakref

import torch

from ._native import _raddle

_TORCH_DTYPES = {
    "f32": torch.float32,
    "f64": torch.float64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i64": torch.int64,
    "i32": torch.int32,
    "i16": torch.int16,
    "i8": torch.int8,
    "u8": torch.uint8,
    "bool": torch.bool,
}


_COMPLEX_DTYPES = {"f32": torch.complex64, "f64": torch.complex128}


def _declared(array):
    """The dtype and the shape that the caller sees: the runtime has complex numbers as pairs."""
    if array["is_complex"]:
        return _COMPLEX_DTYPES[array["dtype"]], tuple(array["shape"])[:-1]
    return _TORCH_DTYPES[array["dtype"]], tuple(array["shape"])


def _to_runtime(tensor):
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return torch.view_as_real(tensor).contiguous() if tensor.is_complex() else tensor


def _from_runtime(tensor, array):
    return torch.view_as_complex(tensor) if array["is_complex"] else tensor


def machine_limits(threads=0, again=False):
    """What ``threads`` threads of this machine (0: as many as it has processors) can do at most, measured once and
    remembered, or measured ``again``: a dict with ``threads``, ``memory_bytes_per_second`` (read and written, beyond
    the caches) and ``gemm_flops_per_second`` (products of square f32 matrices)."""
    return _raddle.machine_limits(threads, again)


class Metrics(collections.abc.Mapping):
    """The outputs of a step by name. A scalar is read as a float when it is asked for; others are tensors.

    ``finish`` is called before the first of them is read, and raises what went wrong in the step.
    """

    def __init__(self, names, tensors, finish):
        self._tensors = dict(zip(names, tensors))
        self._finish = finish

    def __getitem__(self, name):
        self._finish()
        tensor = self._tensors[name]
        return tensor.item() if tensor.dim() == 0 else tensor

    def __iter__(self):
        return iter(self._tensors)

    def __len__(self):
        return len(self._tensors)

    def __repr__(self):
        return repr({name: self[name] for name in self})


def _flatten(args):
    return [value for value in torch.utils._pytree.tree_leaves(args)]


def _problem(expected, value, ranks):
    """What is wrong with one argument, or None."""
    name = expected["name"]
    if not isinstance(value, torch.Tensor):
        return f"input '{name}': expected a torch.Tensor, found {type(value).__name__}"
    dtype, expected_shape = _declared(expected)
    shape = tuple(value.shape)
    if value.dtype == dtype and shape == expected_shape:
        return None
    text = f"input '{name}': expected {dtype} {expected_shape}, found {value.dtype} {shape}"
    if expected["batched"] and value.dim() >= 1 and value.shape[0] % ranks != 0:
        text += f" (a batch of {value.shape[0]} does not divide by {ranks} ranks)"
    return text


class Program:
    """A bundle and its state on all ranks. ``compile`` makes one; ``Program(path)`` loads a bundle from a file.

    ``weights`` is a file of weights, ``.pt2`` or ``.safetensors``, in place of the bundle's; ``threads`` those of each
    rank, 0 for the processors divided by the ranks; ``seed`` that of random numbers, None for the bundle's. Raises
    RuntimeError for files that cannot be read. With ``trace=True`` it records how long every instruction takes, for
    ``write_report`` and ``write_trace``.
    """

    def __init__(self, path, weights=None, threads=0, seed=None, folder=None, trace=False):
        self._session = _raddle.Session(os.fspath(path), os.fspath(weights or ""), threads, seed, trace)
        self._entries = self._session.entries()
        self._parameters = [p for p in self._session.parameters() if not p["transient"]]
        # Temporary files of `compile`, no longer needed when the program goes.
        if folder is not None:
            self._finalizer = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def ranks(self):
        """The number of ranks."""
        return self._session.ranks

    def __call__(self, *args):
        """Runs the module on the arguments of ``compile``, of the same shapes and dtypes.

        Returns its output tensors as a flat tuple. Raises ValueError for wrong arguments, or where the program was
        compiled for training, which has ``eval``.
        """
        return tuple(self._run("main", args)[1])

    def step(self, *batch, lr=None):
        """One step of training on a global batch; ``lr`` replaces the learning rate of ``compile`` in this step.

        Returns a ``Metrics`` of two floats, ``loss`` (the mean over ranks) and ``grad_norm`` (before clipping); they
        are read from the runtime when asked for: GPUs compute the step meanwhile, and up to two steps are under way.
        The module's other outputs are those of ``eval``. Raises ValueError for wrong arguments, or where the program
        was compiled for inference; an error of a step, a RuntimeError, may be raised by a later call.
        """
        return Metrics(*self._start("train_step", batch, lr))

    def eval(self, *batch):
        """The forward pass of training on a global batch, without a change of state.

        Returns a ``Metrics`` with ``loss`` (the mean over ranks), and the module's other outputs by number:
        ``output_1`` is the second. Outputs that have the batch as dimension 0 are those of the whole batch, others the
        mean over ranks. Raises ValueError as ``step`` does.
        """
        return Metrics(*self._start("eval", batch))

    def state_dict(self):
        """Every parameter and persistent buffer by name, tied names included, as whole tensors (floats as f32)."""
        result = {}
        for parameter in self._parameters:
            tensor = _from_runtime(self._session.read_parameter(parameter["name"]), parameter)
            for name in (parameter["name"], *parameter["aliases"]):
                result[name] = tensor
        return result

    def merged_state_dict(self):
        """As ``state_dict``, with adapters folded into their weights; without adapters there is no difference."""
        return self.state_dict()

    def load_state_dict(self, state):
        """Sets all parameters and buffers. Raises ValueError naming every key and shape that does not fit."""
        known = {name: p for p in self._parameters for name in (p["name"], *p["aliases"])}
        problems = [f"missing key '{name}'" for name in known if name not in state]
        problems += [f"unknown key '{name}'" for name in state if name not in known]
        for name, parameter in known.items():
            shape = _declared(parameter)[1]
            if name in state and tuple(state[name].shape) != shape:
                problems.append(f"'{name}': expected shape {shape}, found {tuple(state[name].shape)}")
        if problems:
            raise ValueError("the state does not fit the program: " + "; ".join(problems))
        for name, parameter in known.items():
            value = state[name].to(dtype=_declared(parameter)[0])
            self._session.write_parameter(name, _to_runtime(value))

    def statistics(self):
        """Bytes of state and arena a rank, bytes communicated and copied so far, runs, peak resident bytes, BLAS kernels;
        of a GPU what was asked of it so far: launch_seconds and other times of the host, graph_launches,
        single_instructions, device_allocations, synchronisations; ``graphs``, a dict for each program that became one,
        with the numbers of its nodes by kind."""
        return self._session.statistics()

    def write_report(self, path):
        """Writes the report, an HTML file: what was planned, and the mean time of kernels and library calls so far with
        their bytes and FLOP per second beside the machine's measured limits. Raises RuntimeError without
        ``trace=True``."""
        self._session.write_report(os.fspath(path))

    def write_trace(self, path):
        """Writes what ran when as a JSON file for Perfetto. Raises RuntimeError without ``trace=True``."""
        self._session.write_trace(os.fspath(path))

    def _run(self, entry, args):
        names, tensors, finish = self._start(entry, args)
        finish()
        return names, tensors

    def _start(self, entry, args, lr=None):
        """Names and tensors of the results, and what to call before they are read."""
        if entry not in self._entries:
            raise ValueError(f"the program has no entry '{entry}', it has {', '.join(self._entries)}")
        values = _flatten(args)
        variants = self._entries[entry]
        variant = variants[0]
        for candidate in variants:
            problems = self._problems(candidate, values)
            if not problems:
                variant = candidate
                break
        else:
            raise ValueError(f"entry '{entry}': " + "; ".join(self._problems(variant, values)))
        call, results = self._session.start(entry, [_to_runtime(value) for value in values], lr)
        outputs = variant["outputs"]
        tensors = [_from_runtime(*pair) for pair in zip(results, outputs)]
        return [output["name"] for output in outputs], tensors, lambda: self._session.finish(call)

    def _problems(self, variant, values):
        expected = variant["inputs"]
        if len(values) != len(expected):
            names = ", ".join(f"'{array['name']}'" for array in expected)
            return [f"expected {len(expected)} inputs ({names}), found {len(values)}"]
        found = (_problem(array, value, self.ranks) for array, value in zip(expected, values))
        return [problem for problem in found if problem]
