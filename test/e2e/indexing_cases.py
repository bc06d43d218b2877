"""Operators that read, write and order elements by index, with the shapes that they are tried on.

A case of `GRADIENTS` is as in operator_cases.py; indices that a function makes itself are the same in PyTorch. A case
of `VALUES` is a module's function and its arguments, for what has no gradient or is compared exactly.
"""

import torch
from torch.nn import functional as F

ROWS = 4  # dimension 0 of the arguments; two ranks share it


def table(*shape, high):
    """Indices that are no constant of the program: they depend on the data's shape alone."""
    generator = torch.Generator().manual_seed(sum(shape) + high)
    return torch.randint(0, high, shape, generator=generator)


def batched(index, x):
    """The same indices for each row of the batch."""
    return index.expand(x.shape[0], *index.shape)


index_put = torch.ops.aten.index_put

I3, I25 = table(3, high=5), table(2, 5, high=5)
REPEATED = torch.tensor([1, 3, 1, 1])

READS = {
    "index_last": (lambda x: x[..., I3], [[(5,)], [(2, 5)]]),
    "index_middle": (lambda x: x[:, I25], [[(5,)], [(5, 3)], [(6, 2, 3)]]),
    "index_neighbours": (lambda x: x[:, I25, I25 - 5], [[(5, 5)], [(6, 5, 3)]]),
    "index_apart": (lambda x: x[:, I3, :, I3], [[(5, 2, 5)], [(5, 3, 6, 2)]]),
    "index_broadcast": (lambda x: x[:, I3[:, None], I25[0]], [[(5, 5)]]),
    "index_batch": (lambda x: x[torch.arange(x.shape[0]), I3[:1]], [[(5,)], [(5, 2)]]),
    "index_negative": (lambda x: x[:, [-1, 0, -2]], [[(5,)], [(3, 2)]]),
    "gather": (lambda x: x.gather(1, batched(I25, x)[:, :, 0]), [[(5,)]]),
    "gather_shorter": (lambda x: x.gather(-1, batched(I25, x)), [[(3, 7)]]),
    "gather_middle": (lambda x: x.gather(1, batched(I25, x)), [[(5, 6)]]),
    "take_along": (lambda x: x.take_along_dim(I25[None], dim=2), [[(2, 5)]]),
    "take": (lambda x: torch.stack([row.take(I25 - 5) for row in x.unbind(1)], 1), [[(2, 3)]]),
    "index_select": (lambda x: x.index_select(-1, REPEATED), [[(5,)], [(2, 5)]]),
    "index_select_middle": (lambda x: x.index_select(1, REPEATED), [[(5,)], [(5, 2, 3)]]),
}
WRITES = {
    "scatter": (lambda x, y: x.scatter(1, batched(torch.tensor([4, 0, 2]), x), y), [[(5,), (3,)]]),
    "scatter_number": (lambda x: x.scatter(-1, batched(torch.tensor([4, 0, 2]), x), 0.7), [[(5,)]]),
    "scatter_add": (lambda x, y: x.scatter_add(1, batched(REPEATED, x), y), [[(5,), (4,)]]),
    "scatter_add_middle": (lambda x, y: x.scatter_add(1, batched(I25, x), y), [[(5, 6), (2, 5)]]),
    "index_put": (lambda x, y: index_put(x, [None, torch.tensor([4, 0, 2])], y), [[(5,), (3,)], [(5, 2), (3, 2)]]),
    "index_put_add": (
        lambda x, y: index_put(x, [None, REPEATED], y, True), [[(5,), (4,)], [(5, 2), (4, 2)], [(5,), (1,)]],
    ),
    "index_put_apart": (
        lambda x, y: index_put(x, [None, REPEATED, None, REPEATED - 5], y.sum(), True), [[(5, 2, 5), (4,)]],
    ),
    "index_put_mask": (lambda x, y: index_put(x, [x > 0], y.sum()), [[(5,), (3,)]]),
    "index_put_mask_of_rows": (lambda x, y: index_put(x, [x[:, :, 0] > 0], y[:1, 0], True), [[(5, 2), (1, 2)]]),
    "index_add": (lambda x, y: x.index_add(1, REPEATED, y, alpha=0.3), [[(5,), (4,)], [(5, 2), (4, 2)]]),
    "index_copy": (lambda x, y: x.index_copy(1, torch.tensor([4, 0, 2]), y), [[(5,), (3,)], [(5, 2), (3, 2)]]),
    "index_fill": (lambda x: x.index_fill(1, torch.tensor([4, 0, 2]), 0.7), [[(5,)], [(5, 3)]]),
    "put": (lambda x, y: x.put(torch.arange(y.numel()) % x.shape[0], y, accumulate=True), [[(5,), (4,)]]),
}
for reduce in ("sum", "prod", "mean", "amax", "amin"):
    for include in (True, False):
        WRITES[f"scatter_reduce_{reduce}" + ("" if include else "_alone")] = (
            lambda x, y, reduce=reduce, include=include: x.scatter_reduce(
                1, batched(REPEATED, x), y, reduce, include_self=include
            ),
            [[(5,), (4,)], [(4,), (4,)]],
        )
# Factors of zero, and elements that tie.
WRITES["scatter_reduce_zeros"] = (
    lambda x, y: x.scatter_reduce(1, batched(REPEATED, x), torch.where(y > 0, y, 0 * y), "prod"), [[(5,), (4,)]],
)
WRITES["scatter_reduce_ties"] = (
    lambda x, y: x.clamp(-0.1, 0.1).scatter_reduce(1, batched(REPEATED, x), y.clamp(-0.1, 0.1), "amax"),
    [[(5,), (4,)]],
)
ORDERS = {
    "sort": (lambda x: x.sort(dim=-1)[0] * torch.arange(x.shape[-1]), [[(1,)], [(7,)], [(3, 32)], [(2, 100)]]),
    "sort_descending": (
        lambda x: x.sort(dim=1, descending=True)[0] * torch.arange(x.shape[-1]), [[(9,)], [(33, 2)]],
    ),
    "sort_batch": (lambda x: x.t().sort()[0].t() * 2, [[(3,)]]),
    "topk": (lambda x: x.topk(3)[0] * torch.arange(3), [[(3,)], [(8,)], [(2, 100)]]),
    "topk_smallest": (lambda x: x.topk(2, dim=1, largest=False)[0] * torch.arange(2), [[(8,)]]),
    "topk_of_many": (lambda x: x.topk(40)[0] * torch.arange(40), [[(50,)], [(2, 41)]]),
    "kthvalue": (lambda x: x.kthvalue(2, dim=-1)[0], [[(5,)], [(3, 17)]]),
    "median": (lambda x: x.median(dim=1)[0], [[(5,)], [(8, 3)]]),
    "median_ties": (lambda x: (x.clamp(-0.1, 0.1) / x.shape[0]).sum(0).clamp(-0.01, 0.01).median(), [[(6,)]]),
}
VIEWS = {
    "as_strided": (lambda x: x.as_strided((x.shape[0], 2, 3), (6, 1, 2)) * torch.arange(3), [[(7,)], [(3, 2)]]),
    "diagonal": (lambda x: x.diagonal(1, 1, 2) * 2, [[(4, 3)], [(3, 5, 2)]]),
    "diagonal_below": (lambda x: x.diagonal(-1, 2, 0), [[(2, 3)]]),
    "diagonal_scatter": (lambda x, y: x.diagonal_scatter(y, 1, 1, 2), [[(3, 4), (3,)]]),
    "diag_embed": (lambda x: x.diag_embed(1, 0, 2) * 2, [[(3,)], [(2, 4)]]),
    "unfold": (lambda x: x.unfold(1, 3, 2) * torch.arange(3), [[(7,)], [(6, 2)]]),
    "flip": (lambda x: x.flip(0, -1) * torch.arange(x.shape[-1]), [[(5,)], [(2, 3)]]),
    "flip_leading": (lambda x: x.flip(1) * torch.arange(x.shape[-1]), [[(5, 3)]]),
    "rot90": (lambda x: x.rot90(1, (1, 2)) + x.rot90(-1, (1, 2)) * 2 + x.rot90(2, (1, 2)) * 3, [[(4, 4)]]),
    "roll": (lambda x: x.roll((3, -1), (1, 2)) * torch.arange(x.shape[-1]), [[(5, 3)]]),
    "roll_flat": (lambda x: x.roll(-4) * torch.arange(x.shape[-1]), [[(5,)]]),
    "select_scatter": (lambda x, y: x.select_scatter(y, 1, -2), [[(4, 3), (3,)]]),
    "slice_scatter": (lambda x, y: x.slice_scatter(y, 1, 1, 3), [[(5, 2), (2, 2)]]),
    "slice_scatter_step": (lambda x, y: x.slice_scatter(y, 1, 1, 6, 2), [[(7, 2), (3, 2)]]),
    "assign_slice": (lambda x, y: assign(x, y), [[(5,), (2,)]]),
}


def assign(x, y):
    x = x.clone()
    x[:, 1:3] = y
    return x


PRODUCTS = {
    "einsum_product": (lambda x, y: torch.einsum("bij,bjk->bik", x, y), [[(3, 4), (4, 2)]]),
    "einsum_rearranged": (lambda x, y: torch.einsum("bhsd,bthd->btsh", x, y), [[(2, 3, 4), (5, 2, 4)]]),
    "einsum_implicit": (lambda x, y: torch.einsum("bj,bk", x, y), [[(3,), (4,)]]),
    "einsum_dots": (lambda x, y: torch.einsum("...ij,...j->...i", x, y), [[(2, 3, 4), (2, 4)], [(3, 4), (4,)]]),
    "einsum_three": (lambda x, y, z: torch.einsum("bi,bij,bj->b", x, y, z), [[(3,), (3, 4), (4,)]]),
    "einsum_outer": (lambda x, y: torch.einsum("bi,bj->bji", x, y), [[(3,), (4,)]]),
    "einsum_one": (lambda x: torch.einsum("bij->jb", x), [[(3, 4)]]),
    "einsum_diagonal": (lambda x: torch.einsum("bii->b", x) + torch.einsum("bii->bi", x).sum(1) * 2, [[(3, 3)]]),
    "einsum_elementwise": (lambda x, y: torch.einsum("bi, bi -> bi", x, y), [[(3,), (3,)]]),
    "einsum_sum_of_one": (lambda x, y: torch.einsum("bij,bk->bk", x, y), [[(3, 2), (4,)]]),
    "outer": (lambda x, y: torch.outer(x.flatten(), y.flatten()), [[(3,), (2,)]]),
    "addbmm": (lambda x, y: torch.addbmm(torch.ones(3, 2), x, y, beta=0.5, alpha=2), [[(3, 5), (5, 2)]]),
    "addmv": (lambda x, y: torch.addmv(x[:, 0], y, x[0], alpha=0.3), [[(5,), (5,)]]),
    "addr": (lambda x, y: torch.addr(x, y[:, 0], x[0], alpha=0.3, beta=2), [[(5,), (2,)]]),
    "vdot": (lambda x, y: torch.vdot(x.flatten(), y.flatten()), [[(5,), (5,)]]),
}
GRADIENTS = {"reads": READS, "writes": WRITES, "orders": ORDERS, "views": VIEWS, "products": PRODUCTS}

SPECIAL = torch.tensor([[3.0, float("nan"), 1.0, 3.0, float("inf"), 1.0], [0.0, -0.0, float("-inf"), 2.0, 2.0, 2.0]])
INTEGERS = torch.tensor([[3, -5, 3, 7, -5, 0], [1, 1, 1, 0, 2, 1]])
BOUNDARIES = torch.tensor([-1.0, 0.0, 0.5, 0.5, 2.0])
SCATTERED = torch.tensor([[0, 2, 0, 0, 1, 2], [3, 3, 3, 1, 0, 5]])
RANDOM = torch.rand(2, 40, generator=torch.Generator().manual_seed(0)) * 7 - 1

VALUES = {
    "sort_special": (lambda x: tuple(x.sort(stable=True)), [SPECIAL]),
    "sort_special_descending": (lambda x: tuple(x.sort(stable=True, descending=True)), [SPECIAL]),
    "sort_integers": (lambda x: tuple(x.sort(stable=True)), [INTEGERS]),
    "sort_booleans": (lambda x: tuple((x > 1).sort(stable=True, descending=True)), [INTEGERS]),
    "argsort": (lambda x: x.argsort(dim=0, stable=True), [INTEGERS]),
    "sort_long": (lambda x: tuple(x.sort(dim=-1, stable=True)), [torch.arange(2 * 1025).view(2, 1025) * 7919 % 613]),
    "topk_special": (lambda x: x.topk(3)[0], [SPECIAL]),
    "topk_smallest_special": (lambda x: x.topk(3, largest=False)[0], [SPECIAL]),
    "topk_integers": (lambda x: x.topk(2)[0], [INTEGERS]),
    "median_special": (lambda x: tuple(x.median(-1)), [SPECIAL[:, [0, 1, 2, 4, 5]]]),
    "nanmedian_special": (lambda x: tuple(x.nanmedian(-1)), [SPECIAL[:1, [0, 1, 2, 4]].repeat(2, 1)]),
    "median_of_all": (lambda x: (x + 0.5 * torch.arange(2)[:, None].repeat(x.shape[0] // 2, 1)).median(), [RANDOM]),
    "searchsorted": (lambda x: torch.searchsorted(BOUNDARIES, x), [SPECIAL]),
    "searchsorted_right": (lambda x: torch.searchsorted(BOUNDARIES, x, right=True, out_int32=True), [SPECIAL]),
    "searchsorted_rows": (lambda x, y: torch.searchsorted(x.sort(-1)[0], y), [INTEGERS, INTEGERS[:, :4]]),
    "searchsorted_sorter": (
        lambda x, y: torch.searchsorted(x, y, sorter=x.argsort(-1)), [INTEGERS, INTEGERS[:, 1:]],
    ),
    "bucketize": (lambda x: torch.bucketize(x, BOUNDARIES, right=True), [RANDOM]),
    "histc": (lambda x: x.histc(7, min=-1, max=6), [RANDOM]),
    "histc_of_range": (lambda x: x.histc(5), [RANDOM]),
    "histc_of_classes": (lambda x: x.float().histc(6, min=0, max=5).int(), [SCATTERED]),
    "one_hot": (lambda x: torch.nn.functional.one_hot(x, 6), [SCATTERED]),
    "scatter_integers": (lambda x, i: x.scatter_add(1, i, x), [INTEGERS, SCATTERED]),
    "scatter_product": (lambda x, i: x.scatter_reduce(1, i, x, "prod"), [INTEGERS, SCATTERED]),
    "scatter_least": (lambda x, i: x.scatter_reduce(1, i, x, "amin", include_self=False), [INTEGERS, SCATTERED]),
    "scatter_mean": (lambda x, i: x.scatter_reduce(1, i, x, "mean"), [INTEGERS, SCATTERED]),
    "scatter_add_multiply": (lambda x, i: x.scatter(1, i[:, :3], x, reduce="multiply"), [INTEGERS, SCATTERED]),
    "scatter_booleans": (lambda x, i: (x > 2).scatter(1, i, True), [INTEGERS, SCATTERED]),
    "index_booleans": (lambda x, i: (x > 2)[torch.arange(x.shape[0])[:, None], i], [INTEGERS, SCATTERED]),
    "index_put_mask": (lambda x, y: x.index_put((x > 0,), torch.tensor(9)), [INTEGERS, INTEGERS]),
    "index_nothing": (lambda x: x[:, torch.zeros(0, dtype=torch.long)].sum(1), [INTEGERS]),
}

# Bags of rows: some empty, rows more than once in one, indices after the last bag, rows that do not count.
_TABLE, _IDS = RANDOM[:, :18].double().reshape(-1, 3), torch.tensor([5, 0, 5, 11, 2, 2, 7])
_BEGINS = torch.tensor([0, 2, 2, 5])
_WEIGHTS = RANDOM[1, :7].double()


def _bags(**options):
    return lambda table, ids, begins: F.embedding_bag(ids, table, begins, **options)


BAGS = {
    "bag_sum": (_bags(mode="sum"), [_TABLE, _IDS, _BEGINS]),
    "bag_mean": (_bags(mode="mean"), [_TABLE, _IDS, _BEGINS]),
    "bag_max": (_bags(mode="max"), [_TABLE, _IDS, _BEGINS]),
    "bag_max_of_equals": (_bags(mode="max"), [_TABLE.round(), _IDS, _BEGINS]),
    "bag_mean_padded": (_bags(mode="mean", padding_idx=2), [_TABLE, _IDS, _BEGINS]),
    "bag_max_padded": (_bags(mode="max", padding_idx=-7), [_TABLE, _IDS, _BEGINS]),
    "bag_to_the_last": (_bags(mode="sum", include_last_offset=True), [_TABLE, _IDS, torch.tensor([0, 3, 3, 7])]),
    "bag_rows": (lambda table, ids: F.embedding_bag(ids[:6].view(3, 2), table, mode="max"), [_TABLE, _IDS]),
    "bag_weighted": (
        lambda table, ids, begins, w: F.embedding_bag(ids, table, begins, mode="sum", per_sample_weights=w),
        [_TABLE, _IDS, _BEGINS, _WEIGHTS],
    ),
    "bag_of_nothing": (lambda table, ids: F.embedding_bag(ids[:0], table, torch.zeros(2, dtype=torch.long)), [_TABLE, _IDS]),
    "bag_half": (_bags(mode="mean"), [_TABLE.half(), _IDS, _BEGINS]),
    "bag_short_indices": (_bags(mode="sum"), [_TABLE, _IDS.int(), _BEGINS.int()]),
}

# As VALUES, gradients too: what reads by a running count of other operands, and joins and products of what is empty.
_MATRIX, _ROW = RANDOM[:, :6].double(), RANDOM[0, 6:18].double()
_REPEATS = torch.tensor([2, 0, 1, 3, 0, 2])
_MASK = torch.tensor([[True, False, False, True, True, False], [False, True, False, False, True, True]])
COUNTED = {
    "repeat_interleave": (lambda x, n: x.repeat_interleave(n, dim=1, output_size=8), [_MATRIX, _REPEATS]),
    "repeat_interleave_flat": (lambda x, n: x.repeat_interleave(n, output_size=8), [_MATRIX[0], _REPEATS]),
    "repeat_interleave_rows": (lambda x, n: x.repeat_interleave(n[:2] + 1, dim=0, output_size=4), [_MATRIX, _REPEATS]),
    "repeat_interleave_once": (lambda x, n: x.repeat_interleave(n[:1], dim=-1, output_size=12), [_MATRIX, _REPEATS]),
    "repeat_interleave_places": (lambda n: torch.repeat_interleave(n, output_size=8), [_REPEATS]),
    "masked_scatter": (lambda x, m, y: x.masked_scatter(m, y), [_MATRIX, _MASK, _ROW]),
    "masked_scatter_broadcast": (lambda x, m, y: x.masked_scatter(m[0], y), [_MATRIX, _MASK, _ROW]),
    "masked_scatter_exact": (lambda x, m, y: x.masked_scatter(m, y[:6].view(2, 3)), [_MATRIX, _MASK, _ROW]),
    "masked_scatter_integers": (lambda x, m: x.masked_scatter(m, x), [INTEGERS, _MASK]),
    "masked_scatter_nothing": (lambda x, m, y: x.masked_scatter(m & ~m, y), [_MATRIX, _MASK, _ROW]),
    "cat_of_nothing": (lambda x: torch.cat([x[0, :0], x[1, :0]]), [_MATRIX]),
    "cat_with_nothing": (lambda x: torch.cat([x[0, :0], x, x * 2], 1), [_MATRIX]),
    "inner": (lambda x, y: torch.inner(x, y.view(2, 6)), [_MATRIX, _ROW]),
    "inner_of_vectors": (torch.inner, [_ROW, _ROW.flip(0)]),
    "inner_of_ranks": (lambda x, y: torch.inner(y.view(2, 1, 6), x[0]), [_MATRIX, _ROW]),
    "inner_with_number": (lambda x, y: torch.inner(x, y[0]), [_MATRIX, _ROW]),
    "inner_integers": (torch.inner, [INTEGERS, INTEGERS.flip(0)]),
    "square_of_booleans": (torch.square, [_MASK]),
}
