"""Many small functions in one program: compiled once, compared one by one, values and gradients.

Values that go in are buffers, so that no batch is cut; floating-point ones have a parameter of zeros added, whose value
after one step of SGD with rate 1 is the negative gradient.
"""

import copy

import torch

import raddle

# Relative to the largest finite value of a tensor, by the type of a result.
TOLERANCES = {torch.float64: 1e-6, torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}


class Function(torch.nn.Module):
    """A function of tensors as a module without parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


class Functions(torch.nn.Module):
    """All results, and a weighted sum of their floating-point elements that are finite in PyTorch."""

    def __init__(self, cases, weighted=True):
        super().__init__()
        self.cases, self.weighted = cases, weighted
        for name, (_, arguments) in cases.items():
            for index, value in enumerate(arguments):
                self.register_buffer(f"{name}_{index}", value.clone())
                if weighted and value.is_floating_point():
                    self.register_parameter(f"{name}_{index}_p", torch.nn.Parameter(torch.zeros_like(value)))
        if weighted:
            with torch.no_grad():
                self.weights = {}
                for name in cases:
                    results = self.compute(name)
                    for index, result in enumerate(results):
                        generator = torch.Generator().manual_seed(index)
                        weight = torch.rand(result.shape, generator=generator, dtype=torch.float64) + 0.5
                        weight = weight.to(result.dtype) if result.is_floating_point() else weight
                        self.register_buffer(f"{name}_weight_{index}", weight)
                        self.register_buffer(f"{name}_finite_{index}", result.isfinite())

    def compute(self, name):
        function, arguments = self.cases[name]
        values = []
        for index, value in enumerate(arguments):
            value = getattr(self, f"{name}_{index}")
            if self.weighted and value.is_floating_point():
                value = value + getattr(self, f"{name}_{index}_p")
            values.append(value)
        result = function(*values)
        return result if isinstance(result, (tuple, list)) else (result,)

    def forward(self, one):
        if not self.weighted:
            return [result.clone() for name in self.cases for result in self.compute(name)]
        loss = one.sum() * 0
        for name in self.cases:
            for index, result in enumerate(self.compute(name)):
                if result.is_floating_point():
                    kept = torch.where(getattr(self, f"{name}_finite_{index}"), result, 0)
                    loss = loss + (kept * getattr(self, f"{name}_weight_{index}")).sum().to(torch.float32)
        return loss


def problem(found, expected, tolerance=None):
    """What is different, or None."""
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return f"{found.dtype} {tuple(found.shape)}, PyTorch {expected.dtype} {tuple(expected.shape)}"
    if expected.is_complex():
        return problem(torch.view_as_real(found), torch.view_as_real(expected), tolerance)
    if not expected.dtype.is_floating_point:
        return None if torch.equal(found, expected) else f"{found}, PyTorch {expected}"
    a, b = found.double(), expected.double()
    finite = b.isfinite()
    if not torch.equal(a[~finite].nan_to_num(7.0, 8.0, 9.0), b[~finite].nan_to_num(7.0, 8.0, 9.0)) or not a[finite].isfinite().all():
        return f"{found}, PyTorch {expected}"
    limit = (tolerance or TOLERANCES[expected.dtype]) * max(b[finite].abs().max().item() if finite.any() else 0, 1e-3)
    gap = (a - b)[finite].abs()
    if finite.any() and gap.max() > limit:
        where = gap.argmax()
        return f"differs by {gap.max():.3g} (allowed {limit:.3g}): {a[finite][where]:.9g}, PyTorch {b[finite][where]:.9g}"
    return None


ONE = torch.ones(1)


def compare_values(cases, tolerance=None):
    """cases: name to (function, arguments). Asserts that all results are PyTorch's, dtypes included."""
    module = Functions(cases, weighted=False)
    program = raddle.compile(module, (ONE,))
    results = iter(program(ONE))
    problems = []
    for name in cases:
        for expected in module.compute(name):
            text = problem(next(results), expected, tolerance)
            if text:
                problems.append(f"{name}: {text}")
    assert not problems, "\n".join(problems)


def compare_gradients(cases, tolerance=None):
    """Asserts that the gradient of the weighted sum of all results is PyTorch's for all arguments, made finite
    first."""
    finite = lambda value: value.nan_to_num(0.75, 0.25, -0.25) if value.is_floating_point() else value
    cases = {name: (function, [finite(value) for value in values]) for name, (function, values) in cases.items()}
    module = Functions(cases)
    program = raddle.compile(copy.deepcopy(module), (ONE,), mode="train", optimizer="sgd", lr=1.0)
    program.step(ONE)
    module(ONE).backward()
    state, problems = program.state_dict(), []
    for name, parameter in module.named_parameters():
        expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        text = problem(-state[name].to(expected.dtype), expected, tolerance)
        if text:
            problems.append(f"{name}: {text}")
    assert not problems, "\n".join(problems)
