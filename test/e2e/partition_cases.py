"""Small models that between them need every op of Raddle's dialects, and batches for them.

A case is a module, a function that draws a batch of some rows, and the ops of which it is the test: they must occur in
the program at some stage. Sizes divide by no number of ranks.
"""

import torch
from torch import nn
from torch.nn import functional as F
from partitioning import STEP
from transformers.integrations import moe  # noqa: F401, registers transformers::grouped_mm_fallback

VOCABULARY, WIDTH, TOKENS, CLASSES = 11, 7, 5, 3


def tokens(rows):
    return (torch.randint(0, VOCABULARY, (rows, TOKENS)),)


def vectors(rows):
    return (torch.randn(rows, TOKENS, WIDTH),)


def images(rows):
    return (torch.randn(rows, 3, 9, 9),)


def labelled(rows):
    return torch.randn(rows, WIDTH), torch.randint(0, CLASSES, (rows,))


def mean_of_squares(values):
    """Of each row first: one sum of many values rounds otherwise in parts."""
    return values.square().flatten(1).mean(1).mean()


class Case(nn.Module):
    """Its input times a parameter, then what `forward` of a kind of case makes of it; a mean of squares is the loss."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(TOKENS, WIDTH))

    def forward(self, x):
        return sum(mean_of_squares(value - 0.3) for value in self.values(x * self.scale))


class Norms(Case):
    def __init__(self):
        super().__init__()
        self.layer, self.root = nn.LayerNorm(WIDTH), nn.RMSNorm(WIDTH)

    def values(self, x):
        return self.layer(x), self.root(x)


class BatchNorm(nn.Module):
    """In evaluation: in training a rank's statistics are those of its own part."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return mean_of_squares(self.norm(self.weight(x)))


class Attention(Case):
    """With a mask that is trained as well."""

    def __init__(self):
        super().__init__()
        self.mask = nn.Parameter(torch.randn(TOKENS, TOKENS))

    def values(self, x):
        heads = x.unsqueeze(1)
        yield F.scaled_dot_product_attention(heads, heads.sin(), heads.cos(), attn_mask=self.mask)
        yield F.scaled_dot_product_attention(heads, heads.sin(), heads.cos(), is_causal=True)


class Windows(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.back = nn.Conv2d(3, 5, 3, stride=2), nn.ConvTranspose2d(5, 3, 3, stride=2)

    def forward(self, x):
        h = self.conv(x)
        pooled = F.avg_pool2d(h, 2), F.max_pool2d(h, 2), self.back(h)
        folded = F.fold(F.unfold(h, 2), h.shape[-2:], 2)
        return sum(map(mean_of_squares, (*pooled, folded)))


class Scans(Case):
    def values(self, x):
        yield x.cumsum(1)
        yield (x * 0.5 + 1).cumprod(1)
        yield x.logcumsumexp(1)
        yield x.cummax(1).values
        yield x.cummin(1).values


class Rows(nn.Module):
    """Reads rows of tables, and sorts: equal gradients of a row are added, whoever reads it."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.table = nn.Parameter(torch.randn(VOCABULARY, WIDTH))
        self.register_buffer("places", torch.tensor([1, 0, 3, 3, 2]))

    def forward(self, ids):
        read = self.embedding(ids) * self.table[ids]
        order = read.argsort(1)
        top = read.topk(2, dim=-1).values
        added = torch.zeros(ids.shape[0], VOCABULARY, WIDTH).index_add(1, self.places, read)
        return top.square().mean() + (read.gather(1, order) * read).mean() + added.square().mean()


class Labels(nn.Module):
    """Losses that divide by what depends on the labels of all ranks; one with weights of the classes."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(WIDTH, CLASSES)
        self.register_buffer("weights", torch.tensor([0.5, 2.0, 1.0]))

    def forward(self, x, labels):
        scores = self.layer(x)
        # Half the labels of the first rank are ignored.
        ignored = torch.where(x[:, 0] > 0, labels, 1)
        return F.cross_entropy(scores, ignored, ignore_index=1) + F.cross_entropy(scores, labels, weight=self.weights)


class Random(Case):
    """Numbers of an element are the same on any number of ranks."""

    def values(self, x):
        yield F.dropout(x, 0.3, training=True)
        yield x + torch.rand_like(x) + torch.randn_like(x)
        yield x * torch.randint_like(x, 1, 4)
        yield F.rrelu(x, 0.1, 0.4, training=True)


class Experts(nn.Module):
    """Offsets of groups count a rank's rows: here they are those of a parameter, the same on any number of ranks."""

    def __init__(self):
        super().__init__()
        self.rows, self.matrices = nn.Parameter(torch.randn(6, WIDTH)), nn.Parameter(torch.randn(2, WIDTH, CLASSES))
        self.register_buffer("offsets", torch.tensor([2, 6], dtype=torch.int32))

    def forward(self, x):
        mixed = torch.ops.transformers.grouped_mm_fallback(self.rows, self.matrices, self.offsets)
        return (x.mean(2, keepdim=True) * mixed.sum(1)[:TOKENS] - 0.3).square().mean()


def ops(dialect, names):
    return [f"{dialect}.{name}" for name in names.split()]


class Collectives(Case):
    """Two parameters have one gradient, which only a copy brings to both places."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Parameter(torch.randn(TOKENS, WIDTH)), nn.Parameter(torch.randn(TOKENS, WIDTH))

    def values(self, x):
        yield x + torch.tensor([float(place * place) for place in range(WIDTH)]) + self.first + self.second


ADAMW = ("--optimizer=adamw", "--eps=1e-3", "--lr=0.02", "--weight-decay=0.1", "--clip-norm=1.0")
# Name: module, batch, options of a step, the ops whose test it is.
CASES = {
    "norms": (Norms, vectors, STEP, ops("nn", "layer_norm layer_norm_grad rms_norm rms_norm_grad sgd squared_norm")),
    "adamw": (Norms, vectors, ADAMW, ops("nn", "adamw")),
    "batch_norm": (BatchNorm, images, STEP, ops("nn", "batch_norm batch_norm_grad")),
    "attention": (Attention, vectors, STEP, ops("nn", "attention attention_grad attention_mask_grad") + ["exec.attention"]),
    "windows": (Windows, images, STEP, ops("nn", "conv conv_transpose conv_weight_grad fold unfold max_pool max_pool_grad "
                                               "sum_pool sum_pool_grad")),
    "scans": (Scans, vectors, STEP, ops("nn", "cumsum cumprod cumprod_grad logcumsumexp logcumsumexp_grad cummax cummin "
                                            "cumextremum_grad")),
    "rows": (Rows, tokens, STEP, ops("nn", "embedding embedding_grad gather_rows scatter_rows checked_index argsort topk")
                               + ["exec.check_index"]),
    "labels": (Labels, labelled, STEP, ops("nn", "cross_entropy cross_entropy_grad rank_mean") + ["exec.gemm"]),
    "random": (Random, vectors, STEP, ops("nn", "dropout random_key random_uniform random_normal random_bits detach")),
    "experts": (Experts, vectors, STEP, ops("moe", "grouped_matmul grouped_outer")),
    "collectives": (Collectives, vectors, STEP, ops("ragged", "bucket gather slot pack reduce_scatter all_reduce")
                                        + ops("exec", "program buffer dispatch collective zero record wait constant copy")),
}  # fmt: skip
