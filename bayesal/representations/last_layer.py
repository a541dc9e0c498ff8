"""What logits and features of a last layer must be, before gradients are made of them."""

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.representations.door import check_finite


def checked(logits: Tensor, features: Tensor, what: str) -> tuple[Float[Tensor, "N C"], Float[Tensor, "N D"]]:
    """Both without gradients; one logit z is that of class 1 against 0, so [0, z]. ``what`` needs them, in words.

    Raises ValueError for other shapes and types, and for numbers that are not finite.
    """
    if logits.ndim != 2 or features.ndim != 2 or len(logits) != len(features) or 0 in logits.shape[1:]:
        raise ValueError(
            f"{what} need logits of shape (N, C) and features of shape (N, D) of the same N points, but these have the "
            f"shapes {tuple(logits.shape)} and {tuple(features.shape)}"
        )
    for numbers, name in ((logits, "logits"), (features, "features")):
        if not numbers.is_floating_point():
            raise ValueError(f"{name} must be floats, but they are {numbers.dtype}")
        check_finite(numbers, name)
    logits, features = logits.detach(), features.detach()
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    return logits, features
