"""Losses with the tensors that they are tried on; labels to ignore, weights, targets of all forms."""

import torch
from torch.nn import functional as F


def _drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


_SIGNS = torch.tensor([1, -1, -1, 1, 1])
VALUES = {
    "scores": _drawn(5, 4),
    "other_scores": _drawn(5, 4, seed=1),
    "third_scores": _drawn(5, 4, seed=2),
    "images": _drawn(3, 4, 2, 5, seed=3),
    "one_row": _drawn(4, seed=4),
    "probabilities": _drawn(5, 4, seed=5).softmax(1),
    "image_probabilities": _drawn(3, 4, 2, 5, seed=6).softmax(1),
    "unit": _drawn(5, 4, seed=7).sigmoid(),
    "unit_target": _drawn(5, 4, seed=8).sigmoid(),
    "weights": _drawn(4, seed=9).exp(),
    "column": _drawn(5, seed=10),
    "other_column": _drawn(5, seed=11),
    "labels": torch.tensor([3, 0, 1, 1, 2]),
    "ignored": torch.tensor([3, -100, 1, -100, 2]),
    "two_ignored": torch.tensor([3, 2, 1, 2, 0]),
    "label_lists": torch.tensor([[3, 0, -1, 1], [1, -1, 2, 2], [-1, 0, 1, 2], [0, 1, 2, 3], [2, 2, -1, 0]]),
    "image_labels": torch.arange(30).reshape(3, 2, 5) % 4,
    "label": torch.tensor(2),
    "signs": _SIGNS,
    "sign_matrix": torch.tensor([[1, -1, 1, -1]]) * _SIGNS[:, None],
    "counts": _drawn(5, 4, seed=12).abs() * 3,
}


def _reductions(function):
    return lambda *operands: tuple(function(*operands, reduction=kind) for kind in ("none", "mean", "sum"))


def _with_options(function, **options):
    return lambda *operands: tuple(function(*operands, reduction=kind, **options) for kind in ("none", "mean", "sum"))


def _cross_entropy_weighted(x, t, w):
    return tuple(F.cross_entropy(x, t, w.detach(), reduction=kind) for kind in ("none", "mean", "sum"))


def _cross_entropy_all(x, t, w):
    return tuple(
        F.cross_entropy(x, t, w.detach(), reduction=kind, label_smoothing=0.2) for kind in ("none", "mean", "sum")
    )


# The targets of these have no gradient in PyTorch, or none that anybody asks for.
_apart = lambda function: lambda x, *rest: function(x, *(value.detach() for value in rest))

LOSSES = {
    "cross_entropy": (_reductions(F.cross_entropy), "scores", "labels"),
    "cross_entropy_ignored": (_reductions(F.cross_entropy), "scores", "ignored"),
    "cross_entropy_ignore_index": (_with_options(F.cross_entropy, ignore_index=2), "scores", "two_ignored"),
    "cross_entropy_weighted": (_cross_entropy_weighted, "scores", "ignored", "weights"),
    "cross_entropy_smooth": (_with_options(F.cross_entropy, label_smoothing=0.1), "scores", "ignored"),
    "cross_entropy_smooth_weighted": (_cross_entropy_all, "scores", "ignored", "weights"),
    "cross_entropy_images": (_reductions(F.cross_entropy), "images", "image_labels"),
    "cross_entropy_one_row": (_reductions(F.cross_entropy), "one_row", "label"),
    "cross_entropy_probabilities": (_reductions(F.cross_entropy), "scores", "probabilities"),
    "cross_entropy_probabilities_all": (_apart(_cross_entropy_all), "scores", "probabilities", "weights"),
    "cross_entropy_image_probabilities": (_reductions(F.cross_entropy), "images", "image_probabilities"),
    "nll": (lambda x, t: _reductions(F.nll_loss)(x.log_softmax(1), t), "scores", "ignored"),
    "nll_weighted": (lambda x, t, w: F.nll_loss(x, t, w.detach()), "scores", "labels", "weights"),
    "nll_images": (_reductions(F.nll_loss), "images", "image_labels"),
    "mse": (_reductions(F.mse_loss), "scores", "other_scores"),
    "l1": (_reductions(F.l1_loss), "scores", "other_scores"),
    "smooth_l1": (_with_options(F.smooth_l1_loss, beta=0.7), "scores", "other_scores"),
    "huber": (_with_options(F.huber_loss, delta=0.7), "scores", "other_scores"),
    "bce": (_apart(_reductions(F.binary_cross_entropy)), "unit", "unit_target"),
    "bce_weighted": (_apart(lambda x, t, w: F.binary_cross_entropy(x, t, w)), "unit", "unit_target", "weights"),
    "bce_logits": (_apart(_reductions(F.binary_cross_entropy_with_logits)), "scores", "unit_target"),
    "bce_logits_weighted": (
        _apart(lambda x, t, w, p: F.binary_cross_entropy_with_logits(x, t, w, pos_weight=p)),
        "scores", "unit_target", "weights", "weights",
    ),
    "kl_div": (_reductions(F.kl_div), "scores", "probabilities"),
    "kl_div_log": (_with_options(F.kl_div, log_target=True), "scores", "other_scores"),
    "kl_div_batchmean": (lambda x, t: F.kl_div(x.log_softmax(1), t, reduction="batchmean"), "scores", "probabilities"),
    "soft_margin": (_reductions(F.soft_margin_loss), "scores", "sign_matrix"),
    "hinge_embedding": (_with_options(F.hinge_embedding_loss, margin=0.8), "scores", "sign_matrix"),
    "margin_ranking": (_with_options(F.margin_ranking_loss, margin=0.3), "column", "other_column", "signs"),
    "triplet_margin": (_reductions(F.triplet_margin_loss), "scores", "other_scores", "third_scores"),
    "triplet_margin_swap": (
        _with_options(F.triplet_margin_loss, swap=True, p=3.0), "scores", "other_scores", "third_scores",
    ),
    "cosine_embedding": (_with_options(F.cosine_embedding_loss, margin=0.1), "scores", "other_scores", "signs"),
    "multi_margin": (_reductions(F.multi_margin_loss), "scores", "labels"),
    "multi_margin_squared": (
        lambda x, t, w: F.multi_margin_loss(x, t, p=2, margin=0.7, weight=w.detach()), "scores", "labels", "weights",
    ),
    "multilabel_margin": (_reductions(F.multilabel_margin_loss), "scores", "label_lists"),
    "multilabel_margin_one_row": (
        lambda x, t: F.multilabel_margin_loss(x, t[0], reduction="none").flatten(), "one_row", "label_lists",
    ),
    "multilabel_soft_margin": (_apart(_reductions(F.multilabel_soft_margin_loss)), "scores", "unit_target"),
    "poisson_nll": (_apart(_with_options(F.poisson_nll_loss, full=True)), "scores", "counts"),
    "poisson_nll_plain": (_apart(_with_options(F.poisson_nll_loss, log_input=False)), "unit", "counts"),
}
