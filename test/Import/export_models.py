"""Writes .pt2 files for the tests of the importer: `export_models.py FOLDER MODEL...`."""

import argparse
import pathlib
import warnings

import torch
import torch.nn.functional as F
from torch import nn

BATCH = 6


class Mlp(nn.Module):
    """Two layers and a loss; the second weight is a transposed view, the first bias is frozen."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 5)
        self.second = nn.Linear(5, 2)
        self.second.weight = nn.Parameter(torch.randn(5, 2).t())
        self.first.bias.requires_grad_(False)
        self.register_buffer("scale", torch.full((2,), 0.5))

    def forward(self, x, target):
        hidden = F.gelu(self.first(x))
        return F.mse_loss(self.second(hidden) * self.scale, target), hidden


class Tied(nn.Module):
    """An embedding that is the output layer as well, one parameter that nothing uses, and one constant."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.head = nn.Linear(4, 11, bias=False)
        self.head.weight = self.embed.weight
        self.unused = nn.Parameter(torch.zeros(7))

    def forward(self, ids):
        return self.head(self.embed(ids) * torch.tensor([1.0, 2.0, 3.0, 4.0]))


class Norms(nn.Module):
    """Norms whose parameters have no values when the module is built without them."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.rms_norm = nn.RMSNorm(8, eps=1e-6)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.rms_norm(self.norm(x)))


class Attention(nn.Module):
    def forward(self, query, key, value, mask):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)


class Causal(nn.Module):
    def forward(self, query):
        return F.scaled_dot_product_attention(query, query, query, is_causal=True)


class Loss(nn.Module):
    def forward(self, logits, labels):
        return F.cross_entropy(logits, labels), F.cross_entropy(logits, labels, reduction="sum", ignore_index=2)


class Sizes(nn.Module):
    """Sizes computed from the batch."""

    def forward(self, x):
        batch = x.shape[0]
        flat = x.reshape(batch * 4)
        return flat, torch.arange(batch * 2 - 1), torch.full((batch // 2,), float("-inf")), x * batch


class Shapes(nn.Module):
    def forward(self, x):
        parts = x.split([1, 3], dim=1)
        return (
            torch.cat([parts[1], parts[0]], dim=1),
            x.transpose(0, 1),
            x[:, 1:3].unsqueeze(1),
            x.unsqueeze(1).expand(-1, 2, -1) + 1,
        )


class Elements(nn.Module):
    def forward(self, x, y):
        return x + y[:, :1], x > 0, F.silu(x), torch.where(x > y, x, 0.0), x.to(torch.int64) // 3, x.clamp(min=0)


class Reductions(nn.Module):
    def forward(self, x):
        values, positions = x.max(dim=1)
        return x.sum(), x.mean(dim=1, keepdim=True), x.amax(1), values, positions, x.softmax(-1), (x > 0).cumsum(1)


class Index(nn.Module):
    def forward(self, x, rows):
        return x[rows], x[:, rows.clamp(0, 3)], x.gather(1, rows[:, None])


class Unknown(nn.Module):
    def forward(self, x):
        return x.matrix_exp(), (x + 1).matrix_exp(), torch.linalg.cholesky(x), x.nonzero()


@torch.library.custom_op("tests::unheard_of", mutates_args=())
def unheard_of(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


unheard_of.register_fake(torch.empty_like)


class Custom(nn.Module):
    """Has an operator of its own, which no importer knows, beside a known one."""

    def forward(self, x):
        return unheard_of(x) + unheard_of(2 * x)


class Dropout(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.1, training=True), torch.rand(3), torch.randn_like(x.t()), F.dropout(x, 0.1, training=False)


class Norm1d(nn.Module):
    """Updates running statistics."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return x + self.norm.running_mean.add_(1.0)


class Overwrite(nn.Module):
    """Changes its input, and then returns something else."""

    def forward(self, x):
        x.mul_(2.0)
        return x + 1


class Overlap(nn.Module):
    """Two trainable parameters over one storage, in part."""

    def __init__(self):
        super().__init__()
        storage = torch.randn(6, 4)
        self.head = nn.Parameter(storage[:4])
        self.tail = nn.Parameter(storage[2:])

    def forward(self, x):
        return x @ self.head + x @ self.tail


class Filled(nn.Module):
    def forward(self, numbers):
        return numbers.masked_fill(numbers > 2, 7)


class Control(nn.Module):
    """What depends on data while it runs: branches, loops, numbers, sizes."""

    def forward(self, x):
        branch = torch.cond(x.sum() > 0, lambda y: y.sin(), lambda y: y.cos(), (x,))
        (_, doubled) = torch._higher_order_ops.while_loop(
            lambda count, y: count < 3, lambda count, y: (count + 1, y * 2), (torch.tensor(0), x)
        )
        repeated = torch.repeat_interleave(x, torch.tensor([1, 2, 1, 2, 1, 1]), dim=0)
        return branch, doubled, x * x.sum().item(), torch.unique(x), repeated


class Unsigned(nn.Module):
    def forward(self, x):
        return x + 1


def matrix(columns=4):
    return torch.randn(BATCH, columns)


def attention_inputs():
    def heads(count, length):
        return torch.randn(BATCH, count, length, 8)

    return heads(4, 5), heads(2, 7), heads(2, 7), torch.ones(BATCH, 1, 5, 7, dtype=torch.bool)


MODELS = {
    "mlp": (Mlp, lambda: (matrix(3), matrix(2))),
    "tied": (Tied, lambda: (torch.randint(0, 11, (BATCH, 5)),)),
    "norms": (Norms, lambda: (matrix(8),)),
    "attention": (Attention, attention_inputs),
    "causal": (Causal, lambda: (torch.randn(BATCH, 4, 5, 8),)),
    "loss": (Loss, lambda: (matrix(5), torch.randint(0, 5, (BATCH,)))),
    "sizes": (Sizes, lambda: (matrix(),)),
    "shapes": (Shapes, lambda: (matrix(),)),
    "elements": (Elements, lambda: (matrix(), matrix())),
    "reductions": (Reductions, lambda: (matrix(),)),
    "index": (Index, lambda: (matrix(), torch.randint(0, 4, (BATCH,)))),
    "custom": (Custom, lambda: (matrix(),)),
    "unknown": (Unknown, lambda: (matrix(BATCH),)),
    "dropout": (Dropout, lambda: (matrix(),)),
    "mutation": (Norm1d, lambda: (matrix(),)),
    "overwrite": (Overwrite, lambda: (matrix(),)),
    "overlap": (Overlap, lambda: (matrix(),)),
    "filled": (Filled, lambda: (torch.arange(BATCH),)),
    "control": (Control, lambda: (matrix(),)),
    "unsigned": (Unsigned, lambda: (torch.zeros(BATCH, dtype=torch.uint8),)),
}


def write(folder, name, options):
    """Exports one model to `folder/name.pt2`, with options `folder/name-option.pt2`."""
    torch.manual_seed(0)
    build, arguments = MODELS[name]
    with torch.device("meta" if "meta" in options else "cpu"):
        module, inputs = build().eval(), arguments()
    dynamic = None
    if "static" not in options:
        # With "second", dimension 1 is dynamic as well.
        dims = {dim: torch.export.Dim.AUTO for dim in ((0, 1) if "second" in options else (0,))}
        dynamic = tuple(dims for _ in inputs)
    program = torch.export.export(module, inputs, dynamic_shapes=dynamic, strict=False)
    if "inplace" not in options:
        program = program.run_decompositions({})
    torch.export.save(program, folder / ("-".join([name, *options]) + ".pt2"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("models", nargs="+", help="NAME or NAME-OPTION: static, second, meta, inplace")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for model in arguments.models:
        name, *options = model.split("-")
        write(arguments.folder, name, options)


if __name__ == "__main__":
    main()
