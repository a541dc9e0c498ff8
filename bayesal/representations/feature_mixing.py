"""Features mixed a little with those of a class: does the predicted label change?"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from bayesal.numerics.linalg import blocks

STEPS = 2**20  # numbers mixed at once


def class_anchors(features: Shaped[Tensor, "L D"], labels: Tensor, num_classes: int) -> Float[Tensor, "C D"]:
    """The mean of the labelled features of each class; of a class without labels, the mean of all.

    Raises ValueError where nothing is labelled, and for labels that are no classes 0 ... C-1.
    """
    if not len(features):
        raise ValueError("anchors are means of labelled features, but nothing is labelled; label some points first")
    if (
        labels.shape != (len(features),)
        or labels.is_floating_point()
        or not bool(((labels >= 0) & (labels < num_classes)).all())
    ):
        raise ValueError(
            f"anchors need one class of 0 ... {num_classes - 1} for each of {len(features)} labelled points, but the "
            f"labels are {labels.dtype} of shape {tuple(labels.shape)}"
        )
    labels = labels.long().to(features.device)
    counts = labels.bincount(minlength=num_classes)
    sums = torch.zeros(num_classes, features.shape[1], dtype=torch.float64, device=features.device)
    sums.index_add_(0, labels, features.double())
    means = torch.where(counts[:, None] > 0, sums / counts.clamp_min(1)[:, None], sums.sum(0) / len(features))
    return means.to(features)


def likely_direction(logits: Float[Tensor, "N C"], weight: Float[Tensor, "C D"]) -> Float[Tensor, "N D"]:
    """∇_z CE(W z + b, ŷ) / (1 - p_ŷ), the direction in which the most likely label ŷ is lost fastest.

    The gradient is Wᵀ(p - e_ŷ); divided, it is Wᵀ(q - e_ŷ) with q the probabilities of the other labels among
    themselves, which has a direction however sure the prediction is.
    """
    likely = torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1])
    others = logits.masked_fill(likely.bool(), -torch.inf).softmax(1)
    return (others - likely) @ weight


def mixed(
    features: Float[Tensor, "N D"], anchors: Float[Tensor, "N D"], gradient: Float[Tensor, "N D"], cap: float | int
) -> Float[Tensor, "N D"]:
    """α ⊙ z* + (1 - α) ⊙ z at the α with ‖α ⊙ (z* - z)‖ ≤ ε ‖z* - z‖ that raises the loss most, ε = cap / √D.

    That is z + ε ‖z* - z‖ g / ‖g‖ (Parvaneh et al., CVPR 2022), without a division by z* - z. Where g = 0 it is z.
    """
    length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    away = torch.linalg.vector_norm(anchors - features, dim=1, keepdim=True)
    return features + cap / features.shape[1] ** 0.5 * away * gradient / torch.where(length > 0, length, 1)


def flips(
    features: Float[Tensor, "N D"],
    anchors: Float[Tensor, "A D"],
    weight: Float[Tensor, "C D"],
    bias: Float[Tensor, "C"],
    cap: float | int,
) -> Bool[Tensor, "N"]:
    """Whether the most likely label of W z + b changes when z is ``mixed`` with one of the anchors.

    Mixing moves z along g only, so that the logits move along W g / ‖g‖, by ε times the distance to the anchor.
    """
    result = torch.empty(len(features), dtype=torch.bool, device=features.device)
    for some in blocks(len(features), max(features.shape[1], len(anchors) * len(weight)), STEPS):
        rows = features[some].double()
        logits = torch.addmm(bias.double(), rows, weight.double().mT)
        gradient = likely_direction(logits, weight.double())
        length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        along = gradient @ weight.double().mT / torch.where(length > 0, length, 1)
        away = torch.cdist(rows, anchors.double(), compute_mode="donot_use_mm_for_euclid_dist")
        steps = cap / features.shape[1] ** 0.5 * away
        moved = logits[:, None] + steps[:, :, None] * along[:, None]
        result[some] = (moved.argmax(2) != logits.argmax(1, keepdim=True)).any(1)
    return result


def optimised_flips(
    features: Float[Tensor, "N D"],
    anchors: Float[Tensor, "A D"],
    weight: Float[Tensor, "C D"],
    bias: Float[Tensor, "C"],
    cap: float | int,
    *,
    steps: int = 5,
    rate: float = 0.1,
    shrink: float = 0.01,
) -> Bool[Tensor, "N"]:
    """``flips`` where α is found by ``steps`` of Adam on -CE(W z̃ + b, ŷ) + ``shrink`` ‖α‖, within [1e-8, cap].

    The second variant of Parvaneh et al. (CVPR 2022). α starts at cap / 2, since the start could not be verified.
    """
    result = torch.zeros(len(features), dtype=torch.bool, device=features.device)
    for some in blocks(len(features), features.shape[1], STEPS):
        rows = features[some].detach()
        with torch.no_grad():
            likely = torch.addmm(bias, rows, weight.mT).argmax(1)
        for anchor in anchors:
            share = torch.full_like(rows, min(float(cap), 1.0) / 2).requires_grad_()
            optimiser = torch.optim.Adam([share], lr=rate)
            for _ in range(steps):
                with torch.enable_grad():
                    logits = torch.addmm(bias, rows + share * (anchor - rows), weight.mT)
                    loss = -torch.nn.functional.cross_entropy(logits, likely, reduction="sum")
                    loss = loss + shrink * torch.linalg.vector_norm(share, dim=1).sum()
                (share.grad,) = torch.autograd.grad(loss, [share])
                optimiser.step()
                with torch.no_grad():
                    share.clamp_(1e-8, float(cap))
            with torch.no_grad():
                logits = torch.addmm(bias, rows + share * (anchor - rows), weight.mT)
                result[some] |= logits.argmax(1) != likely
    return result
