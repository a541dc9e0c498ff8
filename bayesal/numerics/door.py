"""What predictions must be before anything is computed from them, and what scores must be after: one sentence each."""

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.distributions import Distribution


def check_axes(predictions: Distribution) -> None:
    """Predictions have the axes points and hypotheses, and at least one hypothesis; else ValueError."""
    shape = tuple(predictions.batch_shape)
    if len(shape) < 2:
        raise ValueError(
            f"predictions need the axes (points N, hypotheses K), but {type(predictions).__name__} has batch_shape "
            f"{shape}; for a single hypothesis give its parameters a hypothesis axis of length 1"
        )
    if shape[1] == 0:
        raise ValueError(f"predictions need at least one hypothesis, but their batch_shape is {shape}")


def check_finite(scores: Shaped[Tensor, "N ..."], name: str = "point", first: int = 0) -> Shaped[Tensor, "N ..."]:
    """The scores, if every one is a number; else ValueError naming the point that is not (``first`` is that of row 0).

    NaN and infinities in predictions reach the score of their point, so the check costs one look at N numbers instead
    of one at N K C.
    """
    bad = ~torch.isfinite(scores)
    if bad.any():
        point = first + int(bad.nonzero()[0, 0])
        raise ValueError(
            f"the predictions for {name} {point} are not a distribution: they hold NaN, an infinity or a probability "
            "below 0; check what the model returns there"
        )
    return scores
