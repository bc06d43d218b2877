"""Operators with the shapes that they are tried on.

A case is a function of tensors whose dimension 0 is the batch, and groups of shapes of its arguments without the batch.
Every argument depends on a parameter, so that gradients flow through all of them.
"""

import torch
from torch.nn import functional as F

# Vectors, matrices, sizes of one, and sizes that no vector register divides.
SHAPES = [[(7,)], [(3, 5)], [(2, 1, 19)]]
PAIRS = [[(7,), (7,)], [(3, 5), (1, 5)], [(3, 5), (3, 1)], [(2, 4, 3), (1, 1, 1)]]

UNARY = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "log": lambda x: torch.log(x * x + 0.5),
    "sqrt": lambda x: torch.sqrt(x * x + 0.5),
    "rsqrt": lambda x: torch.rsqrt(x * x + 0.5),
    "reciprocal": lambda x: torch.reciprocal(x * x + 0.5),
    "sin": torch.sin,
    "cos": torch.cos,
    "erf": torch.erf,
    "abs": torch.abs,
    "neg": torch.neg,
    "square": torch.square,
    "cube": lambda x: x**3,
    "power_of_positive": lambda x: (x * x + 0.5) ** 1.7,
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "clamp_min": lambda x: x.clamp(min=0.1),
    "scalars": lambda x: 2 - (3 * x + 1) / 4,
    "softmax_last": lambda x: torch.softmax(x, dim=-1),
    "log_softmax": lambda x: torch.log_softmax(x, dim=-1),
    "sum_last": lambda x: x.sum(dim=-1),
    "sum_keep": lambda x: x * x.sum(dim=-1, keepdim=True),
    "mean_last": lambda x: x.mean(dim=-1),
    "amax": lambda x: x.amax(dim=-1),
    "transpose": lambda x: x.unsqueeze(1).transpose(1, -1) * 2,
    "flatten": lambda x: x.flatten(1) * 2,
    "slice": lambda x: x[..., 1:-1] * 2,
    "split": lambda x: torch.mul(*x.split(x.shape[-1] // 2, dim=-1)[:2]),
    "concatenate": lambda x: torch.cat([x, 2 * x, x.exp()], dim=-1),
    "stack": lambda x: torch.stack([x, 2 * x], dim=1),
    "expand": lambda x: x.unsqueeze(1).expand(-1, 3, *x.shape[1:]).exp(),
    "repeat": lambda x: x.repeat(1, *[2] * (x.dim() - 1)).exp(),
    "rotate_half": lambda x: torch.cat([-x[..., 2:], x[..., :2]], dim=-1),
    "masked_fill": lambda x: x.masked_fill(x > 0.3, -1.5),
    "where": lambda x: torch.where(x > 0, 2 * x, x * x),
    "detach": lambda x: x * x.detach(),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]),
    "rms_norm": lambda x: F.rms_norm(x, x.shape[-1:], eps=1e-5),
}

BINARY = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": lambda x, y: x / (y * y + 0.5),
    "minimum": torch.minimum,
    "maximum": torch.maximum,
    "where_of_two": lambda x, y: torch.where(x > y, x, 3 * y),
    "add_scaled": lambda x, y: torch.add(x, y, alpha=0.3),
}

OTHERS = {
    "softmax_middle": (lambda x: torch.softmax(x, dim=1), [[(4, 5)], [(3, 2, 7)]]),
    "sum_of_two_dimensions": (lambda x: x.sum(dim=(1, 2)), [[(4, 5)], [(3, 2, 7)]]),
    "mean_middle": (lambda x: x.mean(dim=1, keepdim=True) * x, [[(4, 5)], [(3, 2, 7)]]),
    "permute": (lambda x: x.permute(0, 3, 1, 2).reshape(x.shape[0], -1) * 2, [[(2, 3, 5)], [(1, 4, 3)]]),
    "select": (lambda x: x[:, 1] * x[:, -1], [[(4, 5)], [(2, 3, 7)]]),
    "unbind": (lambda x: sum(i * part for i, part in enumerate(x.unbind(1))), [[(4, 5)], [(2, 3)]]),
    "batch_product": (torch.bmm, [[(3, 5), (5, 2)], [(1, 7), (7, 4)]]),
    "product_of_heads": (torch.matmul, [[(2, 3, 5), (2, 5, 4)], [(1, 6, 2), (1, 2, 6)]]),
    "product_with_transposed": (lambda x, y: x @ y.transpose(-1, -2), [[(3, 5), (4, 5)], [(2, 3, 5), (2, 4, 5)]]),
    "layer_norm_of_two_dimensions": (lambda x: F.layer_norm(x, x.shape[1:]), [[(4, 5)]]),
    "attention": (F.scaled_dot_product_attention, [[(2, 5, 4), (2, 5, 4), (2, 5, 4)], [(1, 3, 6), (1, 7, 6), (1, 7, 2)]]),
    "attention_causal": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3),
        [[(2, 5, 4), (2, 5, 4), (2, 5, 4)], [(3, 9, 2), (3, 9, 2), (3, 9, 2)]],
    ),
    "attention_grouped": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        [[(4, 5, 4), (2, 5, 4), (2, 5, 4)]],
    ),
    "attention_masked": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.arange(5)[None, :] <= torch.arange(5)[:, None] + 1),
        [[(2, 5, 4), (2, 5, 4), (2, 5, 4)]],
    ),
}
CASES = {name: (function, SHAPES) for name, function in UNARY.items()}
CASES |= {name: (function, PAIRS) for name, function in BINARY.items()}
CASES |= OTHERS
# What needs at least four elements in the last dimension to do anything.
for name in ("slice", "split", "rotate_half"):
    CASES[name] = (CASES[name][0], [[(8,)], [(3, 6)], [(2, 1, 20)]])
