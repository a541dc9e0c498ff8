"""The supervised contrastive loss: points of one class are to look in one direction, others elsewhere."""

import torch
from jaxtyping import Float
from torch import Tensor


def supcon(
    features: Tensor,
    labels: Tensor,
    *,
    temperature: float | int = 0.07,
    base_temperature: float | int | None = None,
) -> Float[Tensor, "N *V"]:
    """l_i = -mean_{p ∈ P(i)} [z_i·z_p / T - ln Σ_{a ∈ A(i)} exp(z_i·z_a / T)] in nats, for every anchor i.

    Supervised contrastive learning (Khosla et al., NeurIPS 2020), as SCAL takes it (Krishnan et al., 2021). z are the
    ``features``, each divided by its length: ``N D``, or ``N V D`` for V views of each point. A(i) are all others among
    the N V, P(i) those of them with the label of i, other views of its own point among them. The result has one number
    an anchor, ``N`` or ``N V``: SCAL takes their sum, the authors of the loss their mean. An anchor without positives
    contributes 0. ``base_temperature``: multiply by T / T_base, as the authors' program does (0.07 / 0.07 by default).

    Features of length 0 stay 0. Computed in at least float32; memory is (N V)². Raises ValueError for shapes or labels
    that do not fit, and for temperatures that are not positive.
    """
    if features.ndim not in (2, 3) or not features.is_floating_point() or 0 in features.shape[1:]:
        raise ValueError(
            f"contrasted features are (N, D), or (N, V, D) with V views of each point, but these are {features.dtype} "
            f"of shape {tuple(features.shape)}"
        )
    if labels.shape != features.shape[:1] or labels.is_floating_point():
        raise ValueError(
            f"each of the {len(features)} points needs one class, a whole number, but the labels are {labels.dtype} of "
            f"shape {tuple(labels.shape)}"
        )
    for name, value in (("temperature", temperature), ("base_temperature", base_temperature)):
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name} must be positive, but it is {value}")
    shape = features.shape[:-1]
    z = features.to(torch.promote_types(features.dtype, torch.float32)).reshape(-1, features.shape[-1])
    if len(z) < 2:  # nothing to compare with
        return (0 * z).sum(-1).view(shape)
    lengths = z.norm(dim=1, keepdim=True)
    z = z / torch.where(lengths > 0, lengths, 1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    products = (z @ z.mT / temperature).masked_fill(itself, -torch.inf)
    classes = labels.repeat_interleave(len(z) // len(labels)).to(z.device)
    positive = (classes[:, None] == classes) & ~itself
    logs = products - products.logsumexp(dim=1, keepdim=True)
    losses = -torch.where(positive, logs, 0).sum(1) / positive.sum(1).clamp(min=1)
    return (losses * (1.0 if base_temperature is None else temperature / base_temperature)).view(shape)
