"""Tries operators on the samples that torch's own tests use (`OpInfo`), against PyTorch itself.

The samples of one operator and element type make one module. The tensors that PyTorch can differentiate are its
parameters, the other tensors its inputs, what is no tensor is a constant of the graph. Its results are a loss, which
weighs every differentiable result with fixed random numbers, and the operator's results. So one step of SGD on it shows
all gradients: lr times a gradient is what a parameter has lost.
"""

import dataclasses
import math
import pathlib
import tempfile
import warnings

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import UnaryUfuncInfo
from torch.utils import _pytree as pytree

import raddle

# Of one operator and element type.
SAMPLES = 6
# Samples above this size show nothing that smaller ones do not.
LARGEST_ELEMENTS = 20_000
# Further shapes of elementwise operators of one tensor with so many elements.
SHAPES = ((), (1, 7), (2, 3, 3))
LEAST_ELEMENTS = 18
FLOATS = (torch.float32, torch.float64)
OTHERS = (torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.bool)
DTYPES = FLOATS + OTHERS
# Relative to an element, and to the largest element of the tensor (at least 1).
TOLERANCES = {
    torch.float64: (1e-6, 1e-7),
    torch.float32: (1e-4, 3e-5),
    torch.float16: (4e-3, 2e-3),
    torch.bfloat16: (3e-2, 1e-2),
}
# A power of two, so that it rounds nothing; large, so that small gradients keep their digits beside large parameters.
LEARNING_RATE = 1024.0
# What raddle and its programs raise.
ERRORS = (RuntimeError, ValueError, OSError)
# In the importer's message about operators that it does not know.
UNKNOWN = "not supported:"


def name_of(op):
    return op.name + ("." + op.variant_test_name if op.variant_test_name else "")


OPERATORS = {name_of(op): op for op in op_db}


class NotApplicable(Exception):
    """PyTorch itself has no result, so that there is nothing to compare with."""


@dataclasses.dataclass
class Sample:
    """A call of an operator, its tensors apart from the rest."""

    dtype: torch.dtype
    tensors: list
    trained: list  # of each tensor, whether PyTorch has a gradient for it
    structure: object  # leaves and a tree of (input, args, kwargs), with None for a tensor
    select: object  # which of the results have a gradient

    @property
    def is_empty(self):
        return any(tensor.numel() == 0 for tensor in self.tensors)

    @property
    def text(self):
        """Shapes and constants, to find the sample again."""
        tensors = iter(self.tensors)
        leaves, tree = self.structure
        shown = [str(list(next(tensors).shape)) if leaf is _TENSOR else repr(leaf) for leaf in leaves]
        value, args, kwargs = pytree.tree_unflatten(shown, tree)
        parts = [value, *args, *(f"{key}={part}" for key, part in kwargs.items())]
        return "(" + ", ".join(str(part).replace("'", "") for part in parts) + ")"

    def call(self, function, tensors):
        tensors = iter(tensors)
        leaves, tree = self.structure
        leaves = [next(tensors) if leaf is _TENSOR else leaf for leaf in leaves]
        value, args, kwargs = pytree.tree_unflatten(leaves, tree)
        return function(value, *args, **kwargs)


_TENSOR = object()


def _take_apart(sample, dtype):
    leaves, tree = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    if any(tensor.layout != torch.strided for tensor in tensors):
        return None
    if sum(tensor.numel() for tensor in tensors) > LARGEST_ELEMENTS:
        return None
    leaves = [_TENSOR if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    plain = [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors]
    trained = [tensor.requires_grad for tensor in tensors]
    return Sample(dtype, plain, trained, (leaves, tree), sample.output_process_fn_grad)


def _reshaped(sample, shape):
    """The same call of an elementwise operator on the first elements of its tensor."""
    count = math.prod(shape)
    return dataclasses.replace(sample, tensors=[sample.tensors[0].flatten()[:count].reshape(shape).clone()])


def samples_of(op, dtype, count=SAMPLES):
    """Up to `count` samples, spread evenly over those that differ in shapes or constants."""
    torch.manual_seed(0)
    differentiable = dtype in FLOATS and op.supports_autograd
    distinct = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in op.sample_inputs("cpu", dtype, requires_grad=differentiable):
            sample = _take_apart(sample, dtype)
            # One type shows what becomes of tensors without elements.
            if sample is not None and (dtype == FLOATS[0] or not sample.is_empty):
                distinct.setdefault(sample.text, sample)
    if isinstance(op, UnaryUfuncInfo):
        # torch has few shapes of these.
        largest = max(distinct.values(), key=lambda sample: sample.tensors[0].numel(), default=None)
        if largest is not None and len(largest.tensors) == 1 and largest.tensors[0].numel() >= LEAST_ELEMENTS:
            for sample in [_reshaped(largest, shape) for shape in SHAPES]:
                distinct.setdefault(sample.text, sample)
    found = list(distinct.values())
    if len(found) <= count:
        return found
    return [found[index * (len(found) - 1) // (count - 1)] for index in range(count)]


def _tensors(result):
    return [leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]


class Operator(torch.nn.Module):
    """A module of the operator alone, so that the exported nodes say that they are its own."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


class Calls(torch.nn.Module):
    """Calls an operator on all samples. Returns the loss and the operator's results, flat."""

    def __init__(self, function, samples):
        super().__init__()
        self.operator, self.samples = Operator(function), samples
        dtype = samples[0].dtype if samples[0].dtype in FLOATS else torch.float32
        # There is a parameter, and an input, whatever the samples are.
        self.anchor = torch.nn.Parameter(torch.ones(1, dtype=dtype))
        trained = [t for s in samples for t, is_trained in zip(s.tensors, s.trained) if is_trained]
        self.trained = torch.nn.ParameterList([torch.nn.Parameter(tensor.clone()) for tensor in trained])
        self.copies = False  # whether the operator gets copies of its tensors
        generator = torch.Generator().manual_seed(1)
        for index, weight in enumerate(self._weigh(generator)):
            self.register_buffer(f"weight_{index}", weight)

    @property
    def inputs(self):
        """The arguments of `forward`."""
        fixed = [t for s in self.samples for t, is_trained in zip(s.tensors, s.trained) if not is_trained]
        return (torch.ones_like(self.anchor).detach(), *fixed)

    def _calls(self, fixed):
        """(results, those that a gradient is asked of) of each sample."""
        trained, fixed = iter(self.trained), iter(fixed)
        for sample in self.samples:
            tensors = [next(trained) if is_trained else next(fixed) for is_trained in sample.trained]
            if self.copies:
                tensors = [tensor.clone() for tensor in tensors]
            result = sample.call(self.operator, tensors)
            yield _tensors(result), [t for t in _tensors(sample.select(result)) if t.is_floating_point()]

    def _weigh(self, generator):
        for _, differentiable in self._calls([tensor.clone() for tensor in self.inputs[1:]]):
            for tensor in differentiable:
                yield torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.dtype) + 0.5

    def forward(self, anchor, *fixed):
        loss = (self.anchor * anchor).sum()
        results, weight = [], 0
        for outputs, differentiable in self._calls(fixed):
            results += outputs
            for tensor in differentiable:
                loss = loss + (tensor * getattr(self, f"weight_{weight}")).sum().to(loss.dtype)
                weight += 1
        return (loss, *results)


def difference(found, expected):
    """What is wrong with a tensor, or None. NaN equals NaN."""
    if tuple(found.shape) != tuple(expected.shape):
        return f"shape {list(found.shape)}, expected {list(expected.shape)}"
    if found.dtype != expected.dtype:
        return f"{found.dtype}, expected {expected.dtype}"
    if expected.dtype.is_complex:
        return difference(torch.view_as_real(found), torch.view_as_real(expected.resolve_conj()))
    if not expected.is_floating_point():
        wrong = found != expected
    else:
        relative, absolute = TOLERANCES[expected.dtype]
        a, b = found.double(), expected.double()
        largest = torch.nan_to_num(b, nan=0.0, posinf=0.0, neginf=0.0).abs().amax().item() if b.numel() else 0.0
        equal = (a == b) | (a.isnan() & b.isnan())
        near = (a - b).abs() <= relative * b.abs() + absolute * max(1.0, largest)
        wrong = ~(equal | (near & b.isfinite()))
    if not wrong.any():
        return None
    index = tuple(wrong.nonzero()[0].tolist())
    return f"{int(wrong.sum())} of {wrong.numel()} differ, at {list(index)} {found[index]:.7g}, expected {expected[index]:.7g}"


@dataclasses.dataclass
class Outcome:
    """What became of some samples: problems, empty where all is well; None where nothing was to be tried."""

    forward: object = None
    gradient: object = None
    operators: frozenset = frozenset()  # of the exported graph


def _short(error):
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def export_static(module, path):
    """As raddle.export, with every dimension fixed: dimension 0 of a sample is no batch. Of an operator that changes
    its tensors, copies are what is changed."""
    export = lambda: torch.export.export(module, module.inputs, strict=False).run_decompositions({})
    with torch.no_grad():
        program = export()
        if program.graph_signature.user_inputs_to_mutate:
            module.copies = True
            program = export()
    torch.export.save(program, path)
    return operators_of(program, "operator")


def operators_of(program, module=None):
    """The names of a program's operators as the importer has them, or of those within a submodule."""
    names = set()
    for node in program.graph.nodes:
        stack = [name.removeprefix("L['self'].") for name, _ in node.meta.get("nn_module_stack", {}).values()]
        if isinstance(node.target, torch._ops.OpOverload) and (module is None or module in stack):
            names.add(str(node.target))
    return frozenset(names)


def _run_pytorch(op, samples):
    """A module and PyTorch's results of it: a list of tensors, and the gradients of `trained`."""
    try:
        module = Calls(op.op, samples)
        loss, *results = module(*[tensor.clone() for tensor in module.inputs])
        again = module(*[tensor.clone() for tensor in module.inputs])[1:]
        gradients = []
        if module.trained:
            gradients = torch.autograd.grad(loss, list(module.trained), allow_unused=True)
            gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(module.trained, gradients)]
    except Exception as error:
        raise NotApplicable(f"PyTorch: {_short(error)}") from None
    results = [tensor.detach().clone() for tensor in results]
    if any(difference(a.detach(), b) for a, b in zip(again, results)):
        raise NotApplicable("PyTorch: other results at every call")
    return module, results, gradients


def _compare(found, expected, what, exact=lambda: None):
    """What is wrong with results. `exact` computes them with more digits, for where PyTorch's own are rounding
    errors."""
    if len(found) != len(expected):
        return f"wrong value: {len(found)} results, expected {len(expected)}"
    for index, (a, b) in enumerate(zip(found, expected)):
        problem = difference(a, b)
        if problem:
            digits = exact()
            if digits is None or difference(a, digits[index].to(b.dtype)):
                return f"wrong value: {what} {index}: {problem}"
    return ""


def _exact_gradients(op, samples):
    """PyTorch's gradients in f64 of samples in f32; None of others, or where PyTorch has none."""
    if any(sample.dtype != torch.float32 for sample in samples):
        return None

    def widen(value):
        return value.double() if isinstance(value, torch.Tensor) and value.dtype == torch.float32 else value

    wide = [dataclasses.replace(s, dtype=torch.float64, tensors=[widen(t) for t in s.tensors]) for s in samples]
    try:
        return _run_pytorch(op, wide)[2]
    except NotApplicable:
        return None


def _infer(path, module, results):
    """What is wrong with the results."""
    try:
        found = raddle.compile(path, module.inputs)(*module.inputs)[1:]
    except ERRORS as error:
        return str(error).strip()
    return _compare(found, results, "result")


def _train(path, module, results, gradients, exact):
    """What is wrong with the results, as the training program's forward pass gives them, and with the gradients, of
    which `exact` gives more digits."""
    try:
        program = raddle.compile(path, module.inputs, mode="train", optimizer="sgd", lr=LEARNING_RATE)
        outputs = list(program.eval(*module.inputs).values())[1:]
        before = program.state_dict()
        program.step(*module.inputs)
        after = program.state_dict()
    except ERRORS as error:
        return _infer(path, module, results), str(error).strip()
    # A scalar comes as a number.
    outputs = [torch.as_tensor(output, dtype=a.dtype) if a.dim() == 0 else output for output, a in zip(outputs, results)]
    found = []
    for index, gradient in enumerate(gradients):
        name = f"trained.{index}"
        change = (before[name] - after[name]).to(gradient.dtype) / LEARNING_RATE
        # A parameter that is infinite or NaN stays so.
        found.append(torch.where(before[name].isfinite(), change, gradient))
    problem = _compare(outputs, results, "result")
    if problem:
        # There batch norms use running statistics, as in module.eval(): inference is of the module as it is.
        problem = _infer(path, module, results)
    return problem, _compare(found, gradients, "gradient", exact)


def try_samples(op, samples):
    """Exports, compiles and compares samples as one module. Raises NotApplicable where PyTorch or its export
    refuses."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="raddle-opinfo-") as folder:
        warnings.simplefilter("ignore")
        module, results, gradients = _run_pytorch(op, samples)
        path = pathlib.Path(folder) / "calls.pt2"
        try:
            operators = export_static(module, path)
        except Exception as error:
            raise NotApplicable(f"torch.export: {_short(error)}") from None
        if module.trained:
            return Outcome(*_train(path, module, results, gradients, lambda: _exact_gradients(op, samples)), operators)
        return Outcome(_infer(path, module, results), None, operators)
