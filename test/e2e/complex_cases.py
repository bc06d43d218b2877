"""Functions of complex tensors; what goes in and comes out is real, except where results are complex."""

import torch


def _drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


VALUES = {
    "pairs": _drawn(3, 4, 2),
    "other_pairs": _drawn(3, 4, 2, seed=1),
    "column_pairs": _drawn(4, 5, 2, seed=2),
    "zero_pairs": torch.cat([_drawn(2, 4, 2, seed=3), torch.zeros(1, 4, 2, dtype=torch.float64)]),
    "matrix": _drawn(3, 4, seed=4),
    "angles": _drawn(3, 4, seed=5) * 3,
    "heads": _drawn(2, 5, 3, 8, seed=6),
    "frequencies": _drawn(5, 4, seed=7),
}
z = torch.view_as_complex
r = torch.view_as_real


def _rotary(x, angles):
    """The rotary embedding of the first Llama: neighbours are numbers that turn."""
    turns = torch.polar(torch.ones_like(angles), angles)
    numbers = z(x.float().reshape(*x.shape[:-1], -1, 2))
    return r(numbers * turns[None, :, None, :]).flatten(3).type_as(x)


def _state_space(pairs, other, steps):
    """The kernel of a diagonal state-space model: 2 Re Σ C exp(A t)."""
    powers = torch.exp(z(pairs)[:, :, None] * 0.1 * torch.arange(6, dtype=pairs.dtype))
    return 2 * (z(other)[:, :, None] * powers).sum(1).real * steps.sum()


COMPLEX = {
    "rotary": (_rotary, "heads", "frequencies"),
    "state_space": (_state_space, "pairs", "other_pairs", "matrix"),
    "add": (lambda x, y: r(z(x) + z(y)), "pairs", "other_pairs"),
    "add_scaled": (lambda x, y: r(torch.add(z(x), z(y), alpha=2)), "pairs", "other_pairs"),
    "add_real": (lambda x, y: r(z(x) + y), "pairs", "matrix"),
    "add_number": (lambda x: r(z(x) + 1.5), "pairs"),
    "sub": (lambda x, y: r(z(x) - z(y)), "pairs", "other_pairs"),
    "rsub": (lambda x: r(1.5 - z(x)), "pairs"),
    "mul": (lambda x, y: r(z(x) * z(y)), "pairs", "other_pairs"),
    "mul_real": (lambda x, y: r(z(x) * y), "pairs", "matrix"),
    "mul_number": (lambda x: r(z(x) * 2), "pairs"),
    "mul_imaginary": (lambda x: r(z(x) * (0.5 + 2j)), "pairs"),
    "real_times_imaginary": (lambda x: r(torch.exp(1j * x)), "angles"),
    "div": (lambda x, y: r(z(x) / z(y)), "pairs", "other_pairs"),
    "div_real": (lambda x, y: r(z(x) / y), "pairs", "matrix"),
    "div_number": (lambda x: r(z(x) / 3), "pairs"),
    "neg": (lambda x: r(-z(x)), "pairs"),
    "exp": (lambda x: r(z(x).exp()), "pairs"),
    "log": (lambda x: r(z(x).log()), "pairs"),
    "reciprocal": (lambda x: r(z(x).reciprocal()), "pairs"),
    "square": (lambda x: r(z(x) ** 2), "pairs"),
    "cube": (lambda x: r(z(x) ** -3), "pairs"),
    "conj": (lambda x: r((z(x).conj() * z(x)).resolve_conj()), "pairs"),
    "abs": (lambda x: z(x).abs(), "zero_pairs"),
    "angle": (lambda x: z(x).angle(), "pairs"),
    "real": (lambda x: z(x).real * z(x).imag, "pairs"),
    "complex": (lambda x, y: r(torch.complex(x, y) * 2), "matrix", "angles"),
    "polar": (lambda x, y: r(torch.polar(x.abs(), y)), "matrix", "angles"),
    "matmul": (lambda x, y: r(z(x) @ z(y)), "pairs", "column_pairs"),
    "matmul_real": (lambda x, y: r(z(x) @ y.T.to(torch.complex64 if y.dtype == torch.float32 else torch.complex128)), "pairs", "matrix"),
    "bmm": (lambda x, y: r(torch.bmm(z(x)[None], z(y)[None])), "pairs", "column_pairs"),
    "sum": (lambda x: r(z(x).sum(1)), "pairs"),
    "mean": (lambda x: r(z(x).mean()), "pairs"),
    "movement": (lambda x: r(torch.cat([z(x).T[None], z(x)[1:].T[None].repeat(1, 1, 2)[..., :3]]).flatten(1)), "pairs"),
    "split": (lambda x: r(torch.mul(*z(x).split(2, 1))), "pairs"),
    "where": (lambda x, y: r(torch.where(y > 0, z(x), 2 * z(x))), "pairs", "matrix"),
    "to_complex": (lambda x: r(x.to(torch.complex64) * 1j), "matrix"),
    "result": (lambda x: z(x) * z(x), "pairs", False),
}
