"""BADGE's gradient embeddings: what the last layer would learn if the likeliest class were right."""

import torch
from torch import Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.representations.last_layer import checked

PARTS = ("weight", "bias", "both")


def badge_embedding(
    logits: Tensor,
    features: Tensor,
    *,
    part: str = "weight",
) -> Kronecker:
    """g_n = (p_n - e_ŷ) ⊗ h_n: the gradient of the cross-entropy of the likeliest class ŷ in the last layer.

    ``logits``: ``N C``, p their softmax; one logit z, ``N 1``, is that of class 1 against 0, so [0, z]. ``features`` h:
    ``N D``, what the last layer reads. ``part``: the gradient in its weights ``C x D``, as published, in its biases (h
    is 1), or in both ([h, 1]). Rows are kept as their factors, so that N (C + D) numbers are stored and not N C D.

    ‖g‖ is at most that for any other label: 0 where the model is sure, so it tells how unsure it is, and its direction
    what it would learn. No label is read, and ties go to the first class. p is computed in float64, and p_ŷ - 1 as what
    all other classes have, so that sure points keep their digits; factors have the inputs' precision, at least float32.

    Ash et al. (ICLR 2020), in the form of Zhang et al. (2023). Raises ValueError for other shapes and types, and for
    logits or features that are not finite.
    """
    if part not in PARTS:
        raise ValueError(f"part is one of {', '.join(PARTS)}, but it is {part!r}")
    logits, features = checked(logits, features, "gradient embeddings")
    dtype = torch.promote_types(torch.promote_types(logits.dtype, features.dtype), torch.float32)
    likeliest = logits.argmax(1, keepdim=True)  # argmax gives the first of equals
    others = logits.double().softmax(1).scatter_(1, likeliest, 0)
    left = others.scatter_(1, likeliest, -others.sum(1, keepdim=True)).to(dtype)
    inputs = [features.to(dtype)] if part != "bias" else []
    if part != "weight":
        inputs.append(torch.ones(len(features), 1, dtype=dtype, device=features.device))
    return Kronecker(left, torch.cat(inputs, 1) if len(inputs) > 1 else inputs[0])
