"""How good predicted masks are: overlaps of what is predicted with what is there."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def mask_metrics(log_probs: Float[Tensor, "N H W C"], masks: Int[Tensor, "N H W"]) -> dict[str, float]:
    """``iou`` and ``dice``: means over classes, of all pixels of all images together; ``accuracy`` of pixels (ties: the
    lower class), and ``nll`` -1/NHW Σ ln p(y) in nats a pixel."""
    chosen = log_probs.argmax(-1)
    counts = confusion(chosen, masks, log_probs.shape[-1])
    nll = -log_probs.double().gather(-1, masks[..., None]).mean()
    accuracy = (chosen == masks).double().mean()
    return {**overlaps(counts), "accuracy": accuracy.item(), "nll": nll.item()}


def confusion(chosen: Int[Tensor, "..."], masks: Int[Tensor, "..."], num_classes: int) -> Int[Tensor, "C C"]:
    """Pixels of class i (rows) that were given class j (columns)."""
    pairs = masks.flatten() * num_classes + chosen.flatten()
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


def overlaps(counts: Int[Tensor, "C C"]) -> dict[str, float]:
    """Intersection over union |A ∩ B| / |A ∪ B| and Dice 2 |A ∩ B| / (|A| + |B|) of each class, their means over the
    classes that are in the masks or were predicted; NaN if there are no pixels."""
    both = counts.diagonal().double()
    sizes = counts.sum(0).double() + counts.sum(1).double()
    there = sizes > 0
    both, sizes = both[there], sizes[there]
    return {"iou": (both / (sizes - both)).mean().item(), "dice": (2 * both / sizes).mean().item()}
