"""Temporal output discrepancy: how far the predictions of a point moved between two moments of a training."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal.numerics.classes import over_points, sum_events
from bayesal.numerics.door import check_axes, check_finite

KINDS = ("half_square", "norm")


def discrepancy(predictions: Distribution, kind: str = "half_square") -> Float[Tensor, "N"]:
    """½‖p_c - p_(c-1)‖² of exactly two hypotheses in the order of time, earlier and later (Huang et al., ICCV 2021).

    ``kind``: "half_square", what the authors' program computes, in [0, 1] for classes; "norm" ‖p_c - p_(c-1)‖, the same
    ranking. Of several labels a point p holds the probability of each, and of amounts it is their means, in their own
    units; what a model says of the noise does not count. **Of maps of classes the score is the mean over their
    places**: our choice, for the paper does not spell out its own. For differences of logits, which a distribution
    knows but for a constant, see ``output_discrepancy``. Computed in float64.

    Raises ValueError for any other number of hypotheses, for NaN, and for other kinds of predictions.
    """
    check_axes(predictions)
    if predictions.batch_shape[1] != 2:
        raise ValueError(
            "a discrepancy is that of two moments, so it needs exactly two hypotheses in the order of time, but there "
            f"are {predictions.batch_shape[1]}"
        )
    _check(kind)
    base = predictions.base_dist if isinstance(predictions, Independent) else predictions
    if isinstance(base, Categorical):
        places = over_points(base, lambda logs: _finished(_moved(logs.double().exp()).sum(-1), kind).to(logs.dtype))
        return places.flatten(1).mean(1) if places.ndim > 1 else places
    if isinstance(base, Bernoulli):
        squares = over_points(base, lambda logs: _moved(logs[..., 1].double().exp()))
    elif isinstance(base, Normal):
        squares = check_finite(_moved(base.loc.detach().double()))
    else:
        raise ValueError(
            f"a discrepancy is known of classes, several labels, amounts and maps of classes, but the predictions are "
            f"{type(predictions).__name__} of {type(base).__name__}"
        )
    summed = sum_events(predictions, squares) if isinstance(predictions, Independent) else squares
    given = torch.promote_types(base.mean.dtype, torch.float32)
    return _finished(summed, kind).to(given)


def output_discrepancy(outputs: Tensor, kind: str = "norm") -> Float[Tensor, "N"]:
    """‖z_c - z_(c-1)‖ (or its "half_square") of a network's outputs ``N 2 C`` at two moments, earlier and later.

    Of maps ``N 2 C H W`` the mean over their places. Unlike probabilities, logits move where nothing is decided: by a
    constant, or from certain to more certain. Raises ValueError for other shapes, and for NaN.
    """
    _check(kind)
    if outputs.ndim < 3 or outputs.shape[1] != 2:
        raise ValueError(
            f"outputs at two moments, N 2 C or N 2 C H W, are needed, but their shape is {tuple(outputs.shape)}"
        )
    moved = check_finite(_finished(_moved(outputs.detach().double()).sum(1), kind))
    return (moved.flatten(1).mean(1) if moved.ndim > 1 else moved).to(torch.promote_types(outputs.dtype, torch.float32))


def _moved(values: Float[Tensor, "N 2 ..."]) -> Float[Tensor, "N ..."]:
    return (values[:, 1] - values[:, 0]).square()


def _finished(squares: Float[Tensor, "..."], kind: str) -> Float[Tensor, "..."]:
    return squares / 2 if kind == "half_square" else squares.sqrt()


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind must be {' or '.join(KINDS)}, but it is {kind!r}")
